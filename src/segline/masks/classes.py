"""Semantic masks: every way people store them, and the one label image that the pipeline keeps.

A label image of an exclusive set holds the class index of each pixel, 0 the background. Where classes
may overlap it is a bit field: bit c - 1 is set where class c is, so that the background is 0 again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segline.config.tables import Data

SOFT_SHARE = 0.1  # of a mask's pixels may lie between its two ends (smooth edges, JPEG)
HARD = 1 / 16  # of the span from an end that still counts as the end
SUM_TOLERANCE = 0.02  # channels of one pixel sum to one within this


@dataclass(frozen=True)
class Classes:
    """The classes of a data set.

    Parameters
    ----------
    names
        By class index, the background first.
    exclusive
        Every pixel has exactly one class; else any number of foreground classes.
    colours
        `#rrggbb` of each class in colour masks; empty if they are not known.
    """

    names: tuple[str, ...]
    exclusive: bool = True
    colours: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def activation(self) -> str:
        """`softmax` for three or more exclusive classes, else `sigmoid`, one logit a foreground class."""
        return "softmax" if self.exclusive and len(self) > 2 else "sigmoid"

    @property
    def channels(self) -> tuple[str, ...]:
        """The classes that the net's channels stand for: all with softmax, else the foreground's."""
        return self.names if self.activation == "softmax" else self.names[1:]


def of_data(data: Data) -> Classes | None:
    """The classes of a config's table `data`; None for instances."""
    if data.task == "instances":
        return None
    return Classes(data.classes, data.exclusive, data.colours)


def read_mask(mask: np.ndarray, classes: Classes) -> NDArray[np.int32]:
    """Turn a stored mask into a label image (H, W) int32 as `classes` wants it.

    Understood are, with K classes:

    - (H, W) or (H, W, 1): class indices 0..K-1; for K = 2 also 0/255, or 0..1 in floats, where up to
      `SOFT_SHARE` of the pixels may lie between the ends and are cut at one half; grey levels listed
      in `classes.colours`.
    - (H, W, 3) uint8 with equal channels: the same, drawn in grey.
    - (H, W, 3) uint8 in colour: looked up in `classes.colours`.
    - (H, W, K): one channel a class; (H, W, K - 1): one a foreground class. In 0..1, 0/255 or
      boolean. If exclusive they must sum to one, the background being what is left, and the largest
      wins; else each is cut at one half, and the background is where none is.

    ValueError says what is wrong, at which pixel (row, column), and what to do.
    """
    if mask.dtype == bool:
        mask = mask.astype(np.uint8)
    if mask.dtype.kind not in "iuf":
        raise ValueError(f"a mask holds numbers, found {mask.dtype}")
    if mask.dtype.kind == "f" and not np.isfinite(mask).all():
        raise ValueError(f"NaN or infinite at {first_pixel(~np.isfinite(mask))}; mend the mask")
    if mask.ndim == 3 and mask.shape[2] == 1:
        mask = mask[..., 0]
    if mask.ndim == 2:
        return _indices_to_labels(_from_levels(mask, classes), classes)
    n_channels = mask.shape[2] if mask.ndim == 3 else 0
    as_channels = n_channels in (len(classes), len(classes) - 1)
    if as_channels and not classes.exclusive:
        return _from_overlapping(_unit(mask), classes)
    if n_channels == 3 and (mask == mask[..., :1]).all():
        return _indices_to_labels(_from_levels(mask[..., 0], classes), classes)
    if as_channels and not _is_drawn(mask, classes):
        return _from_one_hot(_unit(mask), classes)
    if n_channels == 3 and mask.dtype == np.uint8:
        return _indices_to_labels(from_colours(mask, classes.colours), classes)
    raise ValueError(
        f"a mask of shape {mask.shape} fits none of (H, W), (H, W, 1), (H, W, 3) in colour and one "
        f"channel for each of the {len(classes)} classes; set data.classes or save it so"
    )


def _is_drawn(mask: np.ndarray, classes: Classes) -> bool:
    """Whether three channels are a picture in colours and not one channel a class."""
    return mask.shape[2] == 3 and mask.dtype == np.uint8 and bool(classes.colours)


def _from_levels(mask: np.ndarray, classes: Classes) -> np.ndarray:
    top = len(classes) - 1
    whole = mask.dtype.kind != "f" or bool((mask == np.rint(mask)).all())
    if whole and int(mask.min(initial=0)) >= 0 and int(mask.max(initial=0)) <= top:
        return mask.astype(np.int32)
    if mask.dtype == np.uint8 and any(map(is_grey, classes.colours[1:])):
        return from_colours(np.repeat(mask[..., None], 3, axis=2), classes.colours)
    if top == 1:
        return _cut(_unit(mask)).astype(np.int32)
    outside = ~np.isin(mask, np.arange(top + 1))
    raise ValueError(
        f"value {mask[outside][0]} at {first_pixel(outside)} is outside the classes 0..{top}; name every "
        f"class in data.classes, or give the masks' colours as data.colours"
    )


