"""The U-Net (Ronneberger et al. 2015) with batch normalisation and an optional strided stem."""

from __future__ import annotations

import keras
from keras import layers

from segline.nets.models import parts

FINE_WIDTH = 12  # filters at full size behind a strided stem


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

    for filters, skip in zip(reversed(widths[:-1]), reversed(skips), strict=True):
        x = layers.Conv2DTranspose(filters, 2, strides=2)(x)
        x = layers.Concatenate()([x, skip])
        x = parts.convolutions(filters)(x)

    if stem > 1:
        x = layers.Conv2DTranspose(FINE_WIDTH, stem, strides=stem)(x)
        x = layers.Concatenate()([x, image])
        x = parts.convolutions(FINE_WIDTH, repeats=1)(x)

    return keras.Model(image, parts.logits(x, outputs), name="unet")
