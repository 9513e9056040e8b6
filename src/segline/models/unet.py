"""The U-Net (Ronneberger et al. 2015) with batch normalisation and an optional strided stem."""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import layers

FINE_WIDTH = 12  # filters at full size behind a strided stem

Block = Callable[[keras.KerasTensor], keras.KerasTensor]


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
    widths = [min(width * 2**level, max_width) for level in range(depth + 1)]
    image = keras.Input((None, None, channels), name="image")
    x = image
    if stem > 1:
        x = layers.Conv2D(width, 2 * stem - 1, strides=stem, padding="same")(x)

    skips = []
    for filters in widths[:-1]:
        x = convolutions(filters)(x)
        skips.append(x)
        x = layers.MaxPooling2D()(x)

    x = convolutions(widths[-1])(x)
    if dropout:
        x = layers.Dropout(dropout)(x)

    for filters, skip in zip(reversed(widths[:-1]), reversed(skips), strict=True):
        x = layers.Conv2DTranspose(filters, 2, strides=2)(x)
        x = layers.Concatenate()([x, skip])
        x = convolutions(filters)(x)

    if stem > 1:
        x = layers.Conv2DTranspose(FINE_WIDTH, stem, strides=stem)(x)
        x = layers.Concatenate()([x, image])
        x = convolutions(FINE_WIDTH, repeats=1)(x)

    heads = {
        name: layers.Conv2D(n, 1, dtype="float32", name=name)(x) for name, n in outputs.items()
    }
    return keras.Model(image, heads, name="unet")


def convolutions(filters: int, repeats: int = 2) -> Block:
    """`repeats` times a 3x3 convolution, batch normalisation and ReLU."""

    def apply(x: keras.KerasTensor) -> keras.KerasTensor:
        for _ in range(repeats):
            x = layers.Conv2D(
                filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal"
            )(x)
            x = layers.BatchNormalization(momentum=0.97)(x)
            x = layers.Activation("relu")(x)
        return x

    return apply
