"""Trained weights in half precision: what the repository carries, and how a model comes from it.

Training rounds a finished model's kernels to half precision (`round_kernels`), so that packing them loses
nothing and a model made from the packed file predicts what the trained one did, bit for bit.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from segline import checkpoint, models
from segline.config import filled
from segline.errors import UserError
from segline.files import replacing, store_array

HALF_MAX = float(np.finfo(np.float16).max)


def round_kernels(model: keras.Model) -> None:
    """Round every kernel (a weight of two axes or more) to the nearest half-precision number."""
    for variable in model.weights:
        if len(variable.shape) > 1:
            values = keras.ops.convert_to_numpy(variable)
            variable.assign(np.clip(values, -HALF_MAX, HALF_MAX).astype(np.float16))


def write(path: Path, model: keras.Model, settings: dict[str, Any]) -> None:
    """Write a model's weights and `settings` (model.json) as one HDF5 file, halves where exact."""
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["settings"] = json.dumps(settings, sort_keys=True)
        for number, variable in enumerate(model.weights):
            values = keras.ops.convert_to_numpy(variable)
            half = values.astype(np.float16)
            stored = half if np.array_equal(half, values) else values
            store_array(file, f"{number:05d}", stored)


def settings_of(path: Path) -> dict[str, Any]:
    """The settings (model.json) that a packed model was trained with."""
    with _opened(path) as file:
        return filled("train", json.loads(file.attrs["settings"]))


def read(path: Path) -> keras.Model:
    """Build the packed model at `path` under its own precision, with its weights."""
    settings = settings_of(path)
    model = models.from_settings(settings, fetch=False)
    with _opened(path) as file:
        values = [file[name][()] for name in sorted(file)]
    try:
        checkpoint.assign(model.weights, values)
    except ValueError:
        raise UserError(
            f"{path}: its weights do not fit model {settings['model']['name']} of this version"
        ) from None
    return model


def start_from(model: keras.Model, path: Path) -> list[str]:
    """Give `model` the weights of the trained model at `path`; the names of the outputs left as they were.

    Those are outputs that it has not, or with other channels. UserError if the rest does not fit.
    """
    trained = keras.saving.load_model(path, compile=False)
    try:
        checkpoint.assign(_body(model), _body(trained))
    except ValueError:
        raise UserError(
            f"{path}: its weights do not fit this model; give both configs the same model.name, width, "
            f"max_width, depth, stem and input.mode"
        ) from None
    new = []
    for name in model.output:
        theirs = trained.get_layer(name).weights if name in trained.output else []
        try:
            checkpoint.assign(model.get_layer(name).weights, theirs)
        except ValueError:
            new.append(name)
    return new


def _body(model: keras.Model) -> list[keras.Variable]:
    layers = [layer for layer in model.layers if layer.name not in model.output]
    return [variable for layer in layers for variable in layer.weights]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_sums(folder: Path) -> None:
    """Refuse files of `folder` that differ from its SHA256SUMS (`sha256sum`'s format)."""
    sums = folder / "SHA256SUMS"
    if not sums.exists():
        raise UserError(f"{sums}: no such file; there are no shipped weights of this name")
    for line in sums.read_text().splitlines():
        expected, name = line.split(maxsplit=1)
        path = folder / name.strip()
        if not path.exists():
            raise UserError(f"{path}: listed in {sums} but not there; check it out again")
        if sha256(path) != expected:
            raise UserError(f"{path}: differs from {sums}; check it out again")


def _opened(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise UserError(f"{path}: not a readable file of weights ({error})") from None
