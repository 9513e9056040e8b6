"""What the layouts of objects share: masks and rows of one image become its label image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segline.data import object_masks
from segline.data.layouts import Record, overlaps
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
    """The rows that decode to at least one pixel; the others are faults, with the codec's message."""
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
        record.refuse("invalid RLE", f"row {number} of the image: {error}")
        return False
    return True


def join(
    record: Record, rows: list[str], shape: tuple[int, int], kinds: Sequence[int] = ()
) -> np.ndarray:
    """Labels (H, W) int32, 1..n; where masks overlap the smaller object keeps the pixel.

    `kinds` are the classes of the rows, if they have any; the record gets those of the objects.
    """
    joined = rle.decode_labels(rows, shape, overlap="smaller")
    overlap_px = rle.count_overlaps(rows, shape)
    return overlaps.tidied(record, joined, n_masks=len(rows), overlap_px=overlap_px, kinds=kinds)
