"""Training samples as a pure function of (seed, epoch, index)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd

from segline.samples import normalise
from segline.samples.augment import Augmenter
from segline.samples.heads import ReadLabels, ReadPair, Teach
from segline.samples.streams import Purpose, generator

GOLDEN = (
    5**0.5 - 1
) / 2  # multiples of it, without their whole parts, leave no gap between 0 and 1


class Sample(NamedTuple):
    """One training crop of side S.

    `image` (S, S, C) float32 in 0..1, `target` uint8 class indices (S, S) or independent channels of 0 and
    1 (S, S, n), `weight` (S, S) float32 with mean 1 over the training fold's pixels, `distance` (S, S)
    float32 in 0..1, how deep in its object a pixel lies; None if it is not taught. Where objects have
    classes, `kinds` (S, S) uint8 are these, from 0, and `kinds_weight` (S, S) float32 is 0 outside objects,
    with mean 1 over the training fold; else both are None.
    """

    image: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    distance: np.ndarray | None = None
    kinds: np.ndarray | None = None
    kinds_weight: np.ndarray | None = None


class Kinds(NamedTuple):
    """Classes of objects: `read` gives for a row the class, from 1, of each label (0: none is known)."""

    read: ReadLabels
    weight: float  # of a pixel whose class is known

    def taught(self, row: int, truth: np.ndarray) -> dict[str, np.ndarray]:
        """`kinds` and `kinds_weight` of the sample with the labels `truth` (S, S) of row `row`."""
        found = self.read(row)[truth]
        return {
            "kinds": np.maximum(found, 1) - np.uint8(1),
            "kinds_weight": (found > 0) * np.float32(self.weight),
        }


class Sampler:
    """Draws crops from the images of a fold, each image as evenly as whole numbers allow.

    Parameters
    ----------
    images
        Rows of images.csv to draw from (columns `modality`, `height`, `width`).
    read
        Gives for a row number the normalised image (H, W, C) uint8 and its labels (H, W) int32.
    teach
        Makes target and weight from a crop's labels.
    augmenter
        None for plain crops (validation).
    modality_power
        A modality of n images is drawn in proportion to n ** modality_power: 1 draws every image
        alike, 0 every modality alike.
    per_epoch
        Crops an epoch, by default as many as images. An epoch goes on with the images where the one
        before left off, so that epochs shorter than the fold still show all of it.
    seed
        Numbers from 0, of the run and of the fold: with others all draws are others.
    kinds
        Classes of objects, where they are taught.
    """

    def __init__(
        self,
        images: pd.DataFrame,
        read: ReadPair,
        *,
        mode: str | int,
        crop_px: int,
        augmenter: Augmenter | None,
        teach: Teach,
        modality_power: float = 1.0,
        per_epoch: int | None = None,
        seed: tuple[int, ...] = (0,),
        kinds: Kinds | None = None,
    ) -> None:
        if images.empty:
            raise ValueError("no images to draw samples from")
        self.n_images = len(images)
        self._read, self._mode, self._crop_px, self._seed = read, mode, crop_px, seed
        self._augmenter, self._teach, self._kinds = augmenter, teach, kinds
        self._per_epoch = per_epoch or self.n_images
        shares = sampling_shares(images["modality"], power=modality_power)
        self._pass = lru_cache(4)(lambda number: rows_of_pass(shares, number, seed=seed))

    def __call__(self, epoch: int, index: int) -> Sample:
        """Draw sample `index` of `epoch`; the same arguments always give the same arrays."""
        key = (*self._seed, epoch, index)
        number, place = divmod(epoch * self._per_epoch + index, self.n_images)
        row = int(self._pass(number)[place])
        image, truth = self._read(row)
        side = self._augmenter.window_px if self._augmenter else self._crop_px
        rng = generator(Purpose.CROP, *key)
        image, truth = random_window(image, truth, side=side, inner=self._crop_px, rng=rng)
        if self._augmenter:
            image, truth = self._augmenter(image, truth, seed=key)
        taught = self._teach(truth)
        return Sample(
            image=normalise.to_channels(image, mode=self._mode),
            target=taught.target,
            weight=taught.weight,
            distance=taught.distance,
            **(self._kinds.taught(row, truth) if self._kinds else {}),
        )


def rows_of_pass(shares: np.ndarray, number: int, *, seed: tuple[int, ...]) -> np.ndarray:
    """The rows (N,) that pass `number` over N images of `shares` (N,) draws, in their order.

    Systematic sampling: N points at equal distances over the cumulative shares, so that a pass draws an
    image of share s N s times, rounded down or up. The points move on from pass to pass, by the golden
    ratio, so that sums over passes are as even.

    >>> sorted(rows_of_pass(np.full(5, 0.2), 7, seed=(0,)).tolist())
    [0, 1, 2, 3, 4]
    """
    n = len(shares)
    start = generator(Purpose.CHOICE, *seed).random()
    points = (np.arange(n) + (start + number * GOLDEN) % 1) / n
    rows = np.minimum(np.searchsorted(np.cumsum(shares), points, side="right"), n - 1)
    return generator(Purpose.CHOICE, *seed, number + 1).permutation(rows)


def sampling_shares(modality: pd.Series, *, power: float) -> np.ndarray:
    """Share of draws for each image (N,), summing to 1; a modality's total goes as count ** power.

    >>> sampling_shares(pd.Series(["a", "a", "a", "a", "b"]), power=0.5).round(3).tolist()
    [0.167, 0.167, 0.167, 0.167, 0.333]
    """
    counts = modality.map(modality.value_counts()).to_numpy(float)
    shares = counts ** (power - 1)
    return shares / shares.sum()


def random_window(
    image: np.ndarray, truth: np.ndarray, *, side: int, inner: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Cut the `side`-px window around a random `inner`-px crop; what lies outside is mirrored."""
    offset = (side - inner) // 2
    corner = [
        int(rng.integers(min(0, size - inner), max(0, size - inner) + 1)) - offset
        for size in truth.shape
    ]
    return _cut(image, corner, side), _cut(truth, corner, side)


def _cut(array: np.ndarray, corner: list[int], side: int) -> np.ndarray:
    """The square of `side` px at `corner` (row, column); beyond the edge the array is mirrored."""
    pads = [(max(0, -c), max(0, c + side - n)) for c, n in zip(corner, array.shape, strict=False)]
    inside = tuple(
        slice(c + before, c + side - after) for c, (before, after) in zip(corner, pads, strict=True)
    )
    (top, bottom), (left, right) = pads
    return cv2.copyMakeBorder(array[inside], top, bottom, left, right, cv2.BORDER_REFLECT_101)
