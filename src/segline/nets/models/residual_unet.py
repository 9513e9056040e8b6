"""The residual U-Net (Zhang et al. 2018): pre-activated blocks, a strided encoder, plain upsampling."""

from __future__ import annotations

import keras
from keras import layers

from segline.nets.models import parts


def residual_unet(
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

    `width` filters at the finest level double at each of the `depth` halvings, up to `max_width`:
    16 and 4 give 16-32-64-128-256. A block is twice normalisation, ReLU and convolution, added to
    its input (He et al. 2016, "Identity mappings"). With `stem` 2 or 4 the first convolution strides
    and the last upsampling brings the logits' features back to full size.
    """
    widths = parts.widths(width, depth=depth, most=max_width)
    image = keras.Input((None, None, channels), name="image")
    x = layers.Conv2D(width, 2 * stem - 1 if stem > 1 else 3, strides=stem, padding="same")(image)

    skips = []
    for level in range(depth):
        x = _residual(widths[level], strides=1 if level == 0 else 2)(x)
        skips.append(x)

    x = _residual(widths[-1], strides=2)(x)
    if dropout:
        x = layers.Dropout(dropout)(x)

    for level in reversed(range(depth)):
        x = layers.UpSampling2D(interpolation="bilinear")(x)
        x = layers.Concatenate()([x, skips[level]])
        x = _residual(widths[level], strides=1)(x)

    x = _normalised(x)
    if stem > 1:
        x = layers.UpSampling2D(stem, interpolation="bilinear")(x)
    return keras.Model(image, parts.logits(x, outputs), name="residual_unet")


def _residual(filters: int, *, strides: int) -> parts.Block:
    def apply(x: keras.KerasTensor) -> keras.KerasTensor:
        # Every second pixel, then 1x1: a strided 1x1 convolution of fewer than 16 channels crashes oneDNN.
        shortcut = layers.AveragePooling2D(1, strides=strides)(x) if strides > 1 else x
        shortcut = layers.Conv2D(filters, 1, use_bias=False)(shortcut)
        x = _convolution(filters, strides)(_normalised(x))
        x = _convolution(filters, 1)(_normalised(x))
        return layers.Add()([x, shortcut])

    return apply


def _convolution(filters: int, strides: int) -> keras.layers.Layer:
    return layers.Conv2D(
        filters,
        3,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
    )


def _normalised(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Activation("relu")(layers.BatchNormalization(momentum=0.97)(x))
