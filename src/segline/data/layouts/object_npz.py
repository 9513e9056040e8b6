"""Objects in the archives of `npz`: masks are (N, H, W), or (N, H, W, 1), of whole numbers or booleans.

With `data.label_masks` each value above 0 is an object, else the connected pieces of a binary mask are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segline.base.errors import UserError
from segline.data import object_masks
from segline.data.layouts import READING, Reading
from segline.data.layouts.npz import Archive, Archives


def open_raw(raw: Path, reading: Reading = READING) -> ObjectNpz:
    """Read the archives; UserError as for `npz`, and for masks of several channels."""
    return ObjectNpz(raw, reading)


class ObjectNpz(Archives):
    """An `ObjectSource`."""

    def __init__(self, raw: Path, reading: Reading) -> None:
        super().__init__(raw, None, reading.choice)
        self._several = reading.label_masks
        told = "each value above 0 is an object (data.label_masks)"
        self.reading = f"masks: {told if self._several else object_masks.PIECES}"
        for archive in {archive.path: archive for archive, _ in self._where.values()}.values():
            _check(archive)

    def labels(self, archive: Archive, index: int) -> np.ndarray:
        assert archive.masks is not None
        mask = archive.masks[index]
        name = f"{archive.path}[{index}], mask"
        return object_masks.all_objects(
            mask[..., 0] if mask.ndim == 3 else mask, name, several=self._several
        )


def _check(archive: Archive) -> None:
    masks = archive.masks
    if masks is not None and masks.ndim != 3 and masks.shape[3:] != (1,):
        raise UserError(
            f"{archive.path}: masks of shape {masks.shape}; of objects they are (N, height, width), with "
            f"data.label_masks each value above 0 being one"
        )
