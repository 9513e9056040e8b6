"""What thresholds are tuned by: competitions' metrics as functions of counts, one value an image.

Of objects a metric takes true and false positives and false negatives at each IoU threshold, (..., T); of
class masks the counts (..., 2, 2) of one image and class. All mean over images afterwards, and count an
image with nothing true and nothing predicted as 1. Sources: the evaluation pages of the 2018 Data Science
Bowl, of Airbus (F2), of TGS (precision at IoU thresholds) and of Severstal (Dice, 1 where both are empty).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segline.metrics import instances, semantic

Objects = Callable[[ArrayLike, ArrayLike, ArrayLike], NDArray[np.float64]]
Masks = Callable[[ArrayLike], NDArray[np.float64]]


def f_beta(tp: ArrayLike, fp: ArrayLike, fn: ArrayLike, *, beta: float) -> NDArray[np.float64]:
    """(1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP), elementwise; 1 where all are 0.

    >>> f_beta([1, 0], [1, 0], [0, 0], beta=2).round(3)
    array([0.833, 1.   ])
    """
    hits, false_alarms, misses = (np.asarray(c, dtype=np.float64) for c in (tp, fp, fn))
    square = beta**2
    whole = (1 + square) * hits + square * misses + false_alarms
    return np.divide((1 + square) * hits, whole, out=np.ones_like(whole), where=whole > 0)


def f2(tp: ArrayLike, fp: ArrayLike, fn: ArrayLike) -> NDArray[np.float64]:
    """F2 at each IoU threshold, (..., T)."""
    return f_beta(tp, fp, fn, beta=2)


def dice(matrix: ArrayLike) -> NDArray[np.float64]:
    """Dice of the foreground, (...,)."""
    return semantic.dice(matrix)[..., 1]


OF_OBJECTS: dict[str, Objects] = {"map_iou": instances.precision, "f2_iou": f2}
OF_MASKS: dict[str, Masks] = {"dice": dice, "precision_iou": semantic.map_iou}


def of_objects(name: str) -> tuple[str, Objects]:
    """The metric of objects by its name; where it is not computed here, mAP of IoU under its own name."""
    name = name if name in OF_OBJECTS else "map_iou"
    return name, OF_OBJECTS[name]


def of_masks(name: str) -> tuple[str, Masks]:
    """The metric of class masks by its name; where it is not computed here, mean Dice."""
    name = name if name in OF_MASKS else "dice"
    return name, OF_MASKS[name]
