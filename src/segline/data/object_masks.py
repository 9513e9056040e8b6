"""A mask file of one object, however it was saved; or of several, where a setting says so."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segline.base.errors import UserError
from segline.masks import labels
from segline.masks.stored_masks import HARD

NEARLY_FULL = 0.94  # of the largest value: what JPEG leaves of it
PIECES = "connected pieces are objects (data.label_masks=true would take each value for one)"
FLAT_SHARE = 1e-3  # of the pixels may be between the ends and alike all around: no soft edge is


def one_object(mask: np.ndarray, name: object) -> NDArray[np.bool_]:
    """The object (H, W) of a mask (H, W) or (H, W, C) of two values, or of soft edges cut at one half.

    UserError for several values, each of which may be an object of its own.
    """
    levels = _levels(mask)
    values = np.unique(levels)
    if len(values) == 1 or (len(values) == 2 and values[0] == 0):
        return levels > 0
    full = _full(levels.dtype, float(values[-1]))
    share = levels / full if full else levels
    if not full or values[0] < 0 or _has_plateaus(share):
        raise UserError(
            f"{name}: {len(values)} values ({values[0]:g} to {values[-1]:g}) in the mask of one object; "
            f"if each value is an object, data.label_masks=true reads them so, else save 0 and 255"
        )
    return share >= 0.5


def all_objects(mask: np.ndarray, name: object, *, several: bool) -> NDArray[np.int32]:
    """Labels (H, W) 1..n of an image's only mask: its values if it holds `several`, else its pieces.

    Pieces are connected over the sides of pixels. UserError for what is no such mask.
    """
    if several:
        return labels.relabel(several_objects(mask, name))
    return labels.split_components(one_object(mask, name))


def several_objects(mask: np.ndarray, name: object) -> NDArray[np.int64]:
    """The label image (H, W) that a mask holds; UserError unless it is whole numbers from 0.

    Of a picture each colour but black is an object.
    """
    if mask.ndim == 3 and (mask != mask[..., :1]).any():
        packed = mask.astype(np.int64) @ (1 << 16 * np.arange(mask.shape[2]))
        return np.unique(np.append(packed, 0), return_inverse=True)[1][:-1].reshape(packed.shape)
    levels = _levels(mask)
    if levels.min() < 0 or (levels.dtype.kind == "f" and (levels != np.rint(levels)).any()):
        raise UserError(
            f"{name}: values {levels.min():g} to {levels.max():g} are no labels; with data.label_masks "
            f"masks hold whole numbers, 0 the background"
        )
    return levels.astype(np.int64)


def _levels(mask: np.ndarray) -> np.ndarray:
    """One number a pixel (H, W): of several channels the largest."""
    if mask.dtype == bool:
        mask = mask.astype(np.uint8)
    return mask.max(axis=2) if mask.ndim == 3 else mask


def _full(dtype: np.dtype, high: float) -> float:
    """The value that a whole object would have if `high` nearly is it; 0 if it is not."""
    ends = (1.0, 255.0) if dtype.kind == "f" else (255.0, 65535.0)
    return next((end for end in ends if NEARLY_FULL * end <= high <= end), 0.0)


def _has_plateaus(share: np.ndarray) -> bool:
    """Whether values between the ends fill areas, as labels do and soft edges do not."""
    between = (share > HARD) & (share < 1 - HARD)
    across = between[:, 1:] & (share[:, 1:] == share[:, :-1])
    down = between[1:] & (share[1:] == share[:-1])
    flat = across[1:] & down[:, 1:]
    return bool(flat.sum() > FLAT_SHARE * share.size)
