"""From the probability maps of class masks to label images, as thresholds.json says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from segline.masks import classes as class_images
from segline.masks.classes import Classes
from segline.objects import class_scales, class_sizes


class ClassDecoder(NamedTuple):
    """From a map to a label image of `classes`: a threshold a channel, else the largest, `scales` times."""

    classes: Classes
    thresholds: Sequence[float] | None = None
    scales: Sequence[float] | None = None
    min_sizes: Sequence[int] | None = None
    min_areas: Sequence[int] | None = None

    def __call__(self, probs: np.ndarray) -> np.ndarray:
        """Label image (H, W) int32 of a map (H, W, C) uint8."""
        labels = self._decided(probs)
        if not self.min_sizes and not self.min_areas:
            return labels
        found = class_images.masks(labels, self.classes)
        n = found.shape[-1]
        sizes, areas = self.min_sizes or [0] * n, self.min_areas or [0] * n
        kept = [
            class_sizes.cleaned(found[..., c], min_size_px=sizes[c], min_area_px=areas[c])
            for c in range(n)
        ]
        if self.classes.exclusive:
            return np.where(np.any(kept, axis=0), labels, 0)
        return class_images.from_channels(np.stack(kept, axis=-1))

    def _decided(self, probs: np.ndarray) -> np.ndarray:
        """The same before small pieces are dropped."""
        if self.thresholds is None:
            scales = self.scales or (1.0,) * len(self.classes)
            return class_scales.largest(probs, scales).astype(np.int32)
        above = np.arange(256)[:, None] / 255 > np.array(self.thresholds)  # (256, C)
        chosen = np.stack([above[probs[..., c], c] for c in range(probs.shape[-1])], axis=-1)
        return class_images.from_channels(chosen)
