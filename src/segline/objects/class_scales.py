"""Softmax classes scaled before the largest wins: what a threshold is to a sigmoid channel.

A net trained with class weights, or for few steps, gives rare classes too much or too little. One factor a
class, tuned by the metric on images it was not trained on, puts that right without training.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segline.metrics import objectives, semantic
from segline.metrics.objectives import MaskMetric
from segline.objects import grids, thresholds
from segline.objects.grids import Axis, Window
from segline.objects.thresholds import Fit

ROUNDS = 3


class Pixels(NamedTuple):
    """The distinct pixels of some images; each stands for `n_pixels` pixels of image number `image`."""

    image: NDArray[np.int64]  # (n,)
    true: NDArray[np.int64]  # (n,) class
    probs: NDArray[np.uint8]  # (n, K)
    n_pixels: NDArray[np.int64]  # (n,)

    @classmethod
    def of(cls, true: np.ndarray, probs: np.ndarray) -> Self:
        """Those of one image, number 0: classes (H, W) and map (H, W, K) uint8, or some of its pixels.

        >>> Pixels.of(np.array([[1, 1]]), np.array([[[0, 255], [0, 255]]], np.uint8)).n_pixels
        array([2])
        """
        columns = np.concatenate([true[..., None].astype(np.int32), probs], axis=-1)
        counts = pd.DataFrame(columns.reshape(-1, columns.shape[-1])).value_counts(sort=False)
        rows = counts.reset_index().to_numpy(np.int64)  # class, probabilities, number of pixels
        nothing = np.zeros(len(rows), np.int64)
        return cls(nothing, rows[:, 0], rows[:, 1:-1].astype(np.uint8), rows[:, -1])


def together(images: Sequence[Pixels]) -> Pixels:
    """The pixels of several images, numbered in order."""
    numbers = [np.full(len(pixels.n_pixels), number) for number, pixels in enumerate(images)]
    rest = (np.concatenate(parts) for parts in list(zip(*images, strict=True))[1:])
    return Pixels(np.concatenate(numbers), *rest)


def largest(probs: np.ndarray, scales: Sequence[float]) -> NDArray[np.int64]:
    """The class of each pixel (...,) of a map (..., K) uint8: that of the largest scaled probability.

    >>> largest(np.array([[150, 105], [250, 5]], np.uint8), (1, 2))
    array([1, 0])
    """
    if all(scale == scales[0] for scale in scales):
        return probs.argmax(axis=-1)
    return (probs * np.array(scales, np.float32)).argmax(axis=-1)


def score(
    pixels: Pixels,
    scales: Sequence[float],
    metric: MaskMetric = objectives.OF_MASKS["dice"],
    *,
    volumes: Sequence[str] = (),
) -> float:
    """The metric, mean Dice by default, of the images together, and its mean over classes.

    These are the foreground's, with the metric's `background` all. `volumes` names the volume of each
    image; by default each is its own.
    """
    n_classes, n_images = pixels.probs.shape[1], int(pixels.image.max()) + 1
    cells = (pixels.image * n_classes + pixels.true) * n_classes + largest(pixels.probs, scales)
    counts = np.bincount(cells, weights=pixels.n_pixels, minlength=n_images * n_classes**2)
    each = semantic.one_against_rest(counts.reshape(n_images, n_classes, n_classes))
    plain = replace(metric, background=False)
    names = volumes or [str(number) for number in range(n_images)]
    scored = each if metric.background else each[:, 1:]
    return float(np.nan_to_num(plain.overall(plain.kept(scored), names), nan=1.0))


def best(
    pixels: Pixels,
    grid: Sequence[float],
    metric: MaskMetric = objectives.OF_MASKS["dice"],
    *,
    volumes: Sequence[str] = (),
) -> Fit:
    """A factor a class (K,), the background's 1: class by class that of the flattest high score.

    The search starts at 1, goes over the classes up to `ROUNDS` times and moves only where it gains. The
    grid goes on where a factor lies at its edge.
    """
    axis = grids.axis("class_scale", grid, low=0, high=np.inf, whole=False)
    judge = partial(score, pixels, metric=metric, volumes=volumes)
    scales = [1.0] * pixels.probs.shape[1]
    edges: dict[int, tuple[str, ...]] = {}
    reached = judge(scales)
    for _ in range(ROUNDS):
        before = scales
        for number in range(1, len(scales)):
            found, value, at_edge = _best_factor(scales, number, axis, judge)
            if value > reached:
                scales, reached, edges[number] = found, value, at_edge
        if scales == before:
            break
    return Fit({"scales": scales}, tuple(dict.fromkeys(itertools.chain(*edges.values()))))


def _best_factor(
    scales: list[float], number: int, axis: Axis, judge: Callable[[list[float]], float]
) -> tuple[list[float], float, tuple[str, ...]]:
    """The scales with the best factor of class `number`, their score, and whether the grid ends there."""
    tries = [[*scales[:number], scale, *scales[number + 1 :]] for scale in axis.values]
    judged = cache(lambda place: judge(tries[place]))

    def evaluate(windows: tuple[Window, ...]) -> np.ndarray:
        ((first, last),) = windows
        return np.array([judged(place) for place in range(first, last + 1)])

    (place,), at_edge = grids.search([axis], evaluate, thresholds.flattest)
    return tries[place], judged(place), at_edge
