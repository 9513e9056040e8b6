"""Every way competitions write one mask as text, as pure functions: text to mask and back.

Each codec is first brought to the runs that `rle` reads (pairs, down the columns, from 1), so that all
share its checks; `order="rows"` is the same for the transposed image. Sources: the evaluation pages of
the competitions in `data/dialects`; relative pairs are those of SIIM-ACR's `mask_functions.py`, whose
first start is the number of pixels before the run; COCO's counts are those of pycocotools `maskApi.c`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segline.config.tables.dialect import Coding
from segline.masks import rle, rle_check, rle_text
from segline.masks.rle_check import Group
from segline.masks.rle_text import sides
from segline.masks.spellings import READERS, Runs, Shape, pairs, spelled


def decode(text: str, shape: Shape, coding: Coding) -> NDArray[np.bool_]:
    """The mask (H, W) bool of one text; '' is all False. ValueError names the fault.

    >>> decode("0 1 2 1", (2, 2), Coding(order="rows", base=0)).astype(int)
    array([[1, 0],
           [1, 0]])
    """
    return decode_labels([text], shape, coding) != 0


def encode(mask: ArrayLike, coding: Coding) -> str:
    """The text of a mask (H, W) bool or 0/255; '' when no pixel is set.

    >>> encode([[1, 0], [1, 0]], Coding(order="rows", base=0))
    '0 1 2 1'
    """
    array = np.asarray(mask)
    text = rle.encode(array.T if by_rows(coding) else array)
    return spelled(text, coding, (array.shape[0], array.shape[1]))


def decode_labels(
    texts: Sequence[str],
    shape: Shape,
    coding: Coding,
    *,
    overlap: Literal["raise", "smaller"] = "raise",
) -> NDArray[np.int32]:
    """A label image (H, W) int32 in which texts[i] has the number i + 1; see `rle.decode_labels`."""
    plain = canonical(texts, shape, coding)
    if not by_rows(coding):
        return rle.decode_labels(plain, shape, overlap=overlap)
    return np.ascontiguousarray(rle.decode_labels(plain, shape[::-1], overlap=overlap).T)


def encode_labels(labels: ArrayLike, coding: Coding) -> list[str]:
    """One text a label, in ascending order of the labels present."""
    array = np.asarray(labels)
    texts = rle.encode_labels(array.T if by_rows(coding) else array)
    return [spelled(text, coding, (array.shape[0], array.shape[1])) for text in texts]


def count_overlaps(texts: Sequence[str], shape: Shape, coding: Coding) -> int:
    """Number of pixels that more than one of the texts covers."""
    plain = canonical(texts, shape, coding)
    return rle.count_overlaps(plain, shape[::-1] if by_rows(coding) else shape)


def canonical(texts: Sequence[str], shape: Shape, coding: Coding) -> list[str]:
    """The texts as pairs from 1, still in the coding's order; ValueError names the position and fault.

    A run that ends beyond the image names the base, starts that do not ascend name `relative`.

    >>> canonical(["0 2 1 1"], (2, 3), Coding(codec="relative", base=0))
    ['1 2 4 1']
    """
    if coding.codec == "pairs" and coding.base == 1 and _are_plain(texts, shape, coding):
        return list(texts)
    shape, found = sides(shape), []
    for position, text in enumerate(texts):
        where = f"mask {position}: " if len(texts) > 1 else ""
        try:
            found.append(_canonical(text.strip(), shape, coding))
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{where}{error}") from None
    return found


def _are_plain(texts: Sequence[str], shape: Shape, coding: Coding) -> bool:
    """Whether they are without fault, as the compiled reader sees it; it has no words for their cure."""
    height, width = sides(shape)
    return rle_text.read(texts, np.full(len(texts), height * width, np.int64))[3][0] == 0


def first_fault(groups: Iterable[Group], coding: Coding) -> tuple[int, str] | None:
    """The first image that `decode_labels` would refuse, and what it would say; none is painted."""
    unreadable: list[tuple[int, str]] = []

    def plain() -> Iterator[Group]:
        for position, (texts, shape) in enumerate(groups):
            try:
                yield canonical(texts, shape, coding), shape[::-1] if by_rows(coding) else shape
            except ValueError as error:
                unreadable.append((position, str(error)))
                return

    return rle_check.first_fault(plain()) or next(iter(unreadable), None)


def runs(text: str, shape: Shape, coding: Coding) -> Runs:
    """The runs of one text, unchecked beyond their being numbers."""
    return READERS[coding.codec](text.strip(), sides(shape), coding)


def _canonical(text: str, shape: Shape, coding: Coding) -> str:
    if not text:
        return ""
    starts, lengths = runs(text, shape, coding)
    _check(starts, lengths, shape, coding)
    return pairs(starts + 1, lengths)


def _check(starts: NDArray, lengths: NDArray, shape: Shape, coding: Coding) -> None:
    """What a wrong base or codec leads to, in words; `rle` finds the other faults."""
    base, beyond = coding.base, int((starts + lengths).max(initial=0)) - shape[0] * shape[1]
    if (starts < 0).any():
        given = int(starts.min()) + base
        hint = '; base = 0, or codec = "relative"?' if base and given == 0 else ""
        raise ValueError(f"a run starts at {given}, before the first pixel {base}{hint}")
    falls = np.flatnonzero(np.diff(starts) <= 0)
    if coding.codec in ("pairs", "lists") and falls.size:
        first = int(falls[0]) + 1
        raise ValueError(
            f"run {first + 1} starts at {starts[first] + base}, not after the run before it at "
            f'{starts[first - 1] + base}: starts that do not ascend are relative; codec = "relative"?'
        )
    if beyond > 0:
        raise ValueError(
            f"a run ends {beyond} px beyond the image of {shape[0]}x{shape[1]} pixels, counted from "
            f"base {base}; {_why_beyond(beyond, coding)}"
        )


def _why_beyond(beyond: int, coding: Coding) -> str:
    if coding.codec == "relative":
        return 'codec = "pairs", or another size?'
    return "base = 1, or another size?" if beyond == 1 and not coding.base else "another size?"


def by_rows(coding: Coding) -> bool:
    """COCO and polygons have an order of their own."""
    return coding.order == "rows" and coding.codec in ("pairs", "relative", "lists")
