"""What a net learns of a label image, by task: targets and pixel weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from segline.config.stages import TaskTable
from segline.config.tables import Target, Weights
from segline.masks import classes as class_images
from segline.masks import labels, targets, weight_maps
from segline.masks.classes import Classes

ReadPair = Callable[[int], tuple[np.ndarray, np.ndarray]]  # image and labels of a row
ReadLabels = Callable[[int], np.ndarray]  # its labels alone
REGIONS = Classes(("background", "region"))  # of the first net of two stages


class Taught(NamedTuple):
    """What a crop's label image becomes: `target`, `weight` and `distance` of `Sample`."""

    target: np.ndarray
    weight: np.ndarray
    distance: np.ndarray | None = None


class Teach(Protocol):
    """Makes targets and weights from a label image."""

    def __call__(self, truth: np.ndarray) -> Taught: ...

    def weight(self, truth: np.ndarray) -> np.ndarray:
        """The weights (H, W) float32 alone."""
        ...


@dataclass(frozen=True)
class Scaled:
    """A teacher whose weights are multiplied, so that their mean over the training fold is 1."""

    teach: Teach
    scale: np.float32

    def __call__(self, truth: np.ndarray) -> Taught:
        taught = self.teach(truth)
        return taught._replace(weight=taught.weight * self.scale)

    def weight(self, truth: np.ndarray) -> np.ndarray:
        return self.teach.weight(truth) * self.scale


def scaled(teach: Teach, read: ReadLabels, n_images: int) -> Scaled:
    """`teach` scaled by the mean weight of every pixel of the training fold's `n_images` images.

    ValueError if all of them have weight 0.
    """
    total, n_pixels = 0.0, 0
    for row in range(n_images):
        weight = teach.weight(read(row))
        total += float(weight.sum(dtype=np.float64))
        n_pixels += weight.size
    if not total:
        raise ValueError("every pixel has weight 0; check weights.class_weights")
    return Scaled(teach, np.float32(n_pixels / total))


@dataclass(frozen=True)
class ObjectTeacher:
    """Teaches objects: three classes with a border, the U-Net weight map, the distance if wanted.

    `class_weights` (background, object) are those of the weight map.
    """

    target: Target
    weights: Weights
    class_weights: tuple[float, float]

    def __call__(self, truth: np.ndarray) -> Taught:
        """`truth` (S, S) int32 labels; one that was cut into pieces becomes several objects."""
        truth = labels.split_components(truth)
        limits = [*self.target.border_area_px, np.inf]
        widths = tuple(zip(limits, self.target.border_px, strict=True))
        return Taught(
            target=targets.body_border(truth, widths=widths, gap_px=self.target.gap_px),
            weight=self._weight(truth),
            distance=targets.distance(truth) if self.target.distance else None,
        )

    def weight(self, truth: np.ndarray) -> np.ndarray:
        return self._weight(labels.split_components(truth))

    def _weight(self, truth: np.ndarray) -> np.ndarray:
        return weight_maps.unet_weight_map(
            truth,
            w0=self.weights.w0,
            sigma=self.weights.sigma,
            class_weights=self.class_weights,
        )


