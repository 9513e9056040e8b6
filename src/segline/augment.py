"""Random geometric and photometric changes of a training window, by albumentations.

A `Compose` is not thread-safe, and its own seeding makes all children draw alike, so every thread keeps
its own and every call sets the random state of each transform afresh.
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

ROTATION_MARGIN = math.sqrt(2.0)


class Augmenter:
    """Augments (window, labels) pairs; the same seed gives the same result in any thread.

    Parameters
    ----------
    crop_px
        Side of the square result.
    scale
        Smallest and largest magnification.
    magnify, magnification
        Probability of another range of magnification, and that range.
    rotate, intensity, colour, blur, noise, invert, to_grey
        Probability of each family.
    flip
        Whether mirror images are drawn.
    """

    def __init__(
        self,
        *,
        crop_px: int,
        scale: tuple[float, float],
        rotate: float,
        flip: bool,
        intensity: float,
        colour: float,
        blur: float,
        noise: float,
        invert: float,
        to_grey: float,
        magnify: float = 0.0,
        magnification: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        ranges = [(1 - magnify, (scale[0], scale[1])), (magnify, (*magnification,))]
        self._geometry = (crop_px, [(p, span) for p, span in ranges if p], rotate, flip)
        self._photometry = (intensity, colour, blur, noise, invert, to_grey)
        self._of_thread = threading.local()
        margin = ROTATION_MARGIN if rotate else 1.0
        smallest = min(1.0, *(span[0] for _, span in self._geometry[1]))
        self.window_px = math.ceil(crop_px * margin / smallest)

    def __call__(
        self, window: np.ndarray, labels: np.ndarray, *, seed: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the (crop_px, crop_px, 3) uint8 crop and its int32 labels.

        `window` and `labels` are `window_px` a side, centred on the crop's centre.
        """
        compose = self._compose()
        compose.set_random_state(np.random.default_rng(seed), random.Random(repr(tuple(seed))))
        changed = compose(image=window, mask=labels)
        return changed["image"], changed["mask"]

    def _compose(self) -> A.Compose:
        if not hasattr(self._of_thread, "compose"):
            steps = [*_geometric(*self._geometry), *_photometric(*self._photometry)]
            self._of_thread.compose = A.Compose(steps)
        return self._of_thread.compose


def _geometric(
    crop_px: int, ranges: Sequence[tuple[float, tuple[float, float]]], rotate: float, flip: bool
) -> list[A.BasicTransform]:
    warps = []
    for share, scale in ranges:
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
    if rotate or any(scale != (1.0, 1.0) for _, scale in ranges):
        steps.append(A.OneOf([warp for warp in warps if warp.p], p=1.0))
    steps.append(A.CenterCrop(crop_px, crop_px))
    if flip:
        steps.append(A.D4(p=1.0))
    return steps


def _photometric(
    intensity: float, colour: float, blur: float, noise: float, invert: float, to_grey: float
) -> list[A.BasicTransform]:
    levels = [
        A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.4, p=1.0),
        A.RandomGamma(gamma_limit=(60, 160), p=1.0),
        A.CLAHE(clip_limit=(1, 3), p=0.5),
    ]
    tints = [
        A.HueSaturationValue(25, 40, 15, p=1.0),
        A.RGBShift(25, 25, 25, p=1.0),
        A.ChannelShuffle(p=1.0),
    ]
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
        A.ToGray(p=to_grey),
        A.OneOf(tints, p=colour),
        A.OneOf(levels, p=intensity),
        A.OneOf(soft, p=blur),
        A.OneOf(grainy, p=noise),
        A.InvertImg(p=invert),
    ]
