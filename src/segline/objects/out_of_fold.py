"""The held-out images of a run beside their maps: what thresholds are tuned and scored on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from segline.base.errors import UserError
from segline.config.places import DataFiles
from segline.data import identity
from segline.data.tables import read_folds, read_images
from segline.objects import maps


def read(data: DataFiles, oof: Sequence[Path]) -> pd.DataFrame:
    """The training rows that the files `oof` hold maps of, with columns `fold` and `oof`.

    `oof` lists an image's files: one, or for a blend of runs several. UserError for maps of other data.
    """
    files_of: dict[str, list[Path]] = {}
    for path in oof:
        if maps.origin(path).images not in ("", identity.held_out(data)):
            raise UserError(
                f"{path}: of other images or folds than those of {data.folder}; make predict makes it again"
            )
        for image_id in maps.ids(path):
            files_of.setdefault(image_id, []).append(path)
    train = read_folds(read_images(data.images), data.folds)
    train["oof"] = train["image_id"].map(files_of)
    return train[train["oof"].notna()].reset_index(drop=True)


def jobs(table: pd.DataFrame, *more: str) -> list[tuple[Any, ...]]:
    """Of every row of `read` (image_id, labels, oof) and the columns `more`, for `pooled`."""
    columns = ("image_id", "labels", "oof", *more)
    return list(zip(*(table[name] for name in columns), strict=True))
