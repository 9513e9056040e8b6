"""The U-Net (Ronneberger et al. 2015) with batch normalisation and an optional strided stem."""

from __future__ import annotations

import keras
from keras import layers

from segline.nets.models import parts


def unet(
    *,
    channels: int,
    outputs: dict[str, int],
    width: int,
    depth: int,
    stem: int = 1,
    max_width: int = 1024,
    dropout: float = 0.0,
) -> keras.Model:
    """Map images (N, H, W, channels) to float32 logits (N, H, W, n) for each name in `outputs`.

    `width` filters at the finest level double at each of the `depth` halvings, up to `max_width`.
    With `stem` 2 or 4 the first convolution strides and the last one upsamples, so that no level
    works at full size, and one convolution at full size joins the image again to place outlines.
    """
    widths = parts.widths(width, depth=depth, most=max_width)
    image = keras.Input((None, None, channels), name="image")
    x = parts.stem(width, strides=stem)(image)

    skips = []
    for filters in widths[:-1]:
        x = parts.convolutions(filters)(x)
        skips.append(x)
        x = layers.MaxPooling2D()(x)

    x = parts.convolutions(widths[-1])(x)
    if dropout:
        x = layers.Dropout(dropout)(x)

    x = parts.decoded(x, skips, widths[:-1])
    if stem > 1:
        x = parts.at_full_size(x, image, stem=stem)
    return keras.Model(image, parts.logits(x, outputs), name="unet")
