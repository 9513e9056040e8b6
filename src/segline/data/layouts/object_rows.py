"""What the layouts of objects share: masks and rows of one image become its label image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segline.data import object_masks
from segline.data.layouts import Record
from segline.masks import labels, rle


def encoded(mask: np.ndarray, name: str, *, several: bool) -> dict[str, str]:
    """RLE by name of the object of a mask file, or of its `several` ones; UserError if none can be told."""
    file = Path(name).name
    if not several:
        return {file: rle.encode(object_masks.one_object(mask, name))}
    numbered = labels.relabel(object_masks.several_objects(mask, name))
    codes = rle.encode_labels(numbered)
    return {f"{file}, object {number}": code for number, code in enumerate(codes, 1)}


def valid(record: Record, rows: list[str], shape: tuple[int, int]) -> list[str]:
    """The rows that decode to at least one pixel; the others are noted with the codec's message."""
    return [rows[place] for place in valid_places(record, rows, shape)]


def valid_places(record: Record, rows: list[str], shape: tuple[int, int]) -> list[int]:
    """Which of the rows those are, from 0."""
    places = list(range(len(rows)))
    try:
        rle.decode_labels(rows, shape, overlap="smaller")
    except ValueError:
        places = [n for n, row in enumerate(rows) if _decodes(record, n + 1, row, shape)]
    return [place for place in places if rows[place].strip()]


def _decodes(record: Record, number: int, row: str, shape: tuple[int, int]) -> bool:
    try:
        rle.decode(row, shape)
    except ValueError as error:
        record.note("invalid RLE", f"row {number} of the image: {error}")
        return False
    return True


def join(
    record: Record, rows: list[str], shape: tuple[int, int], kinds: Sequence[int] = ()
) -> np.ndarray:
    """Labels (H, W) int32, 1..n; where masks overlap the smaller object keeps the pixel.

    `kinds` are the classes of the rows, if they have any; the record gets those of the objects.
    """
    joined = rle.decode_labels(rows, shape, overlap="smaller")
    return without_hidden(record, joined, rle.count_overlaps(rows, shape), len(rows), kinds)


def without_hidden(
    record: Record, joined: np.ndarray, overlap_px: int, n_rows: int, kinds: Sequence[int] = ()
) -> np.ndarray:
    """The same of the label image `joined`, in which row k has the number k; what was lost is noted."""
    if overlap_px:
        record.note("overlapping masks", f"{overlap_px} px, given to the smaller object")
    left = np.flatnonzero(labels.sizes(joined)[1:])
    if len(left) < n_rows:
        record.note("mask hidden by others", f"{n_rows - len(left)} masks have no pixel left")
    if len(kinds):
        record.kinds = np.asarray(kinds)[left]
    return labels.relabel(joined)
