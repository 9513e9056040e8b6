"""Assign whole groups, or whole sources, of images to balanced folds."""

from __future__ import annotations

import pandas as pd
from rich.table import Table

from segline.base.console import console
from segline.base.errors import UserError
from segline.base.files import is_newer, write_csv
from segline.config import claims
from segline.config.places import RunFiles, maker
from segline.config.tables import Data
from segline.data.folds import assign
from segline.data.tables import read_images


@claims.makes_data(lambda run: is_newer(run.data.folds, run.data.images, run.data.settings))
def run(run: RunFiles) -> None:
    """Assign whole groups or sources to balanced folds: folds.csv (image_id,fold) of training images."""
    settings = run.settings(Data)
    table = read_images(run.data.images)
    try:
        folds = assign(
            table, n_folds=settings.n_folds, seed=settings.fold_seed, by=settings.fold_by
        )
    except ValueError as error:
        raise UserError(
            f"{run.data.images}: {error}; lower data.n_folds{_else(settings)}"
        ) from None
    _print(table.merge(folds, on="image_id"))
    write_csv(run.data.folds, folds, seal=maker(run.data.folds))


def _else(settings: Data) -> str:
    return " or set data.fold_by=group" if settings.fold_by == "source" else ""


def _print(table: pd.DataFrame) -> None:
    kinds = pd.get_dummies(table["modality"]).astype(int)
    if "stratum" in table:
        kinds = pd.concat([kinds, table["stratum"].str.get_dummies(sep=" ")], axis=1)
    shown = Table("fold", "images", "objects", "groups", "sources", *kinds.columns, title="folds")
    for fold, rows in table.groupby("fold"):
        units = [rows[by].nunique() for by in ("group", "source")]
        sizes = [len(rows), int(rows["n_objects"].sum()), *units]
        shown.add_row(*map(str, [fold, *sizes, *kinds.loc[rows.index].sum()]))
    console.print(shown)
