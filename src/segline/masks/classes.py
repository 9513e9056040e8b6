"""Semantic masks: every way people store them, and the one label image that the pipeline keeps.

A label image of an exclusive set holds the class index of each pixel, 0 the background. Where classes
may overlap it is a bit field: bit c - 1 is set where class c is, so that the background is 0 again.
`IGNORE` stands, in exclusive sets, where the class is not known: such a pixel has weight 0, and is in no
count and no score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segline.config.tables import Data

IGNORE = 65535  # of a label image: a class that is not known; above every index


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
    ignore
        Value or `#rrggbb` in masks that stands for `IGNORE`; None if nothing does.
    """

    names: tuple[str, ...]
    exclusive: bool = True
    colours: tuple[str, ...] = ()
    ignore: int | str | None = None

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
    return Classes(data.classes, data.exclusive, data.colours, data.ignore)


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


def known(labels: np.ndarray, classes: Classes) -> NDArray[np.bool_]:
    """Where the class of a label image (H, W) is known, (H, W)."""
    return labels != IGNORE if classes.exclusive else np.ones(labels.shape, bool)


def pixel_counts(labels: np.ndarray, classes: Classes) -> NDArray[np.int64]:
    """Pixels of each class (K,); where classes overlap they sum to more than the image.

    Pixels of `IGNORE` are in none.

    >>> pixel_counts(np.array([[0, 1, IGNORE]]), Classes(("background", "road")))
    array([1, 1])
    """
    if classes.exclusive:
        return np.bincount(labels[labels != IGNORE], minlength=len(classes))
    return np.array([(labels == 0).sum(), *(_bit(labels, c).sum() for c in range(1, len(classes)))])


def _bit(labels: np.ndarray, number: int) -> np.ndarray:
    return (labels >> (number - 1)) & 1


def first_pixel(where: np.ndarray) -> str:
    """Of a mask (H, W) or (H, W, C) the first pixel that is set, as text; row by row, both from 0.

    >>> first_pixel(np.array([[False, False], [True, False]]))
    'pixel (row 1, column 0)'
    """
    row, column = np.argwhere(where)[0][:2]
    return f"pixel (row {row}, column {column})"