def _unit(mask: np.ndarray) -> NDArray[np.float32]:
    """Values in 0..1, whichever of 0..1 and 0..255 they were stored in."""
    low, high = mask.min(initial=0), mask.max(initial=0)
    if low < 0 or 1 < high < 128 or high > 255:
        raise ValueError(
            f"values {low:g}..{high:g} are neither 0..1 nor 0..255; save it as 0 and 1, or name every "
            f"class in data.classes"
        )
    return mask.astype(np.float32) / np.float32(1 if high <= 1 else 255)


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


def from_channels(channels: np.ndarray) -> NDArray[np.int32]:
    """The bit field (H, W) int32 of foreground channels (H, W, K - 1) bool.

    >>> from_channels(np.array([[[True, True], [False, False]]]))
    array([[3, 0]], dtype=int32)
    """
    bits = np.int32(1) << np.arange(channels.shape[2], dtype=np.int32)
    return (channels * bits).sum(axis=2, dtype=np.int32)


def to_channels(labels: np.ndarray, *, n_classes: int, exclusive: bool) -> NDArray[np.bool_]:
    """One channel a class of a label image (H, W), the inverse of how it is stored.

    (H, W, n_classes) one-hot if exclusive; else (H, W, n_classes - 1), one channel for each
    foreground class.

    >>> to_channels(np.array([[3, 0]]), n_classes=3, exclusive=False).astype(int)
    array([[[1, 1],
            [0, 0]]])
    """
    if exclusive:
        return labels[..., None] == np.arange(n_classes)
    return (labels[..., None] >> np.arange(n_classes - 1)) & 1 == 1


def masks(labels: np.ndarray, classes: Classes) -> NDArray[np.bool_]:
    """Of a label image (H, W) the mask of each foreground class, (H, W, K - 1).

    >>> masks(np.array([[0, 2]]), Classes(("background", "road", "car"))).astype(int)
    array([[[0, 0],
            [0, 1]]])
    """
    channels = to_channels(labels, n_classes=len(classes), exclusive=classes.exclusive)
    return channels[..., 1:] if classes.exclusive else channels


def pixel_counts(labels: np.ndarray, classes: Classes) -> NDArray[np.int64]:
    """Pixels of each class (K,); where classes overlap they sum to more than the image."""
    if classes.exclusive:
        return np.bincount(labels.ravel(), minlength=len(classes))
    return np.array([(labels == 0).sum(), *(_bit(labels, c).sum() for c in range(1, len(classes)))])


def _bit(labels: np.ndarray, number: int) -> np.ndarray:
    return (labels >> (number - 1)) & 1


def colours_in(mask: np.ndarray) -> set[str]:
    """The colours of a picture (H, W, 3) uint8 as `#rrggbb`."""
    return {f"#{value:06x}" for value in np.unique(_packed(mask)).tolist()}


def is_grey(colour: str) -> bool:
    return colour[1:3] == colour[3:5] == colour[5:7]


def sorted_colours(found: Iterable[str], n_classes: int) -> tuple[str, ...]:
    """Colours of the classes when none are given: in the order of red, green, blue, so black first.

    ValueError unless there is one for each class.
    """
    listed = sorted(found)
    if len(listed) != n_classes:
        shown = ", ".join(listed[:6]) + (", ..." if len(listed) > 6 else "")
        raise ValueError(
            f"{len(listed)} colours ({shown}) for {n_classes} classes; give each class's colour as "
            f"data.colours (save masks as PNG: JPEG adds colours)"
        )
    return tuple(listed)


def from_colours(mask: np.ndarray, colours: tuple[str, ...]) -> NDArray[np.int32]:
    """Class indices (H, W) of a picture (H, W, 3) uint8; ValueError for a colour not in `colours`.

    >>> from_colours(np.array([[[255, 0, 0], [0, 0, 0]]], np.uint8), ("#000000", "#ff0000"))
    array([[1, 0]], dtype=int32)
    """
    if not colours:
        raise ValueError("a mask in colours; give each class's colour as data.colours")
    packed = _packed(mask)
    table = np.array([int(colour[1:], 16) for colour in colours], np.int32)
    order = np.argsort(table)
    place = np.minimum(np.searchsorted(table, packed, sorter=order), len(table) - 1)
    indices = order[place]
    unknown = table[indices] != packed
    if unknown.any():
        raise ValueError(
            f"colour #{packed[unknown][0]:06x} at {first_pixel(unknown)} is none of {', '.join(colours)}; "
            f"give each class's colour as data.colours (JPEG adds colours: save masks as PNG)"
        )
    return indices.astype(np.int32)


def _packed(mask: np.ndarray) -> NDArray[np.int32]:
    red, green, blue = (mask[..., channel].astype(np.int32) for channel in range(3))
    return red << 16 | green << 8 | blue


def first_pixel(where: np.ndarray) -> str:
    """Of a mask (H, W) or (H, W, C) the first pixel that is set, as text; row by row, both from 0.

    >>> first_pixel(np.array([[False, False], [True, False]]))
    'pixel (row 1, column 0)'
    """
    row, column = np.argwhere(where)[0][:2]
    return f"pixel (row {row}, column {column})"
