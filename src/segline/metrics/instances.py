"""Instance scores as a ladder: overlap in pixels, matches, precision, average, mean.

The metric of the 2018 Data Science Bowl (its evaluation page): a prediction matches a true object
when their IoU exceeds t, strictly; precision at t is TP / (TP + FP + FN); an image scores the mean
over t = 0.50, 0.55 ... 0.95. Every comparison is made in integers, since `np.linspace(.5, .95,
10)[8]` is below 0.9.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segline.masks.labels import checked

THRESHOLDS = tuple(k / 20 for k in range(10, 20))

_FINEST = 10_000  # thresholds are the nearest fraction with at most this denominator


@dataclass(frozen=True)
class Overlap:
    """Pixels that true and predicted objects share, without an entry for pairs that share none.

    true_sizes (max true label + 1,) and pred_sizes (max predicted label + 1,): pixels of each label,
    0 for a number that does not occur; pairs (3, n_pairs): true label, predicted label, shared
    pixels > 0, in no particular order but the same one every time. All int64.
    """

    true_sizes: NDArray[np.int64]
    pred_sizes: NDArray[np.int64]
    pairs: NDArray[np.int64]

    @property
    def n_true(self) -> int:
        """Number of true objects."""
        return int(np.count_nonzero(self.true_sizes[1:]))

    @property
    def n_pred(self) -> int:
        """Number of predicted objects."""
        return int(np.count_nonzero(self.pred_sizes[1:]))


def overlap(true: ArrayLike, pred: ArrayLike) -> Overlap:
    """Count the pixels each true and predicted object share, in one pass over the two images.

    true and pred are label images (H, W) of any integer dtype, labels in any numbering, 0
    background. Memory is of the order of labels and touching pairs. Raises ValueError on unequal
    shapes and on what `labels.checked` refuses.

    >>> overlap([[1, 1, 0]], [[0, 3, 3]]).pairs.tolist()
    [[1], [3], [1]]
    """
    from segline.masks.kernels import overlap as _overlap_kernels
    from segline.masks.kernels import runs

    truth = checked(true, name="true")
    guess = checked(pred, name="pred")
    if truth.shape != guess.shape:
        raise ValueError(f"true has shape {truth.shape}, pred {guess.shape}")
    flat = truth.ravel(), guess.ravel()
    highest = truth.max(initial=0), guess.max(initial=0)
    return Overlap(*_overlap_kernels.overlap(*flat, runs.changes_of_two(*flat), *highest))


def overlap_of_runs(true: NDArray[np.int64], pred: NDArray[np.int64]) -> Overlap:
    """The same of objects given as runs, without an image; the sizes of the background are 0.

    true and pred are (3, n): start, length and label 1.. of runs that ascend and are apart, see
    `rle_check.apart`.

    >>> overlap_of_runs(np.array([[1], [2], [1]]), np.array([[2], [2], [3]])).pairs.tolist()
    [[1], [3], [1]]
    """
    from segline.masks.kernels import overlap as _overlap_kernels

    highest = true[2].max(initial=0), pred[2].max(initial=0)
    return Overlap(*_overlap_kernels.overlap_of_runs(true, pred, *highest))


def iou_matrix(true: ArrayLike, pred: ArrayLike) -> NDArray[np.float64]:
    """IoU of every true with every predicted object, (n_true, n_pred), labels ascending.

    For display: scores compare integers and never read it.

    >>> iou_matrix([[1, 1, 0]], [[0, 3, 3]]).round(3)
    array([[0.333]])
    """
    counts = overlap(true, pred)
    a, b, shared = counts.pairs
    ious = np.zeros((counts.n_true, counts.n_pred))
    rows = np.cumsum(counts.true_sizes[1:] > 0) - 1
    columns = np.cumsum(counts.pred_sizes[1:] > 0) - 1
    ious[rows[a - 1], columns[b - 1]] = shared / (
        counts.true_sizes[a] + counts.pred_sizes[b] - shared
    )
    return ious


def match_counts(
    true: ArrayLike, pred: ArrayLike, thresholds: Sequence[float] = THRESHOLDS
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """True positives, false positives and false negatives at each threshold, three (T,) int64.

    From 0.5 up an object has at most one partner. Below, where several can qualify, the matches
    are the largest possible one-to-one assignment (maximum bipartite matching). Thresholds lie in
    0..1 and are read as fractions with a denominator of at most 10,000, so 0.9 means 9/10.

    >>> [c.tolist() for c in match_counts([[1, 1, 2]], [[1, 1, 0]], (0.5, 0.9))]
    [[1, 1], [0, 0], [1, 1]]
    """
    return match_counts_of(overlap(true, pred), thresholds)


def match_counts_of(
    counts: Overlap, thresholds: Sequence[float] = THRESHOLDS
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """`match_counts` of an overlap that is counted already."""
    tp = _true_positives(counts, thresholds)
    return tp, counts.n_pred - tp, counts.n_true - tp


def _true_positives(counts: Overlap, thresholds: Sequence[float]) -> NDArray[np.int64]:
    from segline.masks.kernels import overlap as _overlap_kernels

    numerators, denominators = _fractions(tuple(float(t) for t in np.ravel(thresholds)))
    tp = _overlap_kernels.matches(
        counts.true_sizes, counts.pred_sizes, counts.pairs, numerators, denominators
    )
    for k in np.flatnonzero(2 * numerators < denominators):
        tp[k] = _largest_matching(counts, int(numerators[k]), int(denominators[k]))
    return tp


@cache
def _fractions(thresholds: tuple[float, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    wrong = [t for t in thresholds if not 0 <= t <= 1]
    if wrong:
        raise ValueError(f"thresholds must lie in 0..1, found {wrong[0]}")
    fractions = [Fraction(t).limit_denominator(_FINEST) for t in thresholds]
    numerators = np.array([f.numerator for f in fractions], np.int64)
    return numerators, np.array([f.denominator for f in fractions], np.int64)


def _largest_matching(counts: Overlap, numerator: int, denominator: int) -> int:
    """Most pairs with an IoU above the threshold in which every object occurs once."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    a, b, shared = counts.pairs
    union = counts.true_sizes[a] + counts.pred_sizes[b] - shared
    good = denominator * shared > numerator * union
    shape = counts.true_sizes.size, counts.pred_sizes.size
    graph = csr_array((np.ones(good.sum(), np.int8), (a[good], b[good])), shape=shape)
    return int(np.count_nonzero(maximum_bipartite_matching(graph) >= 0))


