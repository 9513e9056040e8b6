"""Whole images and label images at another size, every pixel's centre kept in place."""

from __future__ import annotations

import cv2
import numpy as np

Shape = tuple[int, int]
MOST = 4  # channels that OpenCV averages at once


def smooth(array: np.ndarray, shape: Shape) -> np.ndarray:
    """(H, W, C) uint8 or float32 at `shape`: averaged over areas along a side that shrinks, else linear.

    OpenCV's INTER_AREA averages only where both sides shrink, so that sides of two kinds take two steps,
    the shrinking one first, in float32.

    >>> smooth(np.array([[[0.0], [1.0]]], np.float32), (1, 4))[0, :, 0].tolist()
    [0.0, 0.25, 0.75, 1.0]
    """
    if array.shape[:2] == tuple(shape):
        return array
    smaller = (min(shape[0], array.shape[0]), min(shape[1], array.shape[1]))
    if smaller in (tuple(shape), array.shape[:2]):
        how = cv2.INTER_AREA if smaller == tuple(shape) else cv2.INTER_LINEAR
        return _resized(array, shape, how)
    averaged = _resized(array.astype(np.float32), smaller, cv2.INTER_AREA)
    found = _resized(averaged, shape, cv2.INTER_LINEAR)
    return np.rint(found).astype(np.uint8) if array.dtype == np.uint8 else found


def _resized(array: np.ndarray, shape: Shape, how: int) -> np.ndarray:
    parts = [
        cv2.resize(array[..., first : first + MOST], (shape[1], shape[0]), interpolation=how)
        for first in range(0, array.shape[2], MOST)
    ]
    return np.concatenate([part.reshape(*shape, -1) for part in parts], axis=2)


def nearest(labels: np.ndarray, shape: Shape) -> np.ndarray:
    """Labels (H, W) at `shape`, each pixel that of the nearest centre.

    OpenCV's INTER_NEAREST takes the upper left pixel instead, which moves masks when they shrink.

    >>> nearest(np.array([[1, 2, 3, 4, 5, 6]]), (1, 2))
    array([[2, 5]])
    """
    if labels.shape == tuple(shape):
        return labels
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in zip(shape, labels.shape, strict=True)
    )
    return labels[rows[:, None], columns]
