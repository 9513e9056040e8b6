"""Which of the built-in dialects fit a folder, judged by names of files and columns."""

from __future__ import annotations

import copy
from typing import NamedTuple

from segline.base.errors import UserError
from segline.config.tables.built_in import built_in, known
from segline.config.tables.dialect import Columns, Dialect
from segline.data.look.folder import Folder, TableFile, spread
from segline.submission import rows

FEW = 50  # files of a family that are tried on a dialect, before all are
LONGEST = 52  # characters of a name that is told
ROWS = 2000  # rows of a table that are looked at


class Fit(NamedTuple):
    """A dialect that fits, and what of the folder says so."""

    slug: str
    evidence: tuple[str, ...]
    n_train: int
    n_test: int


def fitting(folder: Folder) -> list[Fit]:
    """The dialects whose files are there, the best first."""
    few = copy.copy(folder.place)
    few.names = [name for family in folder.families for name in spread(family.names, FEW)]
    found = []
    for slug in known():
        dialect = Dialect.model_validate(built_in(slug))
        if few.pictures(dialect.images, dialect.id) and (fit := _fit(slug, dialect, folder)):
            found.append(fit)
    return sorted(found, key=lambda fit: -len(fit.evidence))


def _fit(slug: str, dialect: Dialect, folder: Folder) -> Fit | None:
    place = folder.place
    masks = place.pictures(dialect.masks, dialect.id)
    train = place.pictures(dialect.images, dialect.id, without={m.name for m in masks.values()})
    if not train or not (dialect.table or masks.keys() & train.keys()):
        return None
    evidence = [f"{len(train)} training images {_example(train)}"]
    if dialect.table:
        table = _table(folder, dialect.table)
        columns = table and _columns(table, dialect.columns)
        if not table or not columns or not _belongs(table, dialect, train.keys()):
            return None
        evidence.append(f"{table.name} has the columns {', '.join(columns.needed)}")
    if masks:
        evidence.append(f"{len(masks)} mask files {_example(masks)}")
    test = place.pictures(dialect.test_images, dialect.of_test)
    if test:
        evidence.append(f"{len(test)} test images {_example(test)}")
    sample = _table(folder, dialect.sample)
    if sample:
        columns = _columns(sample, dialect.submitted)
        if not columns:
            return None
        evidence.append(f"{sample.name} has the columns {', '.join(columns.needed)}")
    return Fit(slug, tuple(evidence), len(train), len(test))


def _example(pictures: dict) -> str:
    name = next(iter(pictures.values())).name
    return f"(first {name if len(name) <= LONGEST else f'{name[:28]}...{name[-20:]}'})"


def _table(folder: Folder, names: tuple[str, ...]) -> TableFile | None:
    wanted = folder.place.named(names)
    return next((table for table in folder.tables if table.name == wanted), None)


def _columns(table: TableFile, known: tuple[Columns, ...]) -> Columns | None:
    try:
        return rows.columns_of(table.cells, known, table.name)
    except UserError:
        return None


def _belongs(table: TableFile, dialect: Dialect, train) -> bool:
    """Whether the table's classes are the dialect's, and one of its images is there."""
    try:
        found = rows.of(table.cells.head(ROWS), dialect.columns, dialect, table.name)
    except UserError:
        return False
    return table.n_rows < 0 or any(row.image_id in train for row in found)
