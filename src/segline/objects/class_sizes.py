"""Class masks without their small pieces, and without a class that covers too little of an image.

Where many images hold nothing, a few wrong pixels cost an image's whole score. Both sizes, in px and per
class, are tuned by the metric like thresholds, and only where they gain.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from segline.metrics.objectives import MaskMetric
from segline.objects import thresholds
from segline.objects.grids import LEAST_GAIN


def cleaned(mask: np.ndarray, *, min_size_px: int, min_area_px: int) -> NDArray[np.bool_]:
    """A mask (H, W) bool without 8-connected pieces below `min_size_px`; none if less than `min_area_px`
    is left.

    >>> cleaned(np.array([[1, 0, 1, 1]], bool), min_size_px=2, min_area_px=0).astype(int)
    array([[0, 0, 1, 1]])
    """
    if min_size_px > 1 and mask.any():
        found = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
        large = found[2][:, cv2.CC_STAT_AREA] >= min_size_px
        large[0] = False
        mask = large[found[1]]
    return mask if np.count_nonzero(mask) >= min_area_px else np.zeros_like(mask)


def emptied(counts: np.ndarray, min_areas_px: Sequence[int]) -> NDArray[np.int64]:
    """Counts (..., 2, 2) if fewer predicted pixels than each area are none at all: (..., A, 2, 2).

    >>> emptied(np.array([[5, 1], [0, 2]]), [0, 4]).tolist()
    [[[5, 1], [0, 2]], [[6, 0], [2, 0]]]
    """
    nothing = np.stack([counts.sum(axis=-1), np.zeros_like(counts[..., 0])], axis=-1)
    too_small = counts[..., 1].sum(axis=-1)[..., None] < np.array(min_areas_px)  # (..., A)
    return np.where(too_small[..., None, None], nothing[..., None, :, :], counts[..., None, :, :])


def size_counts(true: np.ndarray, mask: np.ndarray, sizes_px: Sequence[int]) -> NDArray[np.int64]:
    """Counts (S, 2, 2) of a mask (H, W) without its pieces below each size; rows true, columns found."""
    n_true, n_pixels = np.count_nonzero(true), true.size
    found = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = found[2][1:, cv2.CC_STAT_AREA].astype(np.int64)
    hits = np.bincount(found[1][true.astype(bool)], minlength=len(areas) + 1)[1:]
    counts = []
    for size in sizes_px:
        kept = areas >= size
        hit, predicted = int(hits[kept].sum()), int(areas[kept].sum())
        right = n_pixels - n_true - predicted + hit
        counts.append([[right, predicted - hit], [n_true - hit, hit]])
    return np.array(counts, np.int64)


def scores(
    true: np.ndarray,
    masks: np.ndarray,
    sizes_px: Sequence[int],
    areas_px: Sequence[int],
    metric: MaskMetric,
) -> NDArray:
    """What the metric keeps of one image for each class, size and area, (C, S, A, ...), from masks
    (H, W, C)."""
    channels = range(masks.shape[-1])
    counts = [size_counts(true[..., c], masks[..., c], sizes_px) for c in channels]
    return metric.kept(emptied(np.array(counts), areas_px))


def best(mean: np.ndarray, start: tuple[int, ...]) -> tuple[int, ...]:
    """The index of the flattest high value, else of the highest, or `start` where neither is better.

    >>> best(np.array([0.5, 0.9, 0.9, 0.8]), (0,)), best(np.array([0.5, 0.5]), (0,))
    ((2,), (0,))
    """
    highest = tuple(int(i) for i in np.unravel_index(np.argmax(mean), mean.shape))
    for found in (thresholds.flattest(mean), highest):
        if mean[found] > mean[start] + LEAST_GAIN:
            return found
    return start
