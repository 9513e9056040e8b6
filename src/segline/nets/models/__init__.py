"""The nets by name: one file and one line each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from segline.config import places
from segline.config.stages import TrainStage
from segline.nets.models.classifier import classifier
from segline.nets.models.efficientnet_lite_unet import efficientnet_lite_unet
from segline.nets.models.efficientnet_unet import efficientnet_unet
from segline.nets.models.residual_unet import residual_unet
from segline.nets.models.unet import unet
from segline.samples import heads, streams
from segline.samples.streams import Purpose

MODELS = {
    "unet": unet,
    "residual_unet": residual_unet,
    "efficientnet_unet": efficientnet_unet,
    "efficientnet_lite_unet": efficientnet_lite_unet,
    "classifier": classifier,
}
# Where ImageNet's weights of an encoder come from: Keras's own place, or the checkout.
PRETRAINED: dict[str, Any] = {
    "efficientnet_unet": "imagenet",
    "efficientnet_lite_unet": places.encoders(Path("data")),
}
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


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


def from_settings(
    settings: TrainStage, precision: str, *, fold: int = 0, fetch: bool = True
) -> keras.Model:
    """The untrained net that a run's training settings describe, computing in `precision`.

    Each `fold` begins with random weights of its own. With `fetch` its encoder has ImageNet's weights if
    `model.weights` asks for them.
    """
    size = settings.model.model_dump()
    name, weights = size.pop("name"), size.pop("weights")
    if weights == "imagenet" and fetch:
        size["weights"] = PRETRAINED[name]
    keras.config.set_dtype_policy(POLICIES[precision])
    return build(
        name,
        channels=settings.input.channels,
        outputs=heads.of(settings.task, settings.target).outputs,
        seed=streams.seed(Purpose.WEIGHTS, settings.train.seed, fold),
        **size,
    )
