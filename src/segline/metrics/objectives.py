"""What is tuned and scored by: metrics of competitions as functions of counts, and how images are joined.

A metric of class masks takes counts (..., 2, 2), rows the truth, of one image and class; one of objects
takes true and false positives and false negatives at each IoU threshold, (..., T). It says what images make
together: a mean over images, one value of the counts of all of them, or a mean over volumes, whose slices'
counts are summed. Values that are nan (nothing true and nothing found, where the scorer skips that) are in
no mean.

Sources, where the evaluation pages are meant unless said otherwise:

- `map_iou`, `f2_iou`: 2018 Data Science Bowl, Sartorius; Airbus. Mean over images, 1 where both are empty.
- `precision_iou`: TGS. The same of one mask an image.
- `dice`: Severstal, clouds, SIIM-ACR, HuBMAP's kidney and organs, ultrasound, Carvana: 1 where both are
  empty.
- `dice_0`, `dice_present`: the same with 0 there, or without such images.
- `pooled_dice`: contrails: "the entire set of predicted contrail pixels for all observations".
- `iou`, `pooled_iou`: Jaccard index of every image, 1 where both are empty; of all pixels together, as DSTL
  scored and mean IoU is commonly meant. Both are then averaged over classes.
- `f05`: Vesuvius: of every fragment, which is a row; 0 where nothing is right, as in scikit-learn.
- `surface_dice`, `dice_hausdorff`: blood vessels, UW-Madison; see `metrics.volumes`.
- `ap_iou`: HuBMAP's vasculature; see `metrics.detections`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segline.metrics import detections, instances, semantic

Objects = Callable[[ArrayLike, ArrayLike, ArrayLike], NDArray[np.float64]]
Masks = Callable[[ArrayLike], NDArray[np.float64]]


def f_beta(
    tp: ArrayLike, fp: ArrayLike, fn: ArrayLike, *, beta: float, absent: float = 1.0
) -> NDArray[np.float64]:
    """(1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP), elementwise; `absent` where all are 0.

    >>> f_beta([1, 0], [1, 0], [0, 0], beta=2).round(3)
    array([0.833, 1.   ])
    """
    hits, false_alarms, misses = (np.asarray(c, dtype=np.float64) for c in (tp, fp, fn))
    square = beta**2
    whole = (1 + square) * hits + square * misses + false_alarms
    nothing = np.full_like(whole, absent)
    return np.divide((1 + square) * hits, whole, out=nothing, where=whole > 0)


def f2(tp: ArrayLike, fp: ArrayLike, fn: ArrayLike) -> NDArray[np.float64]:
    """F2 at each IoU threshold, (..., T)."""
    return f_beta(tp, fp, fn, beta=2)


def dice(matrix: ArrayLike, *, absent: float = 1.0) -> NDArray[np.float64]:
    """Dice of the foreground, (...,); `absent` where nothing is true and nothing found."""
    return semantic.dice(matrix, absent=absent)[..., 1]


def dice_0(matrix: ArrayLike) -> NDArray[np.float64]:
    """Dice with 0 where nothing is true and nothing found."""
    return dice(matrix, absent=0.0)


def dice_present(matrix: ArrayLike) -> NDArray[np.float64]:
    """Dice with nan there, so that it is in no mean."""
    return dice(matrix, absent=np.nan)


def iou(matrix: ArrayLike) -> NDArray[np.float64]:
    """Jaccard index of the foreground, (...,); 1 where nothing is true and nothing found."""
    return semantic.iou(matrix)[..., 1]


def iou_present(matrix: ArrayLike) -> NDArray[np.float64]:
    """The same with nan there."""
    return semantic.iou(matrix, absent=np.nan)[..., 1]


def f05(matrix: ArrayLike) -> NDArray[np.float64]:
    """F0.5 of the foreground, (...,); 0 where nothing is true and nothing found."""
    counts = np.asarray(matrix)
    hits, false_alarms, misses = counts[..., 1, 1], counts[..., 0, 1], counts[..., 1, 0]
    return f_beta(hits, false_alarms, misses, beta=0.5, absent=0.0)


def mean(values: ArrayLike, axis: int | None = None) -> NDArray[np.float64]:
    """The mean without nan, along `axis` or of all; nan where there is nothing else.

    >>> mean([[0.5, np.nan], [1.0, np.nan]], axis=0)
    array([0.75,  nan])
    """
    array = np.asarray(values, np.float64)
    if not np.isnan(array).any():
        return array.mean(axis=axis)
    counted = ~np.isnan(array)
    total, n = np.where(counted, array, 0.0).sum(axis=axis), counted.sum(axis=axis)
    return np.divide(total, n, out=np.full(np.shape(total), np.nan), where=n > 0)


@dataclass(frozen=True)
class MaskMetric:
    """A metric of class masks.

    `over` says what images make together. `real` names what it only stands in for: a metric of whole
    volumes, which is scored by and too costly to tune by. With `background` what is left is one more class.
    """

    name: str
    title: str
    of_class: Masks
    over: Literal["images", "set", "volumes"] = "images"
    real: Literal["", "surface_dice", "dice_hausdorff"] = ""
    background: bool = False

    def of(self, counts: ArrayLike) -> NDArray[np.float64]:
        """The metric (...) of counts (..., 2, 2), with `background` its mean over the two classes."""
        array = np.asarray(counts)
        if not self.background:
            return self.of_class(array)
        return mean([self.of_class(array), self.of_class(array[..., ::-1, ::-1])], axis=0)

    def kept(self, counts: ArrayLike) -> NDArray:
        """What `joined` needs of one image's counts (..., 2, 2): values (...), or the counts themselves."""
        return self.of(counts) if self.over == "images" else np.asarray(counts)

    def joined(self, kept: ArrayLike, volumes: Sequence[str]) -> NDArray[np.float64]:
        """The value (...) of images together from what was kept of each, (N, ...); nan if none counts.

        `volumes` (N,) names the volume of each image.
        """
        array = np.asarray(kept)
        if self.over == "images":
            return mean(array, axis=0)
        if self.over == "set":
            return np.asarray(self.of(array.sum(axis=0)))
        return mean(self.of(summed(array, volumes)), axis=0)

    def overall(self, kept: ArrayLike, volumes: Sequence[str]) -> float:
        """The score of a set from what was kept of each image and class, (N, C, ...): the mean over all."""
        return float(mean(kept if self.over == "images" else self.joined(kept, volumes)))


