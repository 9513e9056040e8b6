"""Whole images and label images at another size, every pixel's centre kept in place."""

from __future__ import annotations

import cv2
import numpy as np

Shape = tuple[int, int]
MOST = 4  # channels that OpenCV averages at once


def smooth(array: np.ndarray, shape: Shape) -> np.ndarray:
    """(H, W, C) uint8 or float32 at `shape`: averaged over areas where it shrinks, else linear.

    >>> smooth(np.array([[[0.0], [1.0]]], np.float32), (1, 4))[0, :, 0].tolist()
    [0.0, 0.25, 0.75, 1.0]
    """
    if array.shape[:2] == tuple(shape):
        return array
    shrinks = shape[0] * shape[1] < array.shape[0] * array.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
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
