"""Semantic scores of class images, all read from confusion counts.

Counts of several images or batches add up; whether to pool them so or to score each image and
average is the caller's choice: both are in use, and differ. Scores take one matrix
(n_classes, n_classes) or a stack of them (..., n_classes, n_classes), for instance one an image, a
channel or a threshold, and give one value a class, (..., n_classes).

A class that is absent leaves a ratio 0 / 0. Images are scored with `absent=1`, a class neither true
nor predicted counting as right; means over classes leave it out (`absent=nan` and a nanmean), as
mean IoU is commonly defined.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segline.metrics import instances

_PROBABILITIES = np.arange(256) / 255  # what the bytes of a stored map stand for


def confusion(true: ArrayLike, pred: ArrayLike, *, n_classes: int) -> NDArray[np.int64]:
    """Pixel counts (n_classes, n_classes): rows the true class, columns the predicted one.

    true and pred hold classes 0..n_classes - 1, integer or boolean, in equal shapes of any
    dimension. Raises ValueError on unequal shapes, other dtypes, or a class outside the range.

    >>> confusion([0, 1, 1], [0, 0, 1], n_classes=2)
    array([[1, 0],
           [1, 1]])
    """
    truth = _classes(true, n_classes, "true")
    guess = _classes(pred, n_classes, "pred")
    if truth.shape != guess.shape:
        raise ValueError(f"true has shape {truth.shape}, pred {guess.shape}")
    cells = truth.ravel() * np.int64(n_classes) + guess.ravel()
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def channel_confusion(true: ArrayLike, pred: ArrayLike) -> NDArray[np.int64]:
    """Counts (C, 2, 2) of independent channels (..., C) of 0 and 1, one matrix a channel.

    Raises ValueError for what `confusion` refuses.

    >>> channel_confusion([[0, 1], [1, 1]], [[0, 1], [0, 1]]).tolist()
    [[[1, 0], [1, 0]], [[0, 0], [0, 2]]]
    """
    pair = np.asarray(true), np.asarray(pred)
    if pair[0].shape != pair[1].shape:
        raise ValueError(f"true has shape {pair[0].shape}, pred {pair[1].shape}")
    channels = range(pair[0].shape[-1])
    return np.stack([confusion(*(image[..., c] for image in pair), n_classes=2) for c in channels])


def one_against_rest(matrix: ArrayLike) -> NDArray[np.float64]:
    """Of counts (..., K, K) those of each class against all others, (..., K, 2, 2).

    >>> one_against_rest([[5, 1], [2, 3]]).tolist()
    [[[3.0, 2.0], [1.0, 5.0]], [[5.0, 1.0], [2.0, 3.0]]]
    """
    hits, true_pixels, pred_pixels = _margins(matrix)
    wrong, missed = pred_pixels - hits, true_pixels - hits
    rest = true_pixels.sum(axis=-1, keepdims=True) - true_pixels - wrong
    rows = np.stack([rest, wrong], axis=-1), np.stack([missed, hits], axis=-1)
    return np.stack(rows, axis=-2)


def _classes(image: ArrayLike, n_classes: int, name: str) -> NDArray[np.integer]:
    array = np.asarray(image)
    if array.dtype.kind not in "iub":
        raise ValueError(f"{name} must hold integer classes, not {array.dtype}")
    lowest, highest = int(array.min(initial=0)), int(array.max(initial=0))
    if lowest < 0 or highest >= n_classes:
        outside = lowest if lowest < 0 else highest
        raise ValueError(f"{name} holds class {outside}, outside 0..{n_classes - 1}")
    return array.astype(np.int64)


def dice(matrix: ArrayLike, *, absent: float = 1.0) -> NDArray[np.float64]:
    """Dice coefficient, also called F1, of each class: 2 TP / (2 TP + FP + FN), (..., n_classes).

    A class that is neither true nor predicted anywhere scores `absent`; pass nan to leave it out
    of a nanmean.

    >>> dice([[1, 0], [1, 1]]).round(3)
    array([0.667, 0.667])
    """
    hits, true_pixels, pred_pixels = _margins(matrix)
    return _ratio(2 * hits, true_pixels + pred_pixels, absent)


def iou(matrix: ArrayLike, *, absent: float = 1.0) -> NDArray[np.float64]:
    """Intersection over union (Jaccard index) of each class, (..., n_classes); `absent` as in `dice`.

    >>> iou([[1, 0], [1, 1]])
    array([0.5, 0.5])
    """
    hits, true_pixels, pred_pixels = _margins(matrix)
    return _ratio(hits, true_pixels + pred_pixels - hits, absent)


def precision(matrix: ArrayLike, *, absent: float = 0.0) -> NDArray[np.float64]:
    """Right share of what is predicted as each class, TP / (TP + FP), (..., n_classes).

    A class never predicted scores `absent`, by default 0 as in scikit-learn.

    >>> precision([[1, 0], [1, 1]])
    array([0.5, 1. ])
    """
    hits, _, pred_pixels = _margins(matrix)
    return _ratio(hits, pred_pixels, absent)


def recall(matrix: ArrayLike, *, absent: float = 0.0) -> NDArray[np.float64]:
    """Found share of each class, TP / (TP + FN), (..., n_classes).

    A class that is not in the truth scores `absent`, by default 0 as in scikit-learn.

    >>> recall([[1, 0], [1, 1]])
    array([1. , 0.5])
    """
    hits, true_pixels, _ = _margins(matrix)
    return _ratio(hits, true_pixels, absent)


def mean_iou(matrix: ArrayLike) -> float:
    """Mean IoU over the classes that are true or predicted somewhere; nan if none is.

    >>> mean_iou([[1, 0, 0], [1, 1, 0], [0, 0, 0]])
    0.5
    """
    ious = iou(matrix, absent=np.nan)
    return float(np.nanmean(ious)) if not np.isnan(ious).all() else np.nan


def pixel_accuracy(matrix: ArrayLike) -> float:
    """Share of the pixels whose class is right, in 0..1; 1 for an image without pixels.

    Of a stack (C, 2, 2) of channels this is binary accuracy: the right share of all decisions.

    >>> pixel_accuracy([[1, 0], [1, 2]])
    0.75
    """
    hits, true_pixels, _ = _margins(matrix)
    total = true_pixels.sum()
    return float(hits.sum() / total) if total else 1.0


def _margins(matrix: ArrayLike):
    counts = np.asarray(matrix, dtype=np.float64)
    if counts.ndim < 2 or counts.shape[-2] != counts.shape[-1]:
        raise ValueError(f"a confusion matrix is square, not of shape {counts.shape}")
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    return hits, counts.sum(axis=-1), counts.sum(axis=-2)


def _ratio(part: NDArray, whole: NDArray, absent: float) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(part.shape, float(absent)), where=whole > 0)


def level_counts(true: ArrayLike, probs: ArrayLike) -> NDArray[np.int64]:
    """Pixels at each of the 256 levels of a stored map, (2, 256): row 0 negatives, row 1 positives.

    true holds 0 and 1 or booleans, probs uint8 probabilities in 1/255, in equal shapes. The counts
    of several images add up, and hold all that thresholds, ROC curve and AUC depend on.
    Raises ValueError on other dtypes or values and on unequal shapes.

    >>> level_counts([0, 1, 1], np.array([0, 9, 9], np.uint8))[:, [0, 9]]
    array([[1, 0],
           [0, 2]])
    """
    truth, levels = _classes(true, 2, "true"), np.asarray(probs)
    if levels.dtype != np.uint8:
        raise ValueError(f"probs must be uint8, not {levels.dtype}")
    if truth.shape != levels.shape:
        raise ValueError(f"true has shape {truth.shape}, probs {levels.shape}")
    return np.bincount((truth * 256 + levels).ravel(), minlength=512).reshape(2, 256)


def at_thresholds(counts: ArrayLike, thresholds: ArrayLike) -> NDArray[np.int64]:
    """Confusion counts (T, 2, 2) of predicting 1 where the probability exceeds each threshold.

    counts as `level_counts` gives them, or a stack (..., 2, 256), one an image; then (..., T, 2, 2).
    Thresholds lie in 0..1. `dice(at_thresholds(...))[..., 1]` is the Dice of each image at each.

    >>> counts = level_counts([0, 1, 1], np.array([0, 51, 255], np.uint8))
    >>> at_thresholds(counts, [0.1, 0.2]).tolist()
    [[[1, 0], [0, 2]], [[1, 0], [1, 1]]]
    """
    cuts = np.ravel(thresholds)
    outside = cuts[~((cuts >= 0) & (cuts <= 1))]
    if outside.size:
        raise ValueError(f"thresholds must lie in 0..1, found {outside[0]}")
    below = np.cumsum(np.asarray(counts, dtype=np.int64), axis=-1)
    negative = below[..., np.searchsorted(_PROBABILITIES, cuts, side="right") - 1]
    both = np.stack([negative, below[..., -1:] - negative], axis=-1)  # (..., 2, T, 2)
    return np.moveaxis(both, -3, -2)


def roc_curve(counts: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False and true positive rates, two (257,) from 0 to 1, from `level_counts` (2, 256).

    Entry k is the pair of predicting 1 at the k highest levels. Equal to scikit-learn's at the levels
    that occur; nan throughout for a class without pixels.

    >>> fpr, tpr = roc_curve(level_counts([0, 1], np.array([0, 255], np.uint8)))
    >>> fpr[[0, 1, -1]].tolist(), tpr[[0, 1, -1]].tolist()
    ([0.0, 0.0, 1.0], [0.0, 1.0, 1.0])
    """
    pixels = np.asarray(counts, dtype=np.int64)
    above = np.cumsum(pixels[:, ::-1], axis=1, dtype=np.float64)
    rates = _ratio(above, np.repeat(above[:, -1:], 256, axis=1), np.nan)
    starts = np.where(np.isnan(rates[:, :1]), np.nan, 0.0)
    fpr, tpr = np.concatenate([starts, rates], axis=1)
    return fpr, tpr


