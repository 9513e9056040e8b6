"""Losses on logits that compose: a sum of named terms, each testable alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("segline")
class CrossEntropy(keras.losses.Loss):
    """Weighted softmax cross-entropy: the mean over pixels of w(x) * -log p_label(x).

    `y_true` is (N, H, W) class indices, `y_pred` (N, H, W, C) logits, `sample_weight` (N, H, W); the sum
    is divided by the number of pixels. Source: Ronneberger et al. 2015, eq. 1.
    """

    def __init__(self, name: str = "cross_entropy") -> None:
        super().__init__(name=name, dtype="float32")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.sparse_categorical_crossentropy(
            ops.cast(y_true, "int32"), y_pred, from_logits=True
        )


@keras.saving.register_keras_serializable("segline")
class Dice(keras.losses.Loss):
    """One minus the soft Dice coefficient, pooled over the batch, averaged over the classes but 0.

    Shapes as in `CrossEntropy`. Pixel weights scale each pixel's part in both sums. A class that is
    neither true nor predicted counts as perfect through `smooth`. Source: Milletari et al. 2016.
    """

    def __init__(self, smooth: float = 1.0, name: str = "dice") -> None:
        super().__init__(name=name, dtype="float32")
        self.smooth = smooth

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        probs = ops.softmax(ops.cast(y_pred, "float32"))
        truth = ops.one_hot(ops.cast(y_true, "int32"), ops.shape(probs)[-1], dtype="float32")
        weight = 1.0 if sample_weight is None else ops.cast(sample_weight, "float32")[..., None]
        both = ops.sum(weight * probs * truth, axis=(0, 1, 2))
        sizes = ops.sum(weight * (probs + truth), axis=(0, 1, 2))
        dice = (2 * both + self.smooth) / (sizes + self.smooth)
        return 1.0 - ops.mean(dice[1:])

    def get_config(self) -> dict[str, Any]:
        return {"smooth": self.smooth, "name": self.name}


@keras.saving.register_keras_serializable("segline")
class SoftCrossEntropy(keras.losses.Loss):
    """Binary cross-entropy of one logit against a target in 0..1: least where both agree.

    `y_true` is (N, H, W), `y_pred` (N, H, W, 1) logits, `sample_weight` (N, H, W). The target's own
    entropy is taken off, so that the least value is 0.
    """

    def __init__(self, name: str = "soft_cross_entropy") -> None:
        super().__init__(name=name, dtype="float32")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        target, logit = ops.cast(y_true, "float32"), y_pred[..., 0]
        inside = ops.clip(target, 1e-6, 1 - 1e-6)
        entropy = -inside * ops.log(inside) - (1 - inside) * ops.log(1 - inside)
        return ops.softplus(logit) - target * logit - entropy


TERMS = {"cross_entropy": CrossEntropy, "dice": Dice}


@keras.saving.register_keras_serializable("segline")
class Total(keras.losses.Loss):
    """The sum of named terms times their weights; every term sees the pixel weights."""

    def __init__(self, terms: Mapping[str, float], name: str = "total") -> None:
        super().__init__(name=name, dtype="float32")
        unknown = sorted(set(terms) - set(TERMS))
        if unknown:
            raise ValueError(f"unknown loss terms {unknown}; known: {', '.join(sorted(TERMS))}")
        self.terms = dict(terms)
        self._losses = [(weight, TERMS[term]()) for term, weight in terms.items() if weight]

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return sum(weight * loss(y_true, y_pred, sample_weight) for weight, loss in self._losses)

    def get_config(self) -> dict[str, Any]:
        return {"terms": self.terms, "name": self.name}
