"""Stage: assign whole groups of images to balanced folds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich.table import Table

from segline import files
from segline.console import console
from segline.errors import UserError
from segline.folds import assign
from segline.manifest import read_images


def run(*, images: Path, out: Path, n_folds: int, seed: int) -> None:
    """Write `out` (image_id,fold) for the training rows of the manifest `images`."""
    table = read_images(images)
    try:
        folds = assign(table, n_folds=n_folds, seed=seed)
    except ValueError as error:
        raise UserError(f"{images}: {error}") from None
    _print(table.merge(folds, on="image_id"))
    files.write_csv(out, folds)


def _print(table: pd.DataFrame) -> None:
    kinds = pd.get_dummies(table["modality"]).astype(int)
    if "stratum" in table:
        kinds = pd.concat([kinds, table["stratum"].str.get_dummies(sep=" ")], axis=1)
    shown = Table("fold", "images", "objects", "groups", *kinds.columns, title="folds")
    for fold, rows in table.groupby("fold"):
        sizes = [len(rows), int(rows["n_objects"].sum()), rows["group"].nunique()]
        shown.add_row(*map(str, [fold, *sizes, *kinds.loc[rows.index].sum()]))
    console.print(shown)
