"""Class masks as they are stored in files, in any of the usual ways, to the label images of `classes`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segline.masks.classes import IGNORE, Classes, first_pixel, from_channels
from segline.masks.colours import as_numbers, from_colours, is_grey

SOFT_SHARE = 0.1  # of a mask's pixels may lie between its two ends (smooth edges, JPEG)
HARD = 1 / 16  # of the span from an end that still counts as the end
FULL_SCALES = (255, 1023, 4095, 16383, 65535)  # of 8, 10, 12, 14 and 16 bits
SUM_TOLERANCE = 0.02  # channels of one pixel sum to one within this


def read_mask(mask: np.ndarray, classes: Classes, *, full: float = 0) -> NDArray[np.int32]:
    """Turn a stored mask into a label image (H, W) int32 as `classes` wants it.

    Understood are, with K classes:

    - (H, W) or (H, W, 1): class indices 0..K-1; for K = 2 also 0 and a whole scale, or 0..1 in floats,
      where up to `SOFT_SHARE` of the pixels may lie between the ends and are cut at one half; grey
      levels listed in `classes.colours`. `full` is the object's value in other masks of the set.
    - (H, W, 3) uint8 with equal channels: the same, drawn in grey.
    - (H, W, 3) uint8 in colour: looked up in `classes.colours`.
    - (H, W, K): one channel a class; (H, W, K - 1): one a foreground class. In 0..1, 0/255 or
      boolean. If exclusive they must sum to one, the background being what is left, and the largest
      wins; else each is cut at one half, and the background is where none is.

    Where `classes.ignore` stands the label is `IGNORE`. ValueError says what is wrong, at which pixel
    (row, column), and what to do.
    """
    if mask.dtype == bool:
        mask, full = mask.astype(np.uint8), 0
    if mask.dtype.kind not in "iuf":
        raise ValueError(f"a mask holds numbers, found {mask.dtype}")
    if mask.dtype.kind == "f" and not np.isfinite(mask).all():
        raise ValueError(f"NaN or infinite at {first_pixel(~np.isfinite(mask))}; mend the mask")
    if mask.ndim == 3 and mask.shape[2] == 1:
        mask = mask[..., 0]
    unknown = ignored(mask, classes)
    if unknown.all():
        return np.full(mask.shape[:2], IGNORE, np.int32)
    if unknown.any():
        mask = mask.copy()
        mask[unknown] = mask[~unknown][0]  # any of the others: it is read, and then replaced
    labels = _read_known(mask, classes, full)
    labels[unknown] = IGNORE
    return labels


def _read_known(mask: np.ndarray, classes: Classes, full: float) -> NDArray[np.int32]:
    if mask.ndim == 2:
        return _indices_to_labels(_from_levels(mask, classes, full), classes)
    n_channels = mask.shape[2] if mask.ndim == 3 else 0
    as_channels = n_channels in (len(classes), len(classes) - 1)
    if as_channels and not classes.exclusive:
        return _from_overlapping(_unit(mask), classes)
    if n_channels == 3 and (mask == mask[..., :1]).all():
        return _indices_to_labels(_from_levels(mask[..., 0], classes, full), classes)
    if as_channels and not _is_drawn(mask, classes):
        return _from_one_hot(_unit(mask), classes)
    if n_channels == 3 and mask.dtype == np.uint8:
        return _indices_to_labels(from_colours(mask, classes.colours), classes)
    raise ValueError(
        f"a mask of shape {mask.shape} fits none of (H, W), (H, W, 1), (H, W, 3) in colour and one "
        f"channel for each of the {len(classes)} classes; set data.classes or save it so"
    )


def ignored(mask: np.ndarray, classes: Classes) -> NDArray[np.bool_]:
    """Where a mask (H, W) or (H, W, C) holds `classes.ignore`, (H, W)."""
    nowhere = np.zeros(mask.shape[:2], bool)
    if classes.ignore is None or mask.ndim not in (2, 3):
        return nowhere
    colour = ignored_colour(classes)
    if mask.ndim == 3:
        is_picture = mask.shape[2] == 3 and mask.dtype == np.uint8
        return as_numbers(mask) == int(colour[1:], 16) if is_picture and colour else nowhere
    if isinstance(classes.ignore, int):
        return mask == classes.ignore
    return mask == int(colour[1:3], 16) if is_grey(colour) else nowhere


def ignored_colour(classes: Classes) -> str:
    """`classes.ignore` as the colour it has in a picture; empty if it has none."""
    if isinstance(classes.ignore, int):
        return "#" + 3 * f"{classes.ignore:02x}" if classes.ignore <= 255 else ""
    return classes.ignore or ""


def top(mask: np.ndarray, classes: Classes) -> float:
    """The largest value of a mask among its known pixels, 0 without any."""
    known = mask[~ignored(mask, classes)] if classes.ignore is not None else mask
    return float(known.max(initial=0))


def _is_drawn(mask: np.ndarray, classes: Classes) -> bool:
    """Whether three channels are a picture in colours and not one channel a class."""
    return mask.shape[2] == 3 and mask.dtype == np.uint8 and bool(classes.colours)


def _from_levels(mask: np.ndarray, classes: Classes, full: float) -> np.ndarray:
    top = len(classes) - 1
    scaled = top == 1 and full > 1
    whole = mask.dtype.kind != "f" or bool((mask == np.rint(mask)).all())
    if whole and not scaled and int(mask.min(initial=0)) >= 0 and int(mask.max(initial=0)) <= top:
        return mask.astype(np.int32)
    if mask.dtype == np.uint8 and any(map(is_grey, classes.colours[1:])):
        return from_colours(np.repeat(mask[..., None], 3, axis=2), classes.colours)
    if top == 1:
        _refuse_void(mask)
        return _cut(_unit(mask, full)).astype(np.int32)
    outside = ~np.isin(mask, np.arange(top + 1))
    raise ValueError(
        f"value {mask[outside][0]} at {first_pixel(outside)} is outside the classes 0..{top}; name every "
        f"class in data.classes, give the masks' colours as data.colours, or where that value means that "
        f"the class is not known, set data.ignore={mask[outside][0]}"
    )


def _refuse_void(mask: np.ndarray) -> None:
    """Refuse a binary mask of 0, 1 and one large value: classes, and where they are not known?"""
    values = np.unique(mask)
    if len(values) in (2, 3) and values[-2] == 1 and values[-1] in (255, 65535):
        raise ValueError(
            f"values 0, 1 and {values[-1]}: where {values[-1]} means that the class is not known, set "
            f"data.ignore={values[-1]}; else save it as 0 and {values[-1]}"
        )


def _unit(mask: np.ndarray, full: float = 0) -> NDArray[np.float32]:
    """Values in 0..1, whichever of 0..1, 0..255 and 0..65535 they, or the whole set, were stored in."""
    low, high = mask.min(initial=0), mask.max(initial=0)
    scale = scale_of(max(float(high), full))
    if low < 0 or not scale:
        raise ValueError(
            f"values {low:g}..{high:g} are neither 0..1 nor 0..255; save it as 0 and 1, or name every "
            f"class in data.classes"
        )
    return mask.astype(np.float32) / np.float32(scale)


def scale_of(high: float) -> int:
    """The value of a whole object in masks that reach `high`; 0 if that tells nothing."""
    if high <= 1:
        return 1
    if high in FULL_SCALES:
        return int(high)
    return next((full for full in (255, 65535) if full / 2 < high <= full), 0)


def _cut(mask: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where a mask of 0..1 is at least one half."""
    _check_hard(mask)
    return mask >= 0.5


