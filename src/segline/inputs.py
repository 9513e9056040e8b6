"""What the net sees of an image: stretched contrast, nuclei on the bright side."""

from __future__ import annotations

import cv2
import numpy as np

BRIGHT_MEDIAN = 80  # of 255; a background above this is bright unless the stretched median is dark
MOST_GAIN = 3.0


def has_bright_background(image: np.ndarray, *, low: float, high: float) -> bool:
    """Tell whether most of an (H, W, 3) uint8 image is bright, so that its nuclei are dark.

    `low` and `high` are the grey levels of the image's darkest and brightest parts. A background is
    bright when the median lies in the upper half between them, or when it is bright in itself and
    dense dark tissue merely pulls the median down.
    """
    median = float(np.median(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)))
    stretched = (median - low) / max(high - low, 1.0)
    return stretched > 0.5 or (median > BRIGHT_MEDIAN and stretched > 0.3)


def normalise(
    image: np.ndarray, *, mode: str, low_percentile: float = 1.0, high_percentile: float = 99.8
) -> np.ndarray:
    """Stretch each channel of an (H, W, 3) uint8 RGB image to 0..255 by its own percentiles.

    A stain's tint thereby becomes neutral. A channel with little contrast is stretched no more than
    `MOST_GAIN` times as much as the one with most, so that its noise stays small. In mode `nuclei` an
    image with a bright background is inverted. A constant image becomes all 0.
    """
    flat = image.reshape(-1, 3)
    lows, highs = np.percentile(flat, [low_percentile, high_percentile], axis=0)
    spans = np.maximum(highs - lows, max((highs - lows).max() / MOST_GAIN, 1.0))
    levels = (np.arange(256)[:, None] - lows) / spans
    if mode == "nuclei" and has_bright_background(image, low=lows.mean(), high=highs.mean()):
        levels = 1.0 - levels
    table = np.clip(np.rint(255 * levels), 0, 255).astype(np.uint8)
    return cv2.LUT(image, table[:, None, :])


def to_channels(image: np.ndarray, *, mode: str) -> np.ndarray:
    """Turn a normalised (H, W, 3) uint8 image into the net's (H, W, 1 or 3) float32 in 0..1."""
    if mode == "nuclei":
        image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    return image.astype(np.float32) / np.float32(255)
