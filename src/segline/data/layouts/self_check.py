"""Whether masks were decoded as they were written: the order of the pixels, the base.

In the wrong order every run of an object lands elsewhere, so that it falls into pieces; of a square image
the wrong order is the transposed mask, which only a mask file or the picture can tell. With the wrong base
what should end at an edge of the image reaches one pixel around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from segline.base.errors import UserError
from segline.config.tables.dialect import Coding
from segline.masks import codecs

ORDERED = ("pairs", "relative", "lists")  # the codecs that have an order and a base
FEWEST_PIECES = 3  # by which one order must fall into more pieces than the other,
TIMES_PIECES = 2.0  # and how many times as many
FEWEST_WRAPPED = 5  # runs that reach one pixel around an edge before the base is doubted
FEWEST_SQUARES = 8  # square pictures that must agree before the order is doubted
AGREEING = 0.9
TIMES_CONTRAST = 1.5


@dataclass(frozen=True, eq=False)
class Specimen:
    """One image with masks: texts, (H, W), the grey picture and the mask file if there is one."""

    image_id: str
    texts: Sequence[str]
    shape: tuple[int, int]
    grey: np.ndarray
    mask: np.ndarray | None = None  # (H, W) bool


def check(specimens: Iterable[Specimen], coding: Coding, where: object) -> None:
    """UserError that names the right order or base if the configured one cannot be right."""
    if coding.codec not in ORDERED:
        return
    found = _readable(specimens, coding)
    other = coding.model_copy(update={"order": "rows" if coding.order == "columns" else "columns"})
    decoded = [(each, _union(each, coding, where), _union(each, other, where)) for each in found]
    _check_files(decoded, coding, other, where)
    _check_pieces(decoded, coding, other, where)
    _check_squares(decoded, coding, other, where)
    _check_base(found, coding, where)


def _readable(specimens: Iterable[Specimen], coding: Coding) -> list[Specimen]:
    """All of them if most cannot be decoded, which `_union` says; else those that can."""
    found = list(specimens)
    good = [each for each in found if _decodes(each, coding)]
    return good if 2 * len(good) > len(found) else found


def _decodes(specimen: Specimen, coding: Coding) -> bool:
    try:
        codecs.decode_labels(specimen.texts, specimen.shape, coding, overlap="smaller")
    except ValueError:
        return False
    return True


Decoded = Sequence[tuple[Specimen, np.ndarray, np.ndarray]]


def _union(specimen: Specimen, coding: Coding, where: object) -> np.ndarray:
    try:
        texts = specimen.texts
        return codecs.decode_labels(texts, specimen.shape, coding, overlap="smaller") > 0
    except ValueError as error:
        raise UserError(f"{where}: image {specimen.image_id}: {error}") from None


def _check_files(decoded: Decoded, coding: Coding, other: Coding, where: object) -> None:
    """Compare with masks that are files: they have no order."""
    pairs = [(mine, theirs, s.mask) for s, mine, theirs in decoded if s.mask is not None]
    pairs = [each for each in pairs if each[2].shape == each[0].shape]
    ours = float(np.mean([_iou(mine, mask) for mine, _, mask in pairs])) if pairs else 1.0
    if ours < 0.9 and np.mean([_iou(theirs, mask) for _, theirs, mask in pairs]) > 0.9:
        raise UserError(
            f"{where}: decoded by {coding.order} the masks have an IoU of {ours:.2f} with the mask "
            f'files, by {other.order} they agree: order = "{other.order}"?'
        )


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


def _check_pieces(decoded: Decoded, coding: Coding, other: Coding, where: object) -> None:
    mine = sum(pieces(mask) for _, mask, _ in decoded)
    theirs = sum(pieces(mask) for _, _, mask in decoded)
    if mine - theirs >= FEWEST_PIECES and mine >= TIMES_PIECES * theirs:
        raise UserError(
            f"{where}: decoded by {coding.order} the masks fall into {mine} pieces, by {other.order} "
            f'into {theirs}: order = "{other.order}"? (data.dialect.check = false takes them as they are)'
        )


def pieces(mask: np.ndarray) -> int:
    """Number of 8-connected pieces of a mask (H, W) bool.

    >>> pieces(np.array([[True, False, True], [False, False, True]]))
    2
    """
    return cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1


def _check_squares(decoded: Decoded, coding: Coding, other: Coding, where: object) -> None:
    """Of square images: objects differ from what is around them, transposed ones do not."""
    squares = [each for each in decoded if each[0].shape[0] == each[0].shape[1]]
    pairs = [(_contrast(s.grey, a), _contrast(s.grey, b)) for s, a, b in squares]
    contrasts = np.array([pair for pair in pairs if pair[0] != pair[1]])
    if len(contrasts) < FEWEST_SQUARES:
        return
    better = float((contrasts[:, 1] > contrasts[:, 0]).mean())
    mine, theirs = contrasts.mean(axis=0)
    if better >= AGREEING and theirs > TIMES_CONTRAST * mine:
        raise UserError(
            f"{where}: decoded by {other.order} the masks fit {better:.0%} of {len(contrasts)} square "
            f"pictures better than by {coding.order} (contrast {theirs:.2f} to {mine:.2f}): "
            f'order = "{other.order}"? (data.dialect.check = false takes them as they are)'
        )


def _contrast(grey: np.ndarray, mask: np.ndarray) -> float:
    """Difference of the mean levels inside and within 5 px outside, in the picture's deviations."""
    ring = cv2.dilate(mask.astype(np.uint8), np.ones((11, 11), np.uint8)).astype(bool) & ~mask
    deviation = float(grey.std())
    if not mask.any() or not ring.any() or not deviation:
        return 0.0
    return abs(float(grey[mask].mean()) - float(grey[ring].mean())) / deviation


def _check_base(found: Sequence[Specimen], coding: Coding, where: object) -> None:
    flush, wrapped = at_edges(found, coding)
    if wrapped >= FEWEST_WRAPPED and wrapped > 2 * flush:
        raise UserError(
            f"{where}: counted from {coding.base}, {wrapped} runs reach one pixel around an edge of the "
            f"image and {flush} end at it: base = {1 - coding.base}? (data.dialect.check = false takes "
            f"them as they are)"
        )


def at_edges(found: Sequence[Specimen], coding: Coding) -> tuple[int, int]:
    """Number of runs that end at an edge of the image, and of those that reach one pixel around it."""
    flush = before = after = 0
    for each in found:
        side = each.shape[0] if coding.order == "columns" else each.shape[1]
        for text in each.texts:
            starts, lengths = codecs.runs(text, each.shape, coding)
            ends, several = starts + lengths, lengths > 1
            flush += int((starts % side == 0).sum() + (ends % side == 0).sum())
            before += int(((starts % side == side - 1) & several).sum())
            after += int(((ends % side == 1) & several).sum())
    return flush, before if coding.base else after
