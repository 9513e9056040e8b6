"""A small convolutional classifier of whole crops."""

from __future__ import annotations

import keras
from keras import layers

from segline.nets.models import parts


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
    finest, *coarser = parts.widths(width, depth=depth, most=max_width)
    x = parts.convolutions(finest)(parts.stem(width, strides=stem)(image))
    for filters in coarser:
        x = parts.convolutions(filters)(layers.MaxPooling2D()(x))
    x = layers.GlobalAveragePooling2D()(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    heads = {name: layers.Dense(k, dtype="float32", name=name)(x) for name, k in outputs.items()}
    return keras.Model(image, heads, name="classifier")
