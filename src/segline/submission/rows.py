"""The rows of a CSV in a dialect: which image, which class, which text, whatever the columns are called."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from segline.base.errors import UserError
from segline.base.files import read_csv, texts
from segline.config.tables.base import nearest
from segline.config.tables.dialect import Columns, Dialect, fields
from segline.submission.ids import bare

CONFIDENCE = "{confidence}"


class Row(NamedTuple):
    """One row: the image's id as written and without ending, the class (0 in sets of objects), the mask."""

    written: str
    image_id: str
    number: int
    text: str  # '' for no mask


def key(row: Row, dialect: Dialect) -> tuple[str, int]:
    """What a row of a submission belongs to: the image and its class, 0 in sets of objects.

    There it is the class only if the id says so; a class in a column is the object's own.
    """
    return row.image_id, row.number if dialect.keyed_by_class else 0


def read(path: Path, where: object = "") -> pd.DataFrame:
    """A CSV as text, without the white space that some headers have; polygons may be JSON lines."""
    if path.suffix == ".jsonl":
        return _json_lines(path)
    try:
        return read_csv(path, dtype=str).rename(columns=str.strip)
    except UserError as error:
        raise UserError(str(error).replace(str(path), str(where or path))) from None


def _json_lines(path: Path) -> pd.DataFrame:
    """JSON lines as a table of text; a list `annotations` of objects becomes a row each."""
    rows: list[dict[str, Any]] = []
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not readable as JSON lines ({error})") from None
    for number, line in enumerate(lines, start=1):
        try:
            found = json.loads(line)
            parts = found.pop("annotations", [{}])
            rows += [found | part for part in parts]
        except (ValueError, RecursionError, AttributeError, TypeError) as error:
            raise UserError(f"{path}: line {number}: not a JSON object ({error})") from None
    return pd.DataFrame(
        {
            name: [v if isinstance(v := row.get(name, ""), str) else json.dumps(v) for row in rows]
            for name in dict.fromkeys(name for row in rows for name in row)
        }
    )


def columns_of(table: pd.DataFrame, known: Sequence[Columns], where: object) -> Columns:
    """Those of the `known` columns that the table has; UserError with the nearest of its names."""
    for columns in known:
        if set(columns.needed) <= set(table.columns):
            return columns
    missing = next(name for name in known[0].needed if name not in table.columns)
    ways = " or ".join(",".join(columns.needed) for columns in known)
    raise UserError(
        f"{where}: no column {missing} (expected {ways}), found {','.join(table.columns)}; did you "
        f"mean {nearest(missing, table.columns) if len(table.columns) else 'another file'}? name it in "
        f"data.dialect.columns"
    )


def of(table: pd.DataFrame, known: Sequence[Columns], dialect: Dialect, where: object) -> list[Row]:
    """All rows in order; UserError for other columns or an unknown class."""
    columns = columns_of(table, known, where)
    if columns.only:
        name, _, value = columns.only.partition("=")
        table = table[table[name] == value]
    ids = fields(columns.id)
    given = (
        zip(*(texts(table, name) for name in ids), strict=True) if ids else texts(table, columns.id)
    )
    written = [
        columns.id.format(**dict(zip(ids, cells, strict=True))) if ids else str(cells).strip()
        for cells in given
    ]
    values = texts(table, columns.class_column) if columns.class_column else [""] * len(table)
    if columns.split:
        pairs = [_split(text, columns, dialect, where) for text in written]
        written, values = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    has_class = bool(columns.class_column or columns.split)
    numbers = _numbers(values, dialect, where) if has_class else [_only(dialect)] * len(table)
    nothing = {"", dialect.empty_written, *dialect.empty}
    masks = (text.strip() for text in texts(table, columns.mask))
    found = [
        Row(name, bare(name), number, "" if mask in nothing else mask)
        for name, number, mask in zip(written, numbers, masks, strict=True)
    ]
    unknown = [row for row in found if has_class and row.text and not row.number]
    if unknown:
        raise UserError(
            f"{where}: image {unknown[0].image_id} has a mask without a class, one of "
            f"{', '.join(dialect.values)}"
        )
    return found


def _only(dialect: Dialect) -> int:
    return 0 if dialect.rows == "object" else 1


def _split(text: str, columns: Columns, dialect: Dialect, where: object) -> tuple[str, str]:
    """Image and class of a cell that holds both; a class may itself hold the separator."""
    for value in dialect.values:
        if text.endswith(columns.split + value):
            return text.removesuffix(columns.split + value), value
    image_id, found, value = text.rpartition(columns.split)
    if not found:
        raise UserError(f"{where}: {text!r} has no {columns.split!r} between image and class")
    return image_id, value


def _numbers(values: Sequence[str], dialect: Dialect, where: object) -> list[int]:
    known = {value: number for number, value in enumerate(dialect.values, start=1)}
    if dialect.rows == "object":
        known[""] = 0  # of an image without objects
    unknown = next((value for value in values if value.strip() not in known), None)
    if unknown is not None:
        raise UserError(
            f"{where}: class {unknown!r} is none of {', '.join(known)}; did you mean "
            f"{nearest(unknown, known)}? name the classes in data.dialect.class_values"
        )
    return [known[value.strip()] for value in values]


def apart(cell: str, dialect: Dialect) -> list[str]:
    """The masks of a cell that holds several objects."""
    if not dialect.joined:
        return [cell]
    before, _, after = dialect.object_written.replace(CONFIDENCE, "1").partition("{mask}")
    number = r"[-+.\deE]+"  # a class or a confidence may be another than ours
    around = [
        re.sub(r"\\?\d[\\.\d]*", lambda _: number, re.escape(text)) for text in (before, after)
    ]
    parts = _parts(cell, dialect)
    found = [
        re.fullmatch(f"{around[0]}(.*?){around[1]}", part.strip(), re.DOTALL) for part in parts
    ]
    return [match.group(1) if match else part for match, part in zip(found, parts, strict=True)]


def _parts(cell: str, dialect: Dialect) -> list[str]:
    """The objects of a cell as they are written."""
    words = cell.split(dialect.joined)
    size = dialect.object_written.count(dialect.joined) + 1
    return [dialect.joined.join(words[i : i + size]) for i in range(0, len(words), size)]


def confidences(cell: str, dialect: Dialect) -> list[float]:
    """How sure the objects of a cell are, 1 where that is not written."""
    if not dialect.joined or CONFIDENCE not in dialect.object_written:
        return [1.0] * len(apart(cell, dialect))
    before = re.escape(dialect.object_written.partition(CONFIDENCE)[0])
    before = re.sub(r"\\?\d[\\.\d]*", r"[-+.\\deE]+", before)
    found = [re.match(rf"{before}([-+.\deE]+)", part.strip()) for part in _parts(cell, dialect)]
    try:
        return [float(match.group(1)) if match else 1.0 for match in found]
    except ValueError as error:
        raise UserError(f"a confidence is no number: {error}") from None
