"""Training samples as a pure function of (seed, epoch, index)."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd

from segline.samples import normalise
from segline.samples.augment import Augmenter
from segline.samples.heads import ReadPair, Teach


class Sample(NamedTuple):
    """One training crop of side S.

    `image` (S, S, C) float32 in 0..1, `target` uint8 class indices (S, S) or independent channels of 0 and
    1 (S, S, n), `weight` (S, S) float32 with mean 1 over the training fold's pixels, `distance` (S, S)
    float32 in 0..1, how deep in its object a pixel lies; None if it is not taught.
    """

    image: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    distance: np.ndarray | None = None


class Sampler:
    """Draws crops from the images of a fold.

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
        seed: int = 0,
    ) -> None:
        if images.empty:
            raise ValueError("no images to draw samples from")
        self.n_images = len(images)
        self._read, self._mode, self._crop_px, self._seed = read, mode, crop_px, seed
        self._augmenter, self._teach = augmenter, teach
        self._cumulative = np.cumsum(sampling_shares(images["modality"], power=modality_power))

    def __call__(self, epoch: int, index: int) -> Sample:
        """Draw sample `index` of `epoch`; the same arguments always give the same arrays."""
        key = (self._seed, epoch, index)
        rng = np.random.default_rng(key)
        row = int(np.searchsorted(self._cumulative, rng.random(), side="right"))
        image, truth = self._read(min(row, self.n_images - 1))
        side = self._augmenter.window_px if self._augmenter else self._crop_px
        image, truth = random_window(image, truth, side=side, inner=self._crop_px, rng=rng)
        if self._augmenter:
            image, truth = self._augmenter(image, truth, seed=key)
        taught = self._teach(truth)
        return Sample(
            image=normalise.to_channels(image, mode=self._mode),
            target=taught.target,
            weight=taught.weight,
            distance=taught.distance,
        )


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