@dataclass(frozen=True)
class ClassTeacher:
    """Teaches classes: indices for softmax, channels for sigmoid, weights by class.

    `class_weights` (K,) are by class, the background first. Where classes overlap a pixel has the largest
    weight of its classes.
    """

    classes: Classes
    class_weights: np.ndarray

    def __call__(self, truth: np.ndarray) -> Taught:
        """`truth` (S, S) int32 is a label image as `segline.masks.classes` defines it.

        Where the class is not known the target is the background, with weight 0.
        """
        masks, known = self._seen(truth)
        target = np.where(known, truth, 0) if self.classes.activation == "softmax" else masks
        return Taught(target=target.astype(np.uint8), weight=self._weight(masks, known))

    def weight(self, truth: np.ndarray) -> np.ndarray:
        return self._weight(*self._seen(truth))

    def _seen(self, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Masks (S, S, K - 1) of the foreground classes, and where the class is known (S, S).

        ValueError for labels of other classes, as an extra data set may have them.
        """
        known = class_images.known(truth, self.classes)
        n_labels = len(self.classes) if self.classes.exclusive else 2 ** (len(self.classes) - 1)
        outside = known & ((truth < 0) | (truth >= n_labels))
        if outside.any():
            raise ValueError(
                f"label {truth[outside][0]} at {class_images.first_pixel(outside)} of an image is outside "
                f"0..{n_labels - 1}; all data sets trained on have the same data.classes"
            )
        return class_images.masks(truth, self.classes), known

    def _weight(self, masks: np.ndarray, known: np.ndarray) -> np.ndarray:
        background, *others = self.class_weights.astype(np.float32)
        inside = (masks * np.array(others)).max(axis=-1)
        weight = np.where(masks.any(axis=-1), inside, background)
        return np.where(known, weight, 0).astype(np.float32)


@dataclass(frozen=True)
class RegionTeacher:
    """Teaches every class but the background as one."""

    teach: ClassTeacher

    def __call__(self, truth: np.ndarray) -> Taught:
        return self.teach(merged(truth))

    def weight(self, truth: np.ndarray) -> np.ndarray:
        return self.teach.weight(merged(truth))


def merged(truth: np.ndarray) -> np.ndarray:
    """The label image (H, W) int32 of `REGIONS` that one of classes is."""
    unknown = truth == class_images.IGNORE
    return np.where(unknown, truth, truth > 0).astype(np.int32)


class Head(Protocol):
    """What the net of a task puts out and how it is taught."""

    @property
    def activation(self) -> str:
        """Of the output `classes`: softmax or sigmoid."""
        ...

    @property
    def outputs(self) -> dict[str, int]:
        """Channels of the net's outputs by name."""
        ...

    def teacher(self, read: ReadLabels, n_images: int, weights: Weights) -> Teach:
        """Makes targets and weights; class weights come from all `n_images` images of the fold."""
        ...


@dataclass(frozen=True)
class ObjectHead:
    """Background, body and border, the distance if the target has it, and the class of an object."""

    target: Target
    activation: str = "softmax"
    n_kinds: int = 0  # classes of objects

    @property
    def outputs(self) -> dict[str, int]:
        distance = {"distance": 1} if self.target.distance else {}
        return {"classes": 3} | distance | ({"kinds": self.n_kinds} if self.n_kinds else {})

    def teacher(self, read: ReadLabels, n_images: int, weights: Weights) -> ObjectTeacher:
        background, body = fold_class_weights(read, n_images, method=weights.class_weights)
        return ObjectTeacher(self.target, weights, (float(background), float(body)))


@dataclass(frozen=True)
class ClassHead:
    """A channel for each class, or for each foreground class with sigmoid."""

    classes: Classes

    @property
    def activation(self) -> str:
        return self.classes.activation

    @property
    def outputs(self) -> dict[str, int]:
        return {"classes": len(self.classes.channels)}

    def teacher(self, read: ReadLabels, n_images: int, weights: Weights) -> ClassTeacher:
        found = fold_class_weights(
            read, n_images, method=weights.class_weights, classes=self.classes
        )
        return ClassTeacher(self.classes, found)


class RegionHead(ClassHead):
    """Regions of any class: the first net of two stages."""

    def __init__(self) -> None:
        super().__init__(REGIONS)

    def teacher(self, read: ReadLabels, n_images: int, weights: Weights) -> RegionTeacher:  # type: ignore[override]
        return RegionTeacher(super().teacher(lambda row: merged(read(row)), n_images, weights))


def of(task: TaskTable, target: Target) -> Head:
    """The head of a task's net."""
    if task.name == "instances":
        return ObjectHead(target, n_kinds=len(task.classes))
    if task.name == "two_stage":
        return RegionHead()
    return ClassHead(Classes(task.classes, task.exclusive))


def fold_class_weights(
    read: ReadLabels,
    n_images: int,
    *,
    method: str | Sequence[float],
    classes: Classes | None = None,
) -> np.ndarray:
    """Weights (K,) by class, the background first, from the pixels of all images; K = 2 for objects."""
    count = (lambda truth: class_images.pixel_counts(truth, classes)) if classes else _object_pixels
    return weight_maps.configured_class_weights(
        method,
        n_classes=len(classes) if classes else 2,
        count=lambda: sum(count(read(row)) for row in range(n_images)),
    )


def _object_pixels(truth: np.ndarray) -> np.ndarray:
    """Pixels of (background, objects)."""
    inside = np.count_nonzero(truth)
    return np.array([truth.size - inside, inside])
