"""Whether the RLEs of many images could be decoded, without painting one.

Texts are read some megabytes at a time, whatever the number of images, and overlaps found by sorting runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from segline.masks.rle_text import Runs, Shape, overlap_message, parsed, read, sides

Group = tuple[Sequence[str], Shape]  # the RLEs of one image and its (H, W)
BATCH = 2**22  # characters that are read together


def first_fault(groups: Iterable[Group]) -> tuple[int, str] | None:
    """The first image that `rle.decode_labels` would refuse, and what it would say; None if all are well.

    >>> first_fault([(["1 2"], (2, 2)), (["3 1", "1 3"], (2, 2))])
    (1, 'rles 0 and 1 overlap at pixel (row 0, column 1)')
    """
    position = 0
    for batch in _batches(groups):
        if not _is_well(batch):
            for place, (rles, shape) in enumerate(batch, start=position):
                try:
                    check(rles, shape)
                except ValueError as error:
                    return place, str(error)
        position += len(batch)
    return None


def check(rles: Sequence[str], shape: Shape) -> None:
    """Raise the ValueError with which `rle.decode_labels` would refuse these."""
    apart(rles, shape)


def apart(rles: Sequence[str], shape: Shape) -> NDArray[np.int64]:
    """The runs of all strings in ascending order, (3, n): start, length and the string's number from 1.

    ValueError as of `rle.decode_labels`, so that no two share a pixel.

    >>> apart(["4 3", "1 2"], (2, 3)).tolist()
    [[1, 4], [2, 3], [2, 1]]
    """
    height, width = sides(shape)
    start, length, slices = parsed(rles, (height, width))
    order = np.argsort(start, kind="stable")  # they ascend piece by piece, which makes it fast
    label = np.repeat(np.arange(1, len(rles) + 1), np.diff(slices))
    found = np.stack([start, length, label])[:, order]
    if (found[0, 1:] < found[0, :-1] + found[1, :-1]).any():
        raise ValueError(overlap_message(*_first_overlap((start, length, slices), height)))
    return found


def _first_overlap(runs: Runs, height: int) -> tuple[int, int, int, int]:
    """The first string that shares a pixel with one before it, that one, and the pixel's row and column."""
    later = _first_to_overlap(runs)
    start, length, slices = _first(runs, later + 1)
    order = np.argsort(start, kind="stable")
    place = int(np.flatnonzero(start[order][1:] < (start + length)[order][:-1])[0])
    owners = np.searchsorted(slices, order[place : place + 2], side="right") - 1
    column, row = divmod(int(start[order[place + 1]]) - 1, height)
    return later, int(owners.min()), row, column  # those before `later` are apart


def _batches(groups: Iterable[Group]) -> Iterator[list[Group]]:
    batch: list[Group] = []
    size = 0
    for rles, shape in groups:
        batch.append((rles, shape))
        size += sum(map(len, rles))
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _is_well(batch: Sequence[Group]) -> bool:
    """Whether nothing is wrong in any image; the images' pixels are numbered on."""
    try:
        n_pixels = [height * width for height, width in (sides(shape) for _, shape in batch)]
    except ValueError:
        return False
    n_strings = [len(rles) for rles, _ in batch]
    texts = [text for rles, _ in batch for text in rles]
    start, length, slices, fault = read(texts, np.repeat(n_pixels, n_strings).astype(np.int64))
    if fault[0]:
        return False
    offsets = np.cumsum([0, *n_pixels[:-1]], dtype=np.int64)
    start += np.repeat(np.repeat(offsets, n_strings), np.diff(slices))
    return not _overlap(start, length)


def _overlap(start: NDArray[np.int64], length: NDArray[np.int64]) -> bool:
    """Whether any two of the runs share a pixel."""
    end = start + length
    if (start[1:] >= end[:-1]).all():
        return False
    order = np.argsort(start, kind="stable")
    return bool((start[order][1:] < end[order][:-1]).any())


def _first_to_overlap(runs: Runs) -> int:
    """The first string that overlaps one before it."""
    low, high = 1, len(runs[2]) - 1  # so many strings are apart; so many are not
    while high - low > 1:
        middle = (low + high) // 2
        if _overlap(*_first(runs, middle)[:2]):
            high = middle
        else:
            low = middle
    return high - 1


def _first(runs: Runs, n: int) -> Runs:
    """The runs of the first `n` strings."""
    start, length, slices = runs
    return start[: slices[n]], length[: slices[n]], slices[: n + 1]