def _check_hard(mask: NDArray[np.float32]) -> None:
    between = (mask > HARD) & (mask < 1 - HARD)
    if between.mean() > SOFT_SHARE:
        raise ValueError(
            f"{between.mean():.0%} of the values lie between the ends (first at {first_pixel(between)}), "
            f"so this is no mask of two values; save it as 0 and 1, or name every class in data.classes"
        )


def _from_one_hot(mask: NDArray[np.float32], classes: Classes) -> NDArray[np.int32]:
    total = mask.sum(axis=2)
    least = 1.0 if mask.shape[2] == len(classes) else 0.0
    wrong = (total < least - SUM_TOLERANCE) | (total > 1 + SUM_TOLERANCE)
    if wrong.any():
        raise ValueError(
            f"channels sum to {total[wrong][0]:g} at {first_pixel(wrong)}, not to one, in "
            f"{wrong.mean():.1%} of the pixels; if classes may overlap or be absent, "
            f'set="data.exclusive=false"'
        )
    _check_hard(mask)
    if least == 0.0:
        mask = np.dstack([1 - total, mask])
    return mask.argmax(axis=2).astype(np.int32)


def _from_overlapping(mask: NDArray[np.float32], classes: Classes) -> NDArray[np.int32]:
    return from_channels(_cut(mask[..., mask.shape[2] - len(classes) + 1 :]))


def _indices_to_labels(indices: np.ndarray, classes: Classes) -> NDArray[np.int32]:
    if classes.exclusive:
        return indices.astype(np.int32)
    return np.where(indices > 0, np.int32(1) << np.maximum(indices - 1, 0), 0).astype(np.int32)
