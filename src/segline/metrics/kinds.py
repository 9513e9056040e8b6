"""Metrics of objects that have classes: each class, or each group of some, is scored by itself.

A class counts in the images where it is true or found; the score is the mean over the classes, as mean
average precision is of COCO, OpenImages and Cityscapes. Where one group is all that is scored, nothing true
and nothing found counts as the metric alone has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segline.metrics import detections
from segline.metrics.objectives import ObjectMetric, mean


def only(labels: ArrayLike, kinds: ArrayLike, group: tuple[int, ...]) -> NDArray[np.int32]:
    """The label image (H, W) int32 without objects of other classes; `kinds` (n,) are those of 1..n.

    >>> only([[1, 2, 0, 3]], [7, 8, 7], (7,))
    array([[1, 0, 0, 3]], dtype=int32)
    """
    array = np.asarray(labels, np.int32)
    chosen = np.concatenate([[False], np.isin(kinds, group)])
    return np.where(chosen[array], array, 0).astype(np.int32)


@dataclass(frozen=True)
class ByKind:
    """A metric of objects by `groups` of classes, each from 1: one class, or several that are one here."""

    metric: ObjectMetric
    groups: tuple[tuple[int, ...], ...]

    def kept(
        self, true: ArrayLike, pred: ArrayLike, *, true_kinds: ArrayLike, pred_kinds: ArrayLike
    ) -> NDArray:
        """What `joined` needs of one image's label images: (G, ...) for G groups.

        nan where a group is neither true nor found and there are others.
        """
        pairs = [
            (only(true, true_kinds, group), only(pred, pred_kinds, group)) for group in self.groups
        ]
        if self.metric.of is None or len(pairs) == 1:
            return np.array([self.metric.kept(*pair) for pair in pairs])
        return np.array(
            [self.metric.kept(*pair) if any(map(np.any, pair)) else np.nan for pair in pairs]
        )

    def by_group(self, kept: ArrayLike) -> NDArray[np.float64]:
        """The value of each group (..., G) of images together, from (N, ..., G) or counts (N, ..., G, 3).

        nan for a group that counts in no image.
        """
        array = np.asarray(kept)
        if self.metric.of is not None:
            return mean(array, axis=0)
        summed = array.sum(axis=0)
        found = detections.unranked(summed)
        if len(self.groups) == 1:
            return found
        return np.where(summed[..., 2] > 0, found, np.nan)

    def joined(self, kept: ArrayLike) -> NDArray[np.float64]:
        """The mean over groups (...) of images together; 1 where none counts, as nothing was wrong."""
        return np.nan_to_num(mean(self.by_group(kept), axis=-1), nan=1.0)
