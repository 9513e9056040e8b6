"""Losses on logits that compose: a sum of named terms, each testable alone.

Every term takes

- with activation `softmax`: `y_true` (N, ...) class indices, class 0 the background, and `y_pred`
  (N, ..., C) logits, C > 1;
- with activation `sigmoid`: `y_true` (N, ..., C), or (N, ...) where C is 1, of 0 and 1, and `y_pred`
  (N, ..., C) logits of independent channels, none of them a background;
- `sample_weight` (N, ...), one weight a pixel, or None;

and gives one float32, whatever the type of the logits. `...` is (H, W) for images, nothing for crops
classified as a whole. Keras opens a model saved with such a loss after `import segline.nets.losses`, or
with `compile=False`; the models of `make train` carry no loss and need neither.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import keras

from segline.config.names import LOSS_TERMS
from segline.config.tables import Loss
from segline.nets.losses.overlap import Dice, GeneralisedDice, IoU
from segline.nets.losses.pixelwise import (
    BalancedCrossEntropy,
    CrossEntropy,
    Focal,
    SoftCrossEntropy,
)

__all__ = [
    "TERMS",
    "BalancedCrossEntropy",
    "CrossEntropy",
    "Dice",
    "Focal",
    "GeneralisedDice",
    "IoU",
    "SoftCrossEntropy",
    "Total",
    "of_classes",
]


def _term(path: str) -> Any:
    module, _, name = path.partition(".")
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)


TERMS = {name: _term(path) for name, path in LOSS_TERMS.items()}


@keras.saving.register_keras_serializable("segline")
class Total(keras.losses.Loss):
    """The sum of named terms times their weights; every term sees the pixel weights.

    A term of weight 0 is left out. The other arguments reach the terms they belong to: `beta` the
    balanced cross-entropy, `gamma` the focal loss, `dice_over` and `iou_over` ("mean" or "pooled")
    Dice and IoU.
    """

    def __init__(
        self,
        terms: Mapping[str, float],
        *,
        activation: str = "softmax",
        beta: float = 0.9,
        gamma: float = 2.0,
        dice_over: str = "mean",
        iou_over: str = "mean",
        name: str = "total",
    ) -> None:
        super().__init__(name=name, dtype="float32")
        unknown = sorted(set(terms) - set(TERMS))
        if unknown:
            raise ValueError(f"unknown loss terms {unknown}; known: {', '.join(sorted(TERMS))}")
        self.terms, self.activation = dict(terms), activation
        self.options = {
            "beta": beta,
            "gamma": gamma,
            "dice_over": dice_over,
            "iou_over": iou_over,
        }
        own: dict[str, dict[str, Any]] = {
            "balanced_cross_entropy": {"beta": beta},
            "focal": {"gamma": gamma},
            "dice": {"over": dice_over},
            "iou": {"over": iou_over},
        }
        self._losses = [
            (weight, TERMS[term](activation=activation, **own.get(term, {})))
            for term, weight in terms.items()
            if weight
        ]

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return sum(weight * loss(y_true, y_pred, sample_weight) for weight, loss in self._losses)

    def get_config(self) -> dict[str, Any]:
        config = {"terms": self.terms, "activation": self.activation, "name": self.name}
        return config | self.options


def of_classes(table: Loss, activation: str) -> Total:
    """The loss of the output `classes` that a config's table asks for."""
    options = table.model_dump(exclude={"distance"})
    return Total(options.pop("terms"), activation=activation, **options)
