"""Probability maps of the held-out fold, or of the test images, with one fold's model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from rich.progress import track

from segline.base.checksums import sha256
from segline.base.console import console, say
from segline.base.errors import UserError
from segline.base.files import copy, read_image
from segline.config import claims
from segline.config.places import RunFiles, Split
from segline.config.stages import TrainStage
from segline.config.tables import Data, Predict
from segline.data import identity
from segline.data.tables import data_hash, read_folds, read_images
from segline.nets import predict
from segline.objects import maps
from segline.results import reuse


@claims.makes(lambda run, fold, split: run.fold(fold).maps(split))
def run(run: RunFiles, fold: int, split: Split) -> None:
    """Write probability maps of a held-out fold (oof), or of the test images.

    Images of the modalities that the model was trained without are held out of every fold.
    """
    if split == "oof":
        identity.check(run, fold)
    files, out, origin = run.fold(fold), run.fold(fold).maps(split), _origin(run, fold, split)
    if out.exists() and maps.origin(out) == origin:
        out.touch()  # newer than what it was made from, of which only the time has changed
        say(f"{out} is of this net, these settings and images")
        return
    if _taken_from_another_run(run, fold, split, origin):
        return
    table, net = read_images(run.data.images), predict.load(files)
    if split == "test":
        rows = table[table["split"] == "test"]
    else:
        train = read_folds(table, run.data.folds)
        rows = train[(train["fold"] == fold) | train["modality"].isin(net.unseen)]
    maps.write(out, _predicted(net, rows, run.settings(Predict)), origin)
    say(f"wrote {out} ({len(rows)} images)")


def _origin(run: RunFiles, fold: int, split: Split) -> maps.Origin:
    """What the maps would be made from now."""
    return maps.Origin(
        model=sha256(run.fold(fold).model),
        settings=sha256(run.params(Predict)),
        images=identity.held_out(run.data) if split == "oof" else data_hash(run.data),
    )


def _taken_from_another_run(run: RunFiles, fold: int, split: Split, origin: maps.Origin) -> bool:
    """Copy the maps that another run made with a copy of this model and the same settings, if any."""
    ours = run.fold(fold)
    for other in reuse.runs_like(run, (Data, TrainStage, Predict)):
        made = other.fold(fold).maps(split)
        try:
            if not made.exists() or maps.origin(made) != origin:
                continue
            copy(made, ours.maps(split))
        except UserError as damage:
            say(f"not copied: {damage}")
            continue
        say(f"{ours.maps(split)}: the same model and settings as {made}, copied")
        return True
    return False


def _predicted(
    net: predict.Net, rows: pd.DataFrame, settings: Predict
) -> Iterator[tuple[str, np.ndarray]]:
    named = list(zip(rows["image_id"], rows["image"], strict=True))
    for image_id, path in track(
        named, description="predict", console=console, disable=not console.is_terminal
    ):
        yield image_id, net.probabilities(read_image(path), settings)
