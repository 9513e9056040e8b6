"""What the nets are made of: widths, blocks of convolutions, the stem, the logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
from keras import layers

FINE_WIDTH = 12  # filters at full size behind a strided stem
Block = Callable[[keras.KerasTensor], keras.KerasTensor]


def widths(width: int, *, depth: int, most: int) -> list[int]:
    """Filters of the depth + 1 levels, the finest first: `width` doubles at each, up to `most`.

    >>> widths(16, depth=3, most=100)
    [16, 32, 64, 100]
    """
    return [min(width * 2**level, most) for level in range(depth + 1)]


def stem(filters: int, *, strides: int) -> Block:
    """The first convolution of a net that does not work at full size; with `strides` 1 none."""
    if strides == 1:
        return lambda x: x
    return layers.Conv2D(filters, 2 * strides - 1, strides=strides, padding="same")


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


def decoded(
    x: keras.KerasTensor, skips: Sequence[keras.KerasTensor], widths: Sequence[int]
) -> keras.KerasTensor:
    """Features of the coarsest level brought up level by level, each joined by its skip.

    `skips` and their `widths` are given from the finest on.
    """
    for skip, filters in zip(reversed(skips), reversed(widths), strict=True):
        x = layers.Conv2DTranspose(filters, 2, strides=2)(x)
        x = layers.Concatenate()([x, skip])
        x = convolutions(filters)(x)
    return x


def at_full_size(x: keras.KerasTensor, image: keras.KerasTensor, *, stem: int) -> keras.KerasTensor:
    """Features at 1 / `stem` of the size at all of it, where one convolution sees the image again."""
    x = layers.Conv2DTranspose(FINE_WIDTH, stem, strides=stem)(x)
    x = layers.Concatenate()([x, image])
    return convolutions(FINE_WIDTH, repeats=1)(x)


def logits(x: keras.KerasTensor, outputs: dict[str, int]) -> dict[str, keras.KerasTensor]:
    """Of features (N, H, W, C) the float32 logits (N, H, W, n) for each name and n in `outputs`."""
    return {name: layers.Conv2D(n, 1, dtype="float32", name=name)(x) for name, n in outputs.items()}
