"""An unknown competition with a table of masks: a dialect of its own, with the evidence of each key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from segline.config.write import Line
from segline.data.look import cells, coding, columns, pairs, samples
from segline.data.look.columns import Told
from segline.data.look.folder import Family, Folder, TableFile
from segline.data.look.guess import Guess
from segline.data.look.pairs import Pairing
from segline.submission.rows import bare


def look(folder: Folder) -> Guess | None:
    """The dialect of the largest table of masks; None if no table holds masks of these images."""
    pictures = [f for f in [*folder.pictures, *folder.archives] if not f.is_mask]
    families = [family for family in pictures if not family.is_test] or pictures
    tables = sorted(folder.tables, key=lambda table: -table.n_rows)
    for table in tables:
        if table.is_of_training and (told := columns.told(table, families)):
            return _guess(folder, table, told)
    return None


class Rows(NamedTuple):
    """What one row of the table is, and how an image without mask is written."""

    rows: str
    why: str
    empty: list[str]
    n_without_row: int
    first_without_row: str


def _guess(folder: Folder, table: TableFile, told: Told) -> Guess:
    family = told.images.family
    test, sample = samples.of_test(folder, family)
    rows = _rows(table, told)
    masks = _mask_files(folder, family)
    task = "instances" if rows.rows == "object" else "semantic"
    guess = Guess(f"a table of masks, {table.name}", task, family.names, test.names if test else ())
    guess.known = masks.mask_files if masks else []
    lines = [
        Line("rows", rows.rows, rows.why),
        *_classes(told, rows),
        *_paths(masks, table, family, test, sample),
        Line("columns", [told.columns], f"of {', '.join(table.cells.columns)}"),
        *_ids(table, told),
    ]
    lines += _nothing(rows)
    lines += coding.lines(folder, told, lines, guess)
    if sample:
        lines += samples.lines(sample, test or family, told, table)
    lines.append(Line("metric", _metric(rows), "no file tells; see the competition's page"))
    guess.dialect = lines
    guess.tell("masks", f"{table.name}: {rows.why}")
    if rows.n_without_row:
        guess.tell(
            "without mask",
            f"{rows.n_without_row} images have no row, first {rows.first_without_row}",
        )
    return guess


def _metric(rows: Rows) -> str:
    return "map_iou" if rows.rows == "object" else "dice"


def _rows(table: TableFile, told: Told) -> Rows:
    masks, values = table.cells[told.mask].str.strip(), _values(table, told)
    empty = cells.spellings_of_nothing(masks)
    images = _names(table, told).map(bare)
    masked = ~masks.isin(["", *empty])
    most = _most(images[masked])
    of_class = _most(images[masked] + "\n" + values[masked])
    listed = set(images)
    without = [stem for stem in told.images.family.stems if stem not in listed]
    counted = f"{len(masks)} rows of {len(listed)} images, up to {most} masks an image"
    if told.values and of_class > 1:
        of = f"up to {of_class} of one image and class ({', '.join(told.values)})"
        rows, why = "object", f"{counted}, {of}: a row an object (or several parts of one mask?)"
    elif told.values:
        rows, why = "class", f"{counted}; classes {', '.join(told.values)}"
    elif most > 1:
        rows, why = "object", f"{counted}: a row an object (or several parts of one mask?)"
    else:
        rows, why = "image", f"{counted}: a row an image"
    return Rows(rows, why, empty, len(without), without[0] if without else "")


def _most(texts: pd.Series) -> int:
    return int(texts.value_counts().max()) if len(texts) else 0


def _names(table: TableFile, told: Told) -> pd.Series:
    """The image of each row, as written; '' where it cannot be told."""
    written = table.cells[told.images.column].str.strip()
    return written.map(lambda text: _pair(text, told)[0]) if told.images.split else written


def _values(table: TableFile, told: Told) -> pd.Series:
    """The class of each row, as written; '' without any."""
    if told.class_column:
        return table.cells[told.class_column].str.strip()
    return table.cells[told.images.column].map(lambda text: _pair(text.strip(), told)[1])


def _pair(text: str, told: Told) -> tuple[str, str]:
    known = told.images.family.stems
    found = columns.parted(text, told.images.split, known) if told.images.split else None
    return found or ("", "")


def _classes(told: Told, rows: Rows) -> list[Line]:
    if rows.rows == "object" and not told.values:
        return []
    if rows.rows == "image":
        return [
            Line("classes", ["background", "object"], "no file names the class; any word will do")
        ]
    names = named(told.values)
    before = [] if rows.rows == "object" else ["background"]
    lines = [Line("classes", [*before, *names], "as the table has them")]
    if tuple(names) != told.values:
        lines.append(Line("class_values", list(told.values), "what the table writes for them"))
    return lines


def named(values: Sequence[str]) -> list[str]:
    """A name without spaces and commas for each value of a class.

    >>> named(["1", "large bowel", "a,b", "background"])
    ['class_1', 'large_bowel', 'a_b', 'class_background']
    """
    found: list[str] = []
    for value in values:
        name = re.sub(r"[\s,]+", "_", value.strip()) or "class"
        name = f"class_{name}" if name.isdecimal() or name == "background" else name
        while name in found:
            name += "_"
        found.append(name)
    return found


def _paths(
    masks: Pairing | None,
    table: TableFile,
    family: Family,
    test: Family | None,
    sample: TableFile | None,
) -> list[Line]:
    lines = [Line("images", family.pattern(), f"{len(family.names)} training images")]
    if family.template:
        lines.append(Line("id", family.template, "files of several folders are called alike"))
    if test is not None:
        lines.append(Line("test_images", test.pattern(), f"{len(test.names)} test images"))
    if masks:
        lines.append(
            Line("masks", masks.mask_pattern, "compared with the table, which is what is read")
        )
    lines.append(Line("table", Path(table.name).name, f"{table.n_rows} rows"))
    if sample is not None:
        lines.append(Line("sample", Path(sample.name).name, f"{sample.n_rows} rows"))
    return lines


def _mask_files(folder: Folder, family: Family) -> Pairing | None:
    """The mask files beside the table, one an image."""
    found = pairs.of(folder, [family])
    return found if found and not "".join(found.image) else None


def _ids(table: TableFile, told: Told) -> list[Line]:
    column = table.cells[told.images.column].str.strip()
    if told.images.split:
        known = told.images.family.stems
        pairs = (columns.parted(text, told.images.split, known) for text in column)
        found = columns.ending(pair[0] for pair in pairs if pair)
    else:
        found = columns.ending(column)
    return [Line("ending", found, "what the table's ids have after the image's")] if found else []


def _nothing(rows: Rows) -> list[Line]:
    """How an image without mask is written, in and out."""
    lines = []
    others = [cell for cell in rows.empty if cell]
    if others:
        lines.append(Line("empty", others, "cells that hold no mask"))
    if rows.empty and rows.empty[0]:
        lines.append(Line("empty_written", rows.empty[0], "as the table writes it"))
    if not rows.empty and rows.n_without_row:
        why = f"no cell is empty, and {rows.n_without_row} images have no row: they have no mask"
        lines.append(Line("unlisted", "empty", why))
    return lines
