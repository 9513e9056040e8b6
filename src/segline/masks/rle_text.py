"""The texts of `rle` as runs, and the words for whatever is wrong with one."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segline.base.numbers import shown

Shape = tuple[int, int]
Runs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]  # start, length, slices
MAX_PIXELS = 2**30  # of an image; one of more takes 4 GB as a label image
UNKNOWN: Shape = (MAX_PIXELS, 1)  # of an image whose size is not known: nothing lies outside


def sides(shape: Sequence[int]) -> Shape:
    """Height and width as Python's integers, of any integer type.

    ValueError for others, for negative ones and for more than `MAX_PIXELS` together.
    """
    try:
        height, width = map(operator.index, shape)
    except (TypeError, ValueError):
        raise ValueError(
            f"shape must be height and width, two whole numbers, not {shape}"
        ) from None
    if height < 0 or width < 0:
        raise ValueError(f"shape must not be negative, got {(height, width)}")
    if height * width > MAX_PIXELS:
        raise ValueError(
            f"an image of {height}x{width} pixels is larger than 2^30, the most that is read"
        )
    return height, width


def parsed(rles: Sequence[str], shape: Shape) -> Runs:
    """Runs of all strings of one image, or the ValueError of the first fault."""
    if isinstance(rles, str):
        raise ValueError("rles must be a sequence of strings, not one string")
    for position, rle in enumerate(rles):
        if not isinstance(rle, str):
            raise ValueError(
                f"rle {position} must be a string, not {rle!r} "
                "(pandas reads '' as nan without keep_default_na=False)"
            )
    start, length, slices, fault = read(rles, np.full(len(rles), shape[0] * shape[1], np.int64))
    kind, position, number = fault
    if kind:
        where = f"rle {position}: " if len(rles) > 1 else ""
        raise ValueError(where + _message(kind, rles[position], number, shape))
    return start, length, slices


def read(rles: Sequence[str], n_pixels: NDArray[np.int64]):
    """Runs of strings in images of so many pixels, and the first fault, see `kernels.rle.parse`."""
    from segline.masks.kernels import rle as kernels

    ends = np.cumsum([0, *map(len, rles)])
    return kernels.parse(_bytes("".join(rles)), ends, n_pixels)


def numbers(text: str) -> NDArray[np.int64]:
    """The whole numbers of a text, parted by spaces; ValueError naming the first that is none.

    >>> numbers("3 -4")
    array([ 3, -4])
    """
    from segline.masks.kernels import rle as kernels

    found = kernels.read_numbers(_bytes(text))
    if found.size and found[-1] == kernels.NO_NUMBER:
        raise ValueError(_no_number(tokens(text), found.size))
    return found


def _bytes(text: str) -> NDArray[np.uint8]:
    """One byte a character whatever it is: what is not ASCII becomes '?', which is no number."""
    return np.frombuffer(text.encode("ascii", errors="replace"), np.uint8)


def overlap_message(later: int, earlier: int, row: int, column: int) -> str:
    return f"rles {earlier} and {later} overlap at pixel (row {row}, column {column})"


def _message(kind: int, rle: str, number: int, shape: Shape) -> str:
    """What is wrong; `number` counts the string's numbers from 1 up to the faulty one."""
    from segline.masks.kernels import rle as kernels

    words = tokens(rle)
    if kind == kernels.ODD:
        return f"odd count of numbers: {number}, the last start {shown(words[-1])} has no length"
    if kind == kernels.NOT_A_NUMBER:
        return _no_number(words, number)
    if kind in (kernels.BAD_START, kernels.BAD_LENGTH):
        what = "start" if kind == kernels.BAD_START else "length"
        return f"{what} must be at least 1, found {shown(words[number - 1])} at position {number}"
    pair = shown(" ".join(words[(number - 1) // 2 * 2 :][:2]))
    return f"run {(number + 1) // 2} {pair} " + _misplaced(kind, shape)


def _misplaced(kind: int, shape: Shape) -> str:
    from segline.masks.kernels import rle as kernels

    if kind == kernels.UNSORTED:
        return "begins before the run before it: runs must ascend"
    if kind == kernels.OVERLAPPING:
        return "overlaps the run before it"
    if shape == UNKNOWN:
        return "reaches beyond 2^30 pixels, the largest image that is read"
    return f"lies outside the image of {shape[0]}x{shape[1]} pixels"


def _no_number(words: Sequence[str], number: int) -> str:
    return f"not a whole number: {shown(words[number - 1])} at position {number}"


def tokens(rle: str) -> list[str]:
    return [token for token in rle.split(" ") if token]
