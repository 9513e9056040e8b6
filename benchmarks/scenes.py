"""Crowds of cells to measure on: truth, a plausible prediction, its maps and its RLEs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segline.masks import rle, targets


@dataclass(frozen=True)
class Scene:
    """One image's worth of inputs; side x side px with about `n` objects."""

    true: NDArray[np.int32]
    pred: NDArray[np.int32]
    body: NDArray[np.uint8]
    foreground: NDArray[np.uint8]
    rles: list[str]

    @property
    def n(self) -> int:
        return len(self.rles)

    @property
    def side(self) -> int:
        return self.true.shape[0]


def crowd(n: int, side: int, *, seed: int, coverage: float = 0.3) -> NDArray[np.int32]:
    """`n` ellipses at random places that cover about `coverage` of the image, later ones on top."""
    rng = np.random.default_rng(seed)
    radius = side * np.sqrt(coverage / (np.pi * n))
    labels = np.zeros((side, side), np.int32)
    for number in range(1, n + 1):
        center = rng.uniform(0, side, 2)
        radii = radius * rng.uniform(0.7, 1.3, 2)
        angle = rng.uniform(0, np.pi)
        reach = radii.max() + 1
        low = np.maximum(center - reach, 0).astype(int)
        high = np.minimum(center + reach + 1, side).astype(int)
        ys, xs = np.ogrid[low[0] : high[0], low[1] : high[1]]
        ys, xs = ys - center[0], xs - center[1]
        along = (ys * np.sin(angle) + xs * np.cos(angle)) / radii[0]
        across = (ys * np.cos(angle) - xs * np.sin(angle)) / radii[1]
        labels[low[0] : high[0], low[1] : high[1]][along**2 + across**2 < 1] = number
    return labels


def scene(n: int, side: int, *, seed: int = 0) -> Scene:
    """A crowd, the same crowd shifted by a pixel as prediction, and blurred maps of it."""
    true = crowd(n, side, seed=seed)
    classes = targets.body_border(true, gap_px=2)
    body = _blurred(classes == targets.Channel.BODY)
    foreground = _blurred((true > 0) | (classes == targets.Channel.BORDER))
    pred = np.roll(true, (1, 1), axis=(0, 1))
    return Scene(true, pred, body, foreground, rle.encode_labels(true))


def _blurred(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.rint(ndimage.gaussian_filter(mask.astype(np.float32), 1.2) * 255).astype(np.uint8)
