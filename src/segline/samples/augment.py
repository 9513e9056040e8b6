"""Random geometric and photometric changes of a training window, by albumentations.

A `Compose` is not thread-safe, and its own seeding makes all children draw alike. So every thread keeps
its own, and every call gives all its transforms one pair of generators, from which they draw in turn:
one pair for geometry and one for photometry, so that a change of the one leaves the other's draws.
"""

from __future__ import annotations

import math
import os
import random
import threading
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A
import cv2
import numpy as np

from segline.config.tables import Augment
from segline.samples.streams import Purpose, generator

ROTATION_MARGIN = math.sqrt(2.0)


class Augmenter:
    """Augments (window, labels) pairs; the same seed gives the same result in any thread.

    Parameters
    ----------
    table
        Probability and strength of each family.
    crop_px
        Side of the square result.
    bands
        The channels are stains or bands, not red, green and blue.
    """

    def __init__(self, table: Augment, *, crop_px: int, bands: bool = False) -> None:
        self._table, self._crop_px, self._bands = table, crop_px, bands
        self._of_thread = threading.local()
        margin = ROTATION_MARGIN if table.rotate else 1.0
        smallest = min(1.0, *(span[0] for _, span in _ranges(table)))
        self.window_px = math.ceil(crop_px * margin / smallest)

    def __call__(
        self, window: np.ndarray, labels: np.ndarray, *, seed: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the (crop_px, crop_px, C) uint8 crop and its int32 labels.

        `window` and `labels` are `window_px` a side, centred on the crop's centre.
        """
        changed = {"image": window, "mask": labels}
        for purpose, compose in self._composes().items():
            rng = generator(purpose, *seed)
            compose.set_random_state(rng, random.Random(rng.bytes(32)))
            changed = compose(**changed)
        return changed["image"], changed["mask"]

    def _composes(self) -> dict[Purpose, A.Compose]:
        if not hasattr(self._of_thread, "composes"):
            photometric = _photometric(self._table, bands=self._bands)
            self._of_thread.composes = {
                Purpose.GEOMETRY: A.Compose(_geometric(self._table, self._crop_px)),
                Purpose.PHOTOMETRY: A.Compose(photometric),
            }
        return self._of_thread.composes


def _ranges(table: Augment) -> list[tuple[float, tuple[float, float]]]:
    """The ranges of magnification that are drawn at all, each after its share."""
    ranges = [(1 - table.magnify, table.scale), (table.magnify, table.magnification)]
    return [(share, span) for share, span in ranges if share]


def _geometric(table: Augment, crop_px: int) -> list[A.BasicTransform]:
    warps, rotate = [], table.rotate
    for share, scale in _ranges(table):
        warp: dict[str, Any] = {
            "scale": scale,
            "balanced_scale": scale[0] < 1 < scale[1],
            "interpolation": cv2.INTER_LINEAR,
            "mask_interpolation": cv2.INTER_NEAREST,
            "border_mode": cv2.BORDER_REFLECT_101,
        }
        turned = A.Affine(rotate=(-180, 180), shear=(-6, 6), p=share * rotate, **warp)
        warps += [turned, A.Affine(p=share * (1 - rotate), **warp)]
    steps: list[Any] = []
    if rotate or any(scale != (1.0, 1.0) for _, scale in _ranges(table)):
        steps.append(A.OneOf([warp for warp in warps if warp.p], p=1.0))
    steps.append(A.CenterCrop(crop_px, crop_px))
    if table.flip:
        steps.append(A.D4(p=1.0))
    return steps


def _photometric(table: Augment, *, bands: bool) -> list[A.BasicTransform]:
    """Of `bands` a channel has its own gain and shift in place of a tint; nothing makes them one grey."""
    levels: list[Any] = [
        A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.4, p=1.0),
        A.RandomGamma(gamma_limit=(60, 160), p=1.0),
    ]
    tints: list[Any] = [
        A.MultiplicativeNoise(multiplier=(0.7, 1.3), per_channel=True, p=1.0),
        A.AdditiveNoise(
            noise_type="uniform",
            spatial_mode="constant",
            noise_params={"ranges": [(-0.1, 0.1)]},
            p=1.0,
        ),
    ]
    if not bands:
        levels.append(A.CLAHE(clip_limit=(1, 3), p=0.5))
        tints = _colours()
    soft = [
        A.GaussianBlur(blur_limit=0, sigma_limit=(0.4, 1.6), p=1.0),
        A.MotionBlur(blur_limit=(3, 5), p=0.4),
        A.Sharpen(alpha=(0.1, 0.4), p=0.6),
    ]
    grainy = [
        A.GaussNoise(std_range=(0.01, 0.06), p=1.0),
        A.MultiplicativeNoise(multiplier=(0.9, 1.1), elementwise=True, p=0.6),
    ]
    return [
        *([] if bands else [A.ToGray(p=table.to_grey)]),
        A.OneOf(tints, p=table.colour),
        A.OneOf(levels, p=table.intensity),
        A.OneOf(soft, p=table.blur),
        A.OneOf(grainy, p=table.noise),
        A.InvertImg(p=table.invert),
    ]


def _colours() -> list[A.BasicTransform]:
    return [
        A.HueSaturationValue(25, 40, 15, p=1.0),
        A.RGBShift(25, 25, 25, p=1.0),
        A.ChannelShuffle(p=1.0),
    ]
