"""Softmax classes scaled before the largest wins: what a threshold is to a sigmoid channel.

A net trained with class weights, or for few steps, gives rare classes too much or too little. One factor a
class, tuned by mean Dice on images it was not trained on, puts that right without training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segline.metrics import semantic
from segline.objects import thresholds

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


def mean_dice(pixels: Pixels, scales: Sequence[float]) -> float:
    """Mean over images and foreground classes; a class neither true nor found counts as 1."""
    n_classes, n_images = pixels.probs.shape[1], int(pixels.image.max()) + 1
    cells = (pixels.image * n_classes + pixels.true) * n_classes + largest(pixels.probs, scales)
    counts = np.bincount(cells, weights=pixels.n_pixels, minlength=n_images * n_classes**2)
    return float(semantic.dice(counts.reshape(n_images, n_classes, n_classes))[:, 1:].mean())


def best(pixels: Pixels, grid: Sequence[float]) -> list[float]:
    """A factor a class (K,), the background's 1: class by class that of the flattest high mean Dice.

    The search starts at 1, goes over the classes up to `ROUNDS` times and moves only where it gains.
    """
    scales = [1.0] * pixels.probs.shape[1]
    reached = mean_dice(pixels, scales)
    for _ in range(ROUNDS):
        before = scales
        for number in range(1, len(scales)):
            tries = [[*scales[:number], scale, *scales[number + 1 :]] for scale in grid]
            dice = np.array([mean_dice(pixels, each) for each in tries])
            (found,) = thresholds.flattest(dice)
            if dice[found] > reached:
                scales, reached = tries[found], dice[found]
        if scales == before:
            break
    return scales
