"""What the net sees of an image: its size, stretched contrast, nuclei on the bright side."""

from __future__ import annotations

import cv2
import numpy as np

from segline.config.tables import Input
from segline.masks import resize

DARK_MEDIAN = 64  # of 255: a background below this is dark, whatever lies on it
STAINED_CHROMA = 8  # mean of (largest - smallest channel) above which an image is stained
MOST_GAIN = 3.0


def prepared(image: np.ndarray, table: Input) -> np.ndarray:
    """An (H, W, 3) uint8 RGB image, or (H, W, C) of `bands`, as a config's `input` table wants it, uint8.

    It is brought to the table's size (H, W) first, then normalised unless `stretch` is off. ValueError for
    other channels than the table's.
    """
    wanted = table.bands or 3
    if image.shape[2] != wanted:
        raise ValueError(
            f"an image of {image.shape[2]} channels where input.mode={table.mode} takes {wanted}; "
            f"data.channels chooses those of an image"
        )
    if table.size:
        image = resize.smooth(image, table.size)
    if not table.stretch:
        return image
    return normalise(
        image,
        mode=table.mode,
        low_percentile=table.low_percentile,
        high_percentile=table.high_percentile,
    )


def has_bright_background(image: np.ndarray, *, low: float, high: float) -> bool:
    """Tell whether nuclei are the dark side of an (H, W, 3) uint8 image.

    They are in stained tissue, however dense: a coloured image whose median is not dark. A grey image
    has a bright background when its median lies in the upper half between `low` and `high`, the
    levels of its darkest and brightest parts.
    """
    median = float(np.median(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)))
    chroma = float((image.max(axis=2) - image.min(axis=2)).mean())
    if chroma > STAINED_CHROMA:
        return median > DARK_MEDIAN
    return median - low > (high - low) / 2


def normalise(
    image: np.ndarray,
    *,
    mode: str | int,
    low_percentile: float = 1.0,
    high_percentile: float = 99.8,
) -> np.ndarray:
    """Stretch each channel of an (H, W, 3) uint8 RGB image to 0..255 by its own percentiles.

    A stain's tint thereby becomes neutral. A channel with little contrast is stretched no more than
    `MOST_GAIN` times as much as the one with most, so that its noise stays small. In mode `nuclei`, and in
    no other, an image with a bright background is inverted. A constant image becomes all 0. With a number
    as mode the channels (H, W, C) are no colours, and each is stretched whatever the others are.
    """
    flat = image.reshape(-1, image.shape[2])
    lows, highs = np.percentile(flat, [low_percentile, high_percentile], axis=0)
    least = 1.0 if isinstance(mode, int) else max((highs - lows).max() / MOST_GAIN, 1.0)
    spans = np.maximum(highs - lows, least)
    levels = (np.arange(256)[:, None] - lows) / spans
    if mode == "nuclei" and has_bright_background(image, low=lows.mean(), high=highs.mean()):
        levels = 1.0 - levels
    table = np.clip(np.rint(255 * levels), 0, 255).astype(np.uint8)
    return cv2.LUT(image, table[:, None, :])


def to_channels(image: np.ndarray, *, mode: str | int) -> np.ndarray:
    """Turn a normalised image (H, W, C) uint8 into the net's float32 in 0..1, in one channel or all."""
    if mode in ("nuclei", "grey"):
        image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    return image.astype(np.float32) / np.float32(255)
