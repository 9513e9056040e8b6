"""Whole models as .keras files: written through memory, checked before Keras opens them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import keras

from segline.base import seals
from segline.base.files import replacing
from segline.base.reading import refusing
from segline.config.places import maker


def write(path: Path, model: keras.Model) -> None:
    """Write a model, without optimizer and loss if it was not compiled."""
    with replacing(path, seal=maker(path)) as temporary:
        model.save(temporary)


def read(path: Path) -> keras.Model:
    """The model at `path`, not compiled; UserError for a file that is not as it was written."""
    with refusing(path, "model", f"remove it, and {maker(path)} makes it again"):
        seals.check(path)
        with zipfile.ZipFile(path) as parts:  # whose parts carry checksums, which Keras passes over
            damaged = parts.testzip()
        if damaged:
            raise ValueError(f"{damaged} in it is damaged")
        return keras.saving.load_model(path, compile=False)
