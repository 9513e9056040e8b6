"""EfficientNet-Lite (Google 2020; Tan & Le 2019 without squeeze-and-excitation, with ReLU6), for any size.

Layers are named as in the weights that `benchmarks.encoders` converts, so that both meet by name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
from keras import layers

from segline.base.checksums import check_sums
from segline.base.errors import UserError

EPSILON = 1e-3  # of all normalisations
MEAN, SPREAD = 127 / 255, 128 / 255  # of an input in 0..1
# Of each stage: blocks, kernel, stride, expansion, filters; the widths and depths are those of Lite0.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
ENDS = (0, 1, 2, 4, 6)  # the last stages at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size
STEM, HEAD = 32, 1280  # filters, which do not scale


@dataclass(frozen=True)
class Lite:
    """How much wider and deeper than Lite0 a net is."""

    width: float
    depth: float

    def filters(self, n: int) -> int:
        """`n` scaled, to a multiple of 8 and not under 90 % of it."""
        scaled = n * self.width
        rounded = max(8, int(scaled + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * scaled else rounded

    def blocks(self, n: int, stage: int) -> int:
        return n if stage in (0, len(STAGES) - 1) else math.ceil(n * self.depth)


LITES = {"efficientnet_lite0": Lite(1.0, 1.0), "efficientnet_lite2": Lite(1.1, 1.2)}


def features(image: keras.KerasTensor, lite: Lite) -> list[keras.KerasTensor]:
    """Features at 1/2, 1/4, 1/8, 1/16 and 1/32 of an image (N, H, W, 1 or 3) in 0..1."""
    x = image if image.shape[-1] == 3 else layers.Concatenate()([image] * 3)
    x = layers.Rescaling(1 / SPREAD, offset=-MEAN / SPREAD)(x)
    x = _normalised(layers.Conv2D(STEM, 3, 2, "same", use_bias=False, name="conv_stem")(x), "bn0")
    found, number = [], 0
    for stage, (n, kernel, stride, expansion, filters) in enumerate(STAGES):
        for k in range(lite.blocks(n, stage)):
            x = _block(x, number, kernel, 1 if k else stride, expansion, lite.filters(filters))
            number += 1
        if stage in ENDS:
            found.append(x)
    return found


def classifier(lite: Lite) -> keras.Model:
    """The net that the weights were made for: logits (N, 1000) of ImageNet's classes."""
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(HEAD, 1, use_bias=False, name="conv_head")(features(image, lite)[-1])
    x = layers.GlobalAveragePooling2D()(_normalised(x, "bn1"))
    return keras.Model(image, layers.Dense(1000, name="fc")(x))


def _block(
    x: keras.KerasTensor, number: int, kernel: int, stride: int, expansion: int, filters: int
) -> keras.KerasTensor:
    """An inverted residual: 1x1 wider, depthwise, 1x1 narrower; added to its input where both fit."""
    name, before = f"blocks_{number}", x
    if expansion > 1:
        wide = layers.Conv2D(x.shape[-1] * expansion, 1, use_bias=False, name=f"{name}_expand_conv")
        x = _normalised(wide(x), f"{name}_bn0")
    x = layers.DepthwiseConv2D(
        kernel, stride, "same", use_bias=False, name=f"{name}_depthwise_conv"
    )(x)
    x = _normalised(x, f"{name}_bn1")
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project_conv")(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_bn2")(x)
    return layers.Add()([x, before]) if stride == 1 and before.shape[-1] == filters else x


def _normalised(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = layers.BatchNormalization(epsilon=EPSILON, name=name)(x)
    return layers.ReLU(max_value=6, name=f"{name}_relu")(x)


def load(model: keras.Model, path: Path) -> None:
    """Put ImageNet's weights, half-precision arrays by layer, into the layers of those names.

    UserError if the file is not there or not as it was converted.
    """
    if not path.exists():
        raise UserError(
            f"{path}: no such file; the encoder's weights are part of the checkout, check them out again"
        )
    check_sums(path.with_name("SHA256SUMS"))
    known = {layer.name: layer for layer in model.layers}
    with h5py.File(path) as file:
        for name in file:
            if name in known:
                group = file[name]
                known[name].set_weights([group[key][()] for key in sorted(group, key=int)])
