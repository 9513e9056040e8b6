"""A small convolutional classifier of whole crops."""

from __future__ import annotations

import keras
from keras import layers


def classifier(
    *,
    channels: int,
    outputs: dict[str, int],
    width: int,
    depth: int,
    stem: int = 1,
    max_width: int = 1024,
    dropout: float = 0.0,
) -> keras.Model:
    """Map crops (N, S, S, channels) to float32 logits (N, K) for each name and K in `outputs`.

    Two convolutions a level; `width` filters double at each of the `depth` halvings, up to `max_width`,
    and the mean over what is left goes through dropout to the logits, so that any S from stem * 2**depth
    up will do.
    """
    image = keras.Input((None, None, channels), name="image")
    x = (
        layers.Conv2D(width, 2 * stem - 1, strides=stem, padding="same")(image)
        if stem > 1
        else image
    )
    for level in range(depth + 1):
        if level:
            x = layers.MaxPooling2D()(x)
        for _ in range(2):
            x = _convolved(x, min(width * 2**level, max_width))
    x = layers.GlobalAveragePooling2D()(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    heads = {name: layers.Dense(k, dtype="float32", name=name)(x) for name, k in outputs.items()}
    return keras.Model(image, heads, name="classifier")


def _convolved(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    return layers.Activation("relu")(layers.BatchNormalization(momentum=0.97)(x))