def summed(counts: ArrayLike, volumes: Sequence[str]) -> NDArray[np.int64]:
    """Counts (N, ...) summed over the images of each volume, (V, ...), volumes in order of their names.

    >>> summed([1, 2, 3], ["b", "a", "b"])
    array([2, 4])
    """
    array = np.asarray(counts)
    names, numbers = np.unique(np.asarray(volumes), return_inverse=True)
    total = np.zeros((len(names), *array.shape[1:]), array.dtype)
    np.add.at(total, numbers, array)
    return total


@dataclass(frozen=True)
class ObjectMetric:
    """A metric of objects: of counts at the ten IoU thresholds, mean over images; or `ap_iou`."""

    name: str
    title: str
    of: Objects | None = None  # None: average precision over confidences of all images together

    def kept(self, true: NDArray, pred: NDArray) -> NDArray:
        """What `joined` needs of one image's label images: its value, or for `ap_iou` three counts."""
        if self.of is None:
            return detections.counts(true, pred)
        return self.of(*instances.match_counts(true, pred)).mean()

    def joined(self, kept: ArrayLike) -> NDArray[np.float64]:
        """The value (...) of images together from (N, ...); for `ap_iou` with equal confidences."""
        array = np.asarray(kept)
        if self.of is None:
            return detections.unranked(array.sum(axis=0))
        return array.mean(axis=0)


OF_OBJECTS = {
    metric.name: metric
    for metric in (
        ObjectMetric("map_iou", "mAP of IoU .50-.95", instances.precision),
        ObjectMetric("f2_iou", "F2 of IoU .50-.95", f2),
        ObjectMetric("ap_iou", "AP at IoU .60"),
    )
}
OF_MASKS = {
    metric.name: metric
    for metric in (
        MaskMetric("dice", "mean Dice", dice),
        MaskMetric("dice_0", "mean Dice, 0 where both are empty", dice_0),
        MaskMetric("dice_present", "mean Dice where not both are empty", dice_present),
        MaskMetric("pooled_dice", "Dice of all pixels together", dice_present, over="set"),
        MaskMetric("iou", "mean IoU", iou),
        MaskMetric("pooled_iou", "IoU of all pixels together", iou_present, over="set"),
        MaskMetric("f05", "F0.5", f05),
        MaskMetric("precision_iou", "precision at IoU .50-.95", semantic.map_iou),
        MaskMetric(
            "surface_dice", "surface Dice", dice_present, over="volumes", real="surface_dice"
        ),
        MaskMetric(
            *("dice_hausdorff", "0.4 Dice + 0.6 Hausdorff", dice_present),
            real="dice_hausdorff",
        ),
    )
}


def of_objects(name: str) -> ObjectMetric:
    """The metric of objects by its name; mAP of IoU for a name that is none of objects'."""
    return OF_OBJECTS.get(name, OF_OBJECTS["map_iou"])


def of_masks(name: str) -> MaskMetric:
    """The metric of class masks by its name; mean Dice for a name that is none of masks'."""
    return OF_MASKS.get(name, OF_MASKS["dice"])
