"""Regions of a map and the crop around each: what the second of two stages looks at."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segline.masks import watershed
from segline.masks.resize import MOST

LOOSE = 0.5  # times the threshold: more regions, of which more are false
REGION = 0.5  # of a region's pixels belong to a class, or the region is background


def find(probs: NDArray[np.uint8], *, threshold: float, min_size_px: int) -> NDArray[np.int32]:
    """Label image (H, W) of the connected regions of a map (H, W, 1) above `threshold`, holes filled."""
    foreground = np.ascontiguousarray(probs[..., 0])
    return watershed.components(foreground, threshold=threshold, min_size_px=min_size_px)


def of_classes(truth: NDArray[np.int32]) -> NDArray[np.int32]:
    """Label image (H, W) of the connected regions of each class of `truth`, 0 the background."""
    found = np.zeros_like(truth)
    for number in np.unique(truth[truth > 0]):
        pieces, _ = ndimage.label(truth == number)
        found[pieces > 0] = pieces[pieces > 0] + found.max()
    return found


def majority(regions: NDArray[np.int32], truth: NDArray[np.int32], n_classes: int) -> np.ndarray:
    """The true class of each region 1..n, (n,): its most frequent one, or 0 where `REGION` fails.

    >>> majority(np.array([[1, 1, 1, 2, 2]]), np.array([[3, 3, 0, 0, 0]]), 4)
    array([3, 0])
    """
    n = int(regions.max(initial=0))
    cells = regions.astype(np.int64) * n_classes + truth
    counts = np.bincount(cells.ravel(), minlength=(n + 1) * n_classes).reshape(-1, n_classes)[1:]
    inside = counts[:, 1:].sum(axis=1) >= REGION * counts.sum(axis=1)
    return np.where(inside, counts[:, 1:].argmax(axis=1) + 1, 0)


def crops(
    image: np.ndarray, regions: NDArray[np.int32], *, margin: float, size_px: int
) -> np.ndarray:
    """The crop of each region 1..n, (n, size_px, size_px, C) uint8.

    A square around the middle of the region's box, whose side is the box's longer one and `margin` times
    that on each side; mirrored beyond the image's edge, then resized linearly.
    """
    boxes = ndimage.find_objects(regions)
    found = np.empty((len(boxes), size_px, size_px, image.shape[2]), np.uint8)
    for number, box in enumerate(boxes):
        sides = [part.stop - part.start for part in box]
        half = max(sides) * (0.5 + margin)
        centre = [(part.start + part.stop) / 2 for part in box]
        scale = 2 * half / size_px
        top, left = (middle - half + scale / 2 - 0.5 for middle in centre)
        matrix = np.array([[scale, 0, left], [0, scale, top]], np.float64)
        for first in range(0, image.shape[2], MOST):
            part = cv2.warpAffine(
                np.ascontiguousarray(image[..., first : first + MOST]),
                matrix,
                (size_px, size_px),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REFLECT_101,
            )
            found[number, ..., first : first + MOST] = part.reshape(size_px, size_px, -1)
    return found


def painted(regions: NDArray[np.int32], probs: np.ndarray) -> NDArray[np.float32]:
    """Class maps (H, W, K) in 0..1 from the regions 1..n and their classes' probabilities (n, K).

    Outside every region the background, class 0, is certain.
    """
    nothing = np.eye(1, probs.shape[1])
    return np.concatenate([nothing, probs]).astype(np.float32)[regions]
