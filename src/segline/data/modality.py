"""Modality: what kind of picture this is, judged by its pixels alone."""

from __future__ import annotations

import numpy as np

CHANNELS = "channels"

# Measured on the 729 images of stage 1, the nearest image on either side in brackets.
DARK_MEDIAN = 105.0  # luminance 0..255 (fluorescence up to 52, tissue from 131)
GREY_CHROMA = 5.0  # mean of max - min of R, G, B (grey images 0, stained ones from 11.9)
WHITE_CHROMA = 28.0  # the same over the brightest part (white or cream up to 21, lilac from 34)
GROUND_PERCENTILE = 85.0  # pixels brighter than this count as empty background


def modality(image: np.ndarray) -> str:
    """Name the modality of an image (H, W, 3) uint8 RGB: one of `config.names.MODALITIES`.

    A dark picture is fluorescence. A bright one without colour is brightfield (dark nuclei on
    white); with colour it is stained tissue, `tissue_light` if its brightest part is white or
    cream, else `tissue_purple`. Images above 250 px a side are thinned out, which moves no
    quantile by much. Channels that are no colours are `CHANNELS`. ValueError for other shapes or dtypes.

    >>> modality(np.full((8, 8, 3), 230, np.uint8))
    'brightfield'
    """
    if image.ndim == 3 and image.shape[2] not in (1, 3) and image.dtype == np.uint8:
        return CHANNELS
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"image must be (H, W, 3) uint8, found {image.shape} {image.dtype}")
    step = max(1, min(image.shape[:2]) // 250)
    pixels = image[::step, ::step].reshape(-1, 3)
    luminance = pixels.mean(axis=1)
    if np.median(luminance) < DARK_MEDIAN:
        return "fluorescence"
    chroma = pixels.max(axis=1).astype(np.int16) - pixels.min(axis=1)
    if chroma.mean() < GREY_CHROMA:
        return "brightfield"
    ground = luminance >= np.percentile(luminance, GROUND_PERCENTILE)
    return "tissue_light" if np.median(chroma[ground]) < WHITE_CHROMA else "tissue_purple"
