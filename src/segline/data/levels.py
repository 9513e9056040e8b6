"""Levels: what numbers an image file holds, and how they become 8-bit RGB."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from segline.masks.classes import first_pixel

Scale = Literal["0-255", "0-1", "16 bit", "each channel"]
STRETCH_PERCENTILES = (0.1, 99.9)  # of a 16-bit image, which become 0 and 255
ROUNDING = 1e-3  # by which floats in 0-1 may go beyond
SEEN = 96  # of 255 between the percentiles: enough contrast for an eye
DIVIDED_TWICE = 0.02  # floats that reach no further were divided by 255 twice


class Levels(NamedTuple):
    """Numbers of one image as stored; `bright` is the mean, 0..255, of what became of it."""

    dtype: str
    channels: int
    low: float
    high: float
    scale: Scale
    bright: float


def scale_of(dtype: np.dtype, *, low: float, high: float) -> Scale:
    """The scale of numbers between `low` and `high`.

    Integers and floats up to 255 are 0-255, floats up to 1 are 0-1, what goes beyond 255 is 16 bit.
    ValueError for negative values, values above 65535, and for what was scaled or cast by mistake.
    """
    shown = f"values {low:g}..{high:g}"
    if low < 0 or high > 65535:
        raise ValueError(f"{shown} are on no known scale; save images in 0-1, 0-255 or 16 bit")
    if dtype.kind == "f" and high <= 1 + ROUNDING:
        if 0 < high <= DIVIDED_TWICE:
            raise ValueError(f"{shown}: divided by 255 twice? save images in 0-1 or 0-255")
        return "0-1"
    if dtype.kind == "f" and high < 2:
        raise ValueError(f"{shown}: resized with overshoot? clip images to 0-1, or save in 0-255")
    if dtype.kind != "f" and high == 1:
        raise ValueError(f"{shown} in whole numbers: cast after scaling? save images in 0-255")
    return "0-255" if high <= 255 else "16 bit"


def to_rgb8(image: np.ndarray, scale: Scale) -> np.ndarray:
    """Bring an image (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) to (H, W, 3) uint8 RGB.

    0-255 is rounded, 0-1 multiplied by 255. 16 bit is stretched, so that the image's own
    `STRETCH_PERCENTILES` over all channels become 0 and 255. A fourth channel (transparency) is
    dropped. ValueError for other shapes.
    """
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4):
        raise ValueError(
            f"an image of shape {image.shape} has neither 1 (grey), 3 (RGB) nor 4 (RGBA) channels at "
            f"its end; numpy.moveaxis brings them there, and of others data.channels chooses"
        )
    image = image[..., :3]
    if image.dtype != np.uint8:
        image = _scaled(image.astype(np.float32), scale)
    return np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))


def _scaled(image: np.ndarray, scale: Scale) -> np.ndarray:
    if scale == "0-1":
        image = image * np.float32(255)
    elif scale == "16 bit":
        low, high = np.percentile(image, STRETCH_PERCENTILES)
        image = (image - low) * np.float32(255 / max(high - low, 1))
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def stored_scale(stored: np.ndarray) -> Scale:
    """The scale of one image's numbers, whatever their type: 8 bits kept in 16 are still 8 bits.

    ValueError for NaN and infinities, and as in `scale_of`; a black image is on any scale.
    """
    _check_numbers(stored)
    if stored.dtype == np.uint8:
        return "0-255"
    if stored.ndim == 3 and stored.shape[2] == 4:
        stored = stored[..., :3]  # transparency has a scale of its own
    return scale_of(stored.dtype, low=float(stored.min()), high=float(stored.max()))


def _check_numbers(stored: np.ndarray) -> None:
    if stored.dtype.kind not in "uif":
        raise ValueError(f"an image holds real numbers, found {stored.dtype}")
    if not stored.size:
        raise ValueError(f"an image of shape {stored.shape} has no pixels")
    if stored.dtype.kind == "f" and not np.isfinite(stored).all():
        where = first_pixel(~np.isfinite(stored))
        raise ValueError(f"NaN or infinite at {where}; mend the image")


def visible(image: np.ndarray) -> np.ndarray:
    """A copy (H, W, 3) uint8 in which one sees something: a dim image is stretched to the full range."""
    low, high = np.percentile(image, STRETCH_PERCENTILES) if image.size else (0, 255)
    if high - low >= SEEN:
        return image.copy()
    return _scaled(image.astype(np.float32), "16 bit")


def as_rgb8(stored: np.ndarray) -> np.ndarray:
    """An image of any depth as (H, W, 3) uint8 RGB, by the scale of its numbers."""
    return to_rgb8(stored, stored_scale(stored))


def each_channel8(stored: np.ndarray) -> np.ndarray:
    """Channels (H, W, C) of any depth as uint8: 8 bits as they are, else each by its own percentiles.

    Stains and bands have scales of their own: `STRETCH_PERCENTILES` of each channel become 0 and 255. A
    channel of one value becomes 0. ValueError for NaN and infinities.

    >>> each_channel8(np.array([[[0, -2.0], [400, -1.0]]]))[0].tolist()
    [[0, 0], [255, 255]]
    """
    _check_numbers(stored)
    if stored.ndim != 3:
        raise ValueError(f"an image of shape {stored.shape} is not (H, W, channels)")
    if stored.dtype == np.uint8:
        return np.ascontiguousarray(stored)
    numbers = stored.astype(np.float32)
    low, high = np.percentile(numbers, STRETCH_PERCENTILES, axis=(0, 1))
    share = (numbers - low) / np.where(high > low, high - low, 1)
    return np.clip(np.rint(255 * share), 0, 255).astype(np.uint8)
