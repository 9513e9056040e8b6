"""Pictures in the colours of classes: which colours are there, and the class of each pixel."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from segline.masks.classes import first_pixel


def colours_in(mask: np.ndarray) -> set[str]:
    """The colours of a picture (H, W, 3) uint8 as `#rrggbb`."""
    return {f"#{value:06x}" for value in np.unique(as_numbers(mask)).tolist()}


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
    packed = as_numbers(mask)
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


def as_numbers(mask: np.ndarray) -> NDArray[np.int32]:
    red, green, blue = (mask[..., channel].astype(np.int32) for channel in range(3))
    return red << 16 | green << 8 | blue
