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
from segline.metrics.kinds import only
from segline.submission import checks, ids, rows
from segline.submission.rows import Row

Shapes = Mapping[str, tuple[int, int]]  # (H, W) by image
Found = (
    tuple[str, np.ndarray]
    | tuple[str, np.ndarray, np.ndarray]
    | tuple[str, np.ndarray, np.ndarray, np.ndarray]
)
Key = tuple[str, int]  # image and class (`rows.key`)
Cells = dict[
    int, list[tuple[str, int]]
]  # by class as in a key: masks, each with the class of its object


def sample(given: pd.DataFrame | None, image_ids: Iterable[str], dialect: Dialect) -> pd.DataFrame:
    """The sample submission: the competition's own if it has rows, else one made for these images."""
    if given is not None and len(given):
        rows.columns_of(given, dialect.submitted, "sample submission")
        return given
    columns = dialect.submitted[0]
    classes = dialect.values if dialect.keyed_by_class and dialect.rows != "image" else ("",)
    if dialect.objects and dialect.keyed_by_class:
        classes = tuple(classes[number - 1] for group in dialect.groups for number in group)
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
    third member, (n,), that is how sure the objects 1..n are, in 0..1; else it is 1. A fourth, (n,), are
    their classes, from 1; those that are not scored are left out.
    """
    columns = rows.columns_of(sample, dialect.submitted, "sample submission")
    cells = {
        (image_id, number): texts
        for image_id, each, *more in found
        for number, texts in _cells(each, dialect, classes, *more).items()
    }
    listed = rows.of(sample, dialect.submitted, dialect, "sample submission")
    places: list[int] = []
    masks: list[tuple[str, int]] = []
    seen: set[Key] = set()
    for place, row in enumerate(listed):
        key = rows.key(row, dialect)
        if key in seen:
            continue
        seen.add(key)
        found_here = cells.get(key, []) or ([] if dialect.absent else [(dialect.empty_written, 0)])
        places += [place] * len(found_here)
        masks += found_here
    written = {columns.mask: [text for text, _ in masks]}
    made = sample.iloc[places].reset_index(drop=True)
    if dialect.objects and columns.class_column:
        usual = zip(masks, made[columns.class_column], strict=True)
        values = [dialect.values[kind - 1] if kind else was for (_, kind), was in usual]
        written[columns.class_column] = values
    return made.assign(**written)


def _cells(
    image: np.ndarray,
    dialect: Dialect,
    classes: Classes | None,
    sure: np.ndarray | None = None,
    kinds: np.ndarray | None = None,
) -> Cells:
    """The cells of one image by class number, without empty ones."""
    image = resize.nearest(image, dialect.size) if dialect.size else image
    coding = dialect.written_coding
    if dialect.rows == "object":
        objects = labels.split_components(image > 0) if classes else image
        if classes or not dialect.objects:
            return {0: _of_objects(objects, dialect, None if classes else sure, None)}
        if kinds is None:
            raise ValueError("a dialect with classes of objects needs the class of each")
        scored = [n for group in dialect.groups for n in group]
        groups = [(n,) for n in scored] if dialect.keyed_by_class else [tuple(scored)]
        return {
            group[0] if dialect.keyed_by_class else 0: _of_objects(
                only(objects, kinds, group), dialect, sure, kinds
            )
            for group in groups
        }
    channels = class_images.masks(image, classes) if classes else (image > 0)[..., None]
    encoded = (codecs.encode(channels[..., c], coding) for c in range(channels.shape[-1]))
    return {number: [(text, number)] for number, text in enumerate(encoded, start=1) if text}


def _of_objects(
    objects: np.ndarray, dialect: Dialect, sure: np.ndarray | None, kinds: np.ndarray | None
) -> list[tuple[str, int]]:
    """The cells of a label image of objects; `sure` and `kinds` (n,) are of all labels 1..n."""
    texts = codecs.encode_labels(objects, dialect.written_coding)
    present = np.unique(objects[objects > 0])
    if dialect.joined and texts:
        known = np.ones(len(present)) if sure is None else sure[present - 1]
        written = (
            dialect.object_written.replace(rows.CONFIDENCE, f"{c:.4f}").replace("{mask}", text)
            for c, text in zip(known, texts, strict=True)
        )
        return [(dialect.joined.join(written), 0)]
    numbers = [0] * len(texts) if kinds is None else kinds[present - 1].tolist()
    return list(zip(texts, numbers, strict=True))


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
        masks = texts.setdefault(rows.key(row, dialect), [])
        masks += rows.apart(row.text, dialect) if row.text else []
    return texts


def _check_keys(found: Sequence[Row], wanted: Sequence[Row], dialect: Dialect, path: Path) -> None:
    """Refuse other rows than the sample's, and another order."""
    mine = [(row.written, rows.key(row, dialect)[1]) for row in found]
    listed = list(dict.fromkeys((row.written, rows.key(row, dialect)[1]) for row in wanted))
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
