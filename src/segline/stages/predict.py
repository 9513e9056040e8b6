"""Probability maps of the held-out fold, or of the test images, with one fold's model."""

from __future__ import annotations

import filecmp
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from rich.progress import track

from segline import inference, maps, siblings
from segline.config import read_stage
from segline.console import console
from segline.files import copy, read_image
from segline.manifest import read_folds, read_images


def run(
    *, model: Path, params: Path, images: Path, folds: Path, fold: int | None, out: Path
) -> None:
    """Write maps of fold `fold`'s images to `out`, or of the test images if `fold` is None.

    Images of the modalities that the model was trained without are held out of every fold.
    """
    if _taken_from_another_run(model, out):
        return
    table, net = read_images(images), inference.load(model)
    if fold is None:
        rows = table[table["split"] == "test"]
    else:
        train = read_folds(table, folds)
        rows = train[(train["fold"] == fold) | train["modality"].isin(net.unseen)]
    maps.write(out, _predicted(net, rows, read_stage(params)))
    console.print(f"wrote {out} ({len(rows)} images)")


def _taken_from_another_run(model: Path, out: Path) -> bool:
    """Copy the maps that another run made with a copy of this model and the same settings, if any."""
    fold = out.parent
    for other in siblings.runs_like(fold.parent, ("data", "train", "predict")):
        made, theirs = other / fold.name / out.name, other / fold.name / model.name
        fresh = made.exists() and made.stat().st_mtime >= theirs.stat().st_mtime
        if fresh and filecmp.cmp(theirs, model, shallow=False):
            copy(made, out)
            console.print(f"{out}: the same model and settings as {made}, copied")
            return True
    return False


def _predicted(
    net: inference.Net, rows: pd.DataFrame, settings: dict
) -> Iterator[tuple[str, np.ndarray]]:
    named = list(zip(rows["image_id"], rows["image"], strict=True))
    for image_id, path in track(
        named, description="predict", console=console, disable=not console.is_terminal
    ):
        yield image_id, net.probabilities(read_image(path), **settings)
