"""Semantic scores of class images, all read from one confusion matrix.

Add the matrices of several images to pool them, or score each and average: both are in use, and
differ, so the caller chooses.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray


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
    """Dice coefficient, also called pixel F1, of each class: 2 TP / (2 TP + FP + FN), (n_classes,).

    A class that is neither true nor predicted anywhere scores `absent`; pass nan to leave it out
    of a nanmean.

    >>> dice([[1, 0], [1, 1]]).round(3)
    array([0.667, 0.667])
    """
    hits, true_pixels, pred_pixels = _margins(matrix)
    return _ratio(2 * hits, true_pixels + pred_pixels, absent)


def iou(matrix: ArrayLike, *, absent: float = 1.0) -> NDArray[np.float64]:
    """Intersection over union (Jaccard index) of each class, (n_classes,); `absent` as in `dice`.

    >>> iou([[1, 0], [1, 1]])
    array([0.5, 0.5])
    """
    hits, true_pixels, pred_pixels = _margins(matrix)
    return _ratio(hits, true_pixels + pred_pixels - hits, absent)


def pixel_accuracy(matrix: ArrayLike) -> float:
    """Share of the pixels whose class is right, in 0..1; 1 for an image without pixels.

    >>> pixel_accuracy([[1, 0], [1, 2]])
    0.75
    """
    counts = np.asarray(matrix)
    total = counts.sum()
    return float(np.trace(counts) / total) if total else 1.0


def _margins(matrix: ArrayLike):
    counts = np.asarray(matrix, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"a confusion matrix is square, not of shape {counts.shape}")
    return np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)


def _ratio(part: NDArray, whole: NDArray, absent: float) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(part.shape, float(absent)), where=whole > 0)
