"""Submissions in a competition's own way: its columns, ids, order, codec and empty cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from segline.base.errors import UserError
from segline.config.tables.dialect import Dialect
from segline.masks import classes as class_images
from segline.masks import codecs, labels, resize
from segline.masks.classes import Classes
from segline.submission import checks, ids, rows
from segline.submission.rows import Row

Shapes = Mapping[str, tuple[int, int]]  # (H, W) by image
Found = tuple[str, np.ndarray] | tuple[str, np.ndarray, np.ndarray]
Key = tuple[str, int]  # image and class; 0 in sets of objects


def sample(given: pd.DataFrame | None, image_ids: Iterable[str], dialect: Dialect) -> pd.DataFrame:
    """The sample submission: the competition's own if it has rows, else one made for these images."""
    if given is not None and len(given):
        rows.columns_of(given, dialect.submitted, "sample submission")
        return given
    columns = dialect.submitted[0]
    classes = dialect.values if dialect.rows == "class" else ("",)
    found = []
    for image_id in image_ids:
        for value in classes:
            name = f"{image_id}{dialect.ending}{columns.split + value if columns.split else ''}"
            found.append(
                {columns.id: name, columns.class_column: value, columns.mask: dialect.empty_written}
            )
    header = list(given.columns) if given is not None else columns.needed
    return pd.DataFrame(found, columns=list(header)).fillna("")


def image_ids(table: pd.DataFrame, dialect: Dialect, where: object) -> list[str]:
    """The images of a sample submission, each once, in its order."""
    found = rows.of(table, dialect.submitted, dialect, where)
    ids.check_spelt_once(((row.written, row.image_id) for row in found), where)
    return list(dict.fromkeys(row.image_id for row in found))


def table(
    found: Iterable[Found],
    sample: pd.DataFrame,
    dialect: Dialect,
    classes: Classes | None,
) -> pd.DataFrame:
    """The submission of (image_id, label image) pairs: the sample's rows with masks in them.

    Label images (H, W) hold objects, or with `classes` classes. A row an object repeats the sample's row
    of its image; an image (and class) without mask has `empty_written`, or no row. With a
    third member, (n,), that is how sure the objects 1..n are, in 0..1; else it is 1.
    """
    columns = rows.columns_of(sample, dialect.submitted, "sample submission")
    cells = {
        (image_id, number): texts
        for image_id, each, *sure in found
        for number, texts in _cells(each, dialect, classes, *sure).items()
    }
    listed = rows.of(sample, dialect.submitted, dialect, "sample submission")
    places: list[int] = []
    masks: list[str] = []
    seen: set[Key] = set()
    for place, row in enumerate(listed):
        key = (row.image_id, row.number)
        if key in seen:
            continue
        seen.add(key)
        texts = cells.get(key, []) or ([] if dialect.absent else [dialect.empty_written])
        places += [place] * len(texts)
        masks += texts
    return sample.iloc[places].assign(**{columns.mask: masks}).reset_index(drop=True)


def _cells(
    image: np.ndarray, dialect: Dialect, classes: Classes | None, sure: np.ndarray | None = None
) -> dict[int, list[str]]:
    """The cells of one image by class number, without empty ones."""
    image = resize.nearest(image, dialect.size) if dialect.size else image
    coding = dialect.written_coding
    if dialect.rows == "object":
        objects = labels.split_components(image > 0) if classes else image
        texts = codecs.encode_labels(objects, coding)
        if dialect.joined and texts:
            present = np.unique(objects[objects > 0])
            known = np.ones(len(present)) if classes or sure is None else sure[present - 1]
            written = (
                dialect.object_written.replace(rows.CONFIDENCE, f"{c:.4f}").replace("{mask}", text)
                for c, text in zip(known, texts, strict=True)
            )
            texts = [dialect.joined.join(written)]
        return {0: texts}
    channels = class_images.masks(image, classes) if classes else (image > 0)[..., None]
    encoded = (codecs.encode(channels[..., c], coding) for c in range(channels.shape[-1]))
    return {number: [text] for number, text in enumerate(encoded, start=1) if text}


def checked(path: Path, sample_path: Path, dialect: Dialect, shapes: Shapes | None = None) -> str:
    """What the submission `path` holds, in words; UserError naming the first fault."""
    mine, wanted = rows.read(path), rows.read(sample_path)
    if list(mine.columns) != list(wanted.columns):
        raise UserError(
            f"{path}: columns {','.join(mine.columns)}, the sample has {','.join(wanted.columns)}"
        )
    found = rows.of(mine, dialect.submitted, dialect, path)
    _check_keys(found, rows.of(wanted, dialect.submitted, dialect, sample_path), dialect, path)
    texts = by_key(found, dialect)
    if shapes is not None:
        shapes = ids.as_written(shapes, (image_id for image_id, _ in texts), path)
    if dialect.size or shapes is not None:
        masks = (
            (name(key), each, _shape(key[0], dialect, shapes, path)) for key, each in texts.items()
        )
        checks.readable(masks, path, partial(codecs.first_fault, coding=dialect.written_coding))
    n_masks = sum(map(len, texts.values()))
    return f"valid; {len(found)} rows, {n_masks} masks"


def by_key(found: Sequence[Row], dialect: Dialect) -> dict[Key, list[str]]:
    """The masks of every image (and class), those of one cell apart."""
    texts: dict[Key, list[str]] = {}
    for row in found:
        masks = texts.setdefault((row.image_id, row.number), [])
        masks += rows.apart(row.text, dialect) if row.text else []
    return texts


def _check_keys(found: Sequence[Row], wanted: Sequence[Row], dialect: Dialect, path: Path) -> None:
    """Refuse other rows than the sample's, and another order."""
    mine = [(row.written, row.number) for row in found]
    listed = list(dict.fromkeys((row.written, row.number) for row in wanted))
    check_rows(mine, listed, dialect, path)
    order = list(dict.fromkeys(mine))
    have = set(mine)
    if order != [key for key in listed if key in have]:
        first = next(a for a, b in zip(order, listed, strict=False) if a != b)
        raise UserError(f"{path}: not in the sample's order, first {name(first)}; sort them so")


def check_rows(found: Sequence[Key], wanted: Sequence[Key], dialect: Dialect, path: Path) -> None:
    """Refuse a submission that lacks one of `wanted`, has another row, or one twice that is one mask."""
    if not dialect.absent:
        cure = f"without mask it is {dialect.empty_written!r}"
        checks.none_missing(found, wanted, path, cure, name=name)
    checks.none_foreign(found, wanted, path, name=name)
    if dialect.rows != "object" or dialect.joined:
        checks.none_twice(found, path, "join them into one mask", name=name)


def _shape(image_id: str, dialect: Dialect, shapes: Shapes | None, path: Path) -> tuple[int, int]:
    if dialect.size:
        return dialect.size
    if shapes is None or image_id not in shapes:
        raise UserError(f"{path}: image {image_id} is not in the table of images")
    return shapes[image_id]


def decode(
    image_id: str,
    number: int,
    masks: Sequence[str],
    shape: tuple[int, int],
    dialect: Dialect,
    path: Path,
) -> np.ndarray:
    """Label image (H, W) of the masks of one image and class; UserError for a bad one or an overlap."""
    try:
        return codecs.decode_labels(masks, shape, dialect.written_coding)
    except ValueError as error:
        raise UserError(f"{path}: {name((image_id, number))}: {error}") from None


def name(key: Key) -> str:
    """An image, and its class if there are any, in words."""
    return f"image {key[0]}" + (f", class {key[1]}" if key[1] else "")