def auc(counts: ArrayLike) -> float:
    """Area under the ROC curve, in 0..1, from `level_counts` (2, 256); nan if one class is absent.

    The probability that a positive pixel's level exceeds a negative one's, ties counting half.

    >>> auc(level_counts([0, 1, 0], np.array([3, 9, 9], np.uint8)))
    0.75
    """
    fpr, tpr = roc_curve(counts)
    return float(np.trapezoid(tpr, fpr))


def map_iou(matrix: ArrayLike) -> NDArray[np.float64]:
    """The competition's mAP of IoU where an image's foreground is one object, (...,) in 0..1.

    matrix (..., 2, 2), one an image (and threshold). Equals `metrics.map_iou` of the masks: precision
    averaged over the ten IoU thresholds, IoU compared in integers; nothing true and nothing predicted
    scores 1. Average the result over the images.

    >>> map_iou([[[5, 0], [1, 3]], [[9, 0], [0, 0]]])
    array([0.5, 1. ])
    """
    counts = np.asarray(matrix, dtype=np.int64)
    if counts.shape[-2:] != (2, 2):
        raise ValueError(f"binary confusion counts are (..., 2, 2), not of shape {counts.shape}")
    hits, false_alarms, misses = counts[..., 1, 1], counts[..., 0, 1], counts[..., 1, 0]
    union = hits + false_alarms + misses
    twentieths = np.rint(20 * np.array(instances.THRESHOLDS)).astype(np.int64)
    matches = 20 * hits[..., None] > twentieths * union[..., None]
    is_true, is_predicted = hits + misses > 0, hits + false_alarms > 0
    wrong, missed = is_predicted[..., None] & ~matches, is_true[..., None] & ~matches
    return instances.precision(matches, wrong, missed).mean(axis=-1)
