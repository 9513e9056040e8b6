"""Average precision of objects with confidences at one IoU, as OpenImages and HuBMAP's vasculature do.

An object is right if its IoU with a true one is 0.6 or more; then it is the only one, since objects do not
overlap. All images' objects are ranked together; precision at a recall is the best from there on, and its
integral over recall is the score. Source: `compute_average_precision` and `per_image_evaluation` of
the TensorFlow Object Detection API, which the competition's page names. Equal confidences are one step
here: there their order is whatever an unstable sort leaves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segline.metrics import instances

NUMERATOR, DENOMINATOR = 3, 5  # the IoU


def matched(true: ArrayLike, pred: ArrayLike) -> NDArray[np.bool_]:
    """Whether each predicted object is right, (n_pred,), labels ascending.

    true and pred are label images as in `instances.overlap`.

    >>> matched([[1, 1, 1, 1, 1, 2]], [[1, 1, 1, 0, 0, 5]])
    array([ True,  True])
    """
    counts = instances.overlap(true, pred)
    a, b, shared = counts.pairs
    union = counts.true_sizes[a] + counts.pred_sizes[b] - shared
    right = np.zeros(counts.pred_sizes.size, bool)
    right[b[DENOMINATOR * shared >= NUMERATOR * union]] = True
    return right[1:][counts.pred_sizes[1:] > 0]


def counts(true: ArrayLike, pred: ArrayLike) -> NDArray[np.int64]:
    """Right, predicted and true objects of one image, (3,) int64."""
    right = matched(true, pred)
    n_true = np.count_nonzero(np.unique(np.asarray(true)))
    return np.array([right.sum(), right.size, n_true], np.int64)


def unranked(summed: ArrayLike) -> NDArray[np.float64]:
    """Average precision if all confidences are equal, (...) from summed `counts` (..., 3).

    Then it is precision times recall. Without a true object it is 1 if nothing is predicted, else 0.

    >>> unranked([[2, 4, 4], [0, 0, 0]])
    array([0.25, 1.  ])
    """
    right, predicted, true = np.moveaxis(np.asarray(summed, np.float64), -1, 0)
    nothing = np.where((true == 0) & (predicted == 0), 1.0, 0.0)
    whole = predicted * true
    return np.divide(right**2, whole, out=nothing, where=whole > 0)


def average_precision(right: ArrayLike, confidences: ArrayLike, n_true: int) -> float:
    """The area below precision over recall, in 0..1, of all images' objects together.

    right (n,) bool and confidences (n,) float; edge cases as in `unranked`.

    >>> average_precision([True, False, True], [0.9, 0.8, 0.7], 2).__round__(4)
    0.8333
    """
    hits, order = np.asarray(right, bool), np.asarray(confidences, np.float64)
    if not n_true:
        return float(hits.size == 0)
    if not hits.size:
        return 0.0
    ranked = np.argsort(-order, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(order[ranked])), hits.size - 1)  # of equal confidences
    found = np.cumsum(hits[ranked])[ends]
    precision = np.maximum.accumulate((found / (ends + 1))[::-1])[::-1]
    return float((np.diff(found, prepend=0) / n_true * precision).sum())