def precision(tp: ArrayLike, fp: ArrayLike, fn: ArrayLike) -> NDArray[np.float64]:
    """TP / (TP + FP + FN), elementwise, in 0..1; 1 where there is neither object nor prediction.

    Raises ValueError on a negative count.

    >>> precision([3, 0], [1, 0], [0, 0])
    array([0.75, 1.  ])
    """
    hits, false_alarms, misses = (np.asarray(c, dtype=np.float64) for c in (tp, fp, fn))
    lowest = min(c.min(initial=0) for c in (hits, false_alarms, misses))
    if lowest < 0:
        raise ValueError(f"counts must not be negative, found {lowest:g}")
    total = hits + false_alarms + misses
    return np.divide(hits, total, out=np.ones_like(total), where=total > 0)


def average_precision(
    true: ArrayLike, pred: ArrayLike, thresholds: Sequence[float] = THRESHOLDS
) -> NDArray[np.float64]:
    """Precision of one image at each IoU threshold, (T,) in 0..1.

    Label images as in `overlap`, thresholds as in `match_counts`. Nothing true and nothing
    predicted scores 1, one of them empty 0.

    >>> average_precision([[1, 1, 2]], [[1, 1, 0]], (0.5, 0.75))
    array([0.5, 0.5])
    """
    return precision(*match_counts(true, pred, thresholds))


def map_iou(true: ArrayLike, pred: ArrayLike) -> float:
    """Mean precision over the ten thresholds 0.50 ... 0.95: one image's score, in 0..1.

    Raises ValueError on unequal shapes or negative labels.

    >>> map_iou([[1, 1, 1, 1]], [[0, 1, 1, 1]])
    0.5
    """
    return float(average_precision(true, pred).mean())


def true_ious(counts: Overlap, threshold: float = 0.5) -> NDArray[np.float64]:
    """IoU of every pair that matches, (n_matches,); `threshold` of one half or more, so that matches are
    unique.

    >>> true_ious(overlap([[1, 1, 1, 2]], [[1, 1, 0, 2]])).round(3)
    array([0.667, 1.   ])
    """
    a, b, shared = matches(counts, threshold)
    return shared / (counts.true_sizes[a] + counts.pred_sizes[b] - shared)


def matches(counts: Overlap, threshold: float = 0.5) -> NDArray[np.int64]:
    """The pairs that match, (3, n_matches): true label, predicted label, shared pixels; as `true_ious`."""
    if not 0.5 <= threshold <= 1:
        raise ValueError(f"matches are unique from 0.5 to 1, found {threshold}")
    numerators, denominators = _fractions((float(threshold),))
    a, b, shared = counts.pairs
    union = counts.true_sizes[a] + counts.pred_sizes[b] - shared
    return counts.pairs[:, denominators[0] * shared > numerators[0] * union]


@dataclass(frozen=True)
class Quality:
    """How well one image's objects are found, all in 0..1.

    `recognition` is the F1 of matches at IoU .50, `segmentation` the mean IoU of the matches, `panoptic`
    their product (Kirillov 2019, equations 1 and 2); `jaccard` is the aggregated Jaccard index (Kumar 2017,
    algorithm 1). With nothing true and nothing predicted all are 1; without a match `segmentation` is 0.
    """

    panoptic: float
    segmentation: float
    recognition: float
    jaccard: float


def quality(true: ArrayLike, pred: ArrayLike) -> Quality:
    """`Quality` of one image's label images; errors as in `overlap`.

    >>> quality([[1, 1, 1, 2]], [[1, 1, 0, 2]]).panoptic.__round__(3)
    0.833
    """
    counts = overlap(true, pred)
    if counts.n_true + counts.n_pred == 0:
        return Quality(1.0, 1.0, 1.0, 1.0)
    ious = true_ious(counts)
    segmentation = float(ious.mean()) if ious.size else 0.0
    recognition = 2 * ious.size / (counts.n_true + counts.n_pred)
    return Quality(segmentation * recognition, segmentation, recognition, _jaccard(counts))


def _jaccard(counts: Overlap) -> float:
    """Shared pixels of every true object and its best partner by IoU, over their unions and what is left.

    A partner may serve several true objects, as published; predictions that serve none add their pixels.
    """
    a, b, shared = counts.pairs
    union = counts.true_sizes[a] + counts.pred_sizes[b] - shared
    order = np.lexsort((b, -shared / union, a))  # best first within each true object
    true_labels, first = np.unique(a[order], return_index=True)
    best = order[first]
    alone = np.setdiff1d(np.flatnonzero(counts.true_sizes), np.append(true_labels, 0))
    unused = np.setdiff1d(np.flatnonzero(counts.pred_sizes), np.append(b[best], 0))
    whole = union[best].sum() + counts.true_sizes[alone].sum() + counts.pred_sizes[unused].sum()
    return float(shared[best].sum() / whole)
