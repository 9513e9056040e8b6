"""The nets by name: one file and one line each."""

from __future__ import annotations

from typing import Any

import keras

from segline.models.classifier import classifier
from segline.models.residual_unet import residual_unet
from segline.models.unet import unet

MODELS = {
    "unet": unet,
    "residual_unet": residual_unet,
    "classifier": classifier,
}


def build(
    name: str, *, channels: int, outputs: dict[str, int], seed: int, **size: Any
) -> keras.Model:
    """Build net `name` for images (N, H, W, channels).

    Its outputs are logits by name, as `outputs` gives name and n: (N, H, W, n), of the classifier (N, n).
    `size` is passed on (width, depth, stem, dropout). H and W must be multiples of `stem * 2**depth`. The
    initial weights are a function of `seed`. Raises ValueError for an unknown name.
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}; known: {', '.join(sorted(MODELS))}")
    keras.utils.set_random_seed(seed)
    return MODELS[name](channels=channels, outputs=outputs, **size)
