"""Losses that are a sum over pixels: cross-entropies and the focal loss."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from segline.nets.losses.term import Term, one_hot, with_channels

NOTHING = -1e30  # a logit of probability 0 that has a finite gradient


@keras.saving.register_keras_serializable("segline")
class CrossEntropy(Term):
    """Weighted cross-entropy: the mean over pixels of w(x) * -log p_label(x).

    The sum is divided by the number of pixels, whatever the weights; several sigmoid channels are
    averaged. Source: Ronneberger et al. 2015, eq. 1.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if self.activation == "softmax":
            most = (
                y_pred.shape[-1] - 1
            )  # beyond it TensorFlow raises by itself, `checked` everywhere
            label = ops.clip(ops.cast(y_true, "int32"), 0, most)
            return ops.sparse_categorical_crossentropy(label, y_pred, from_logits=True)
        return ops.mean(ops.softplus(-_log_odds(y_true, y_pred, self.activation)), axis=-1)


@keras.saving.register_keras_serializable("segline")
class BalancedCrossEntropy(Term):
    """Cross-entropy in which positives weigh `beta` and negatives 1 - `beta`, `beta` in 0..1.

    Positive is a 1 in a sigmoid channel, and every class but 0 with softmax. Normalised as
    `CrossEntropy`. The paper's beta is the share of negatives: near 1 for small objects. Source:
    Xie and Tu 2015 (holistically-nested edge detection), eq. 2.
    """

    def __init__(self, beta: float = 0.9, **common: Any) -> None:
        super().__init__(**common)
        if not 0 <= beta <= 1:
            raise ValueError(f"beta must lie in 0..1, got {beta}")
        self.beta = beta

    def call(self, y_true: Any, y_pred: Any) -> Any:
        surprise = ops.softplus(-_log_odds(y_true, y_pred, self.activation))
        positive = with_channels(y_true, y_pred, self.activation) > 0
        return ops.mean(ops.where(positive, self.beta, 1 - self.beta) * surprise, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"beta": self.beta}


@keras.saving.register_keras_serializable("segline")
class Focal(Term):
    """Cross-entropy times (1 - p_label)^gamma, so that pixels already right count less, gamma >= 0.

    Without the paper's alpha, which pixel weights express. Normalised as `CrossEntropy`, which it is
    at gamma 0. Source: Lin et al. 2017, eq. 4.
    """

    def __init__(self, gamma: float = 2.0, **common: Any) -> None:
        super().__init__(**common)
        if gamma < 0:
            raise ValueError(f"gamma must not be negative, got {gamma}")
        self.gamma = gamma

    def call(self, y_true: Any, y_pred: Any) -> Any:
        log_odds = _log_odds(y_true, y_pred, self.activation)
        miss = ops.exp(-self.gamma * ops.softplus(log_odds))  # (1 - p)^gamma, smooth also at p = 1
        return ops.mean(miss * ops.softplus(-log_odds), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"gamma": self.gamma}


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

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


def _log_odds(y_true: Any, y_pred: Any, activation: str) -> Any:
    """log(p / (1 - p)) of the truth's probability: (N, ..., 1) with softmax, else (N, ..., C)."""
    truth = with_channels(y_true, y_pred, activation)
    if activation == "sigmoid":
        return (2.0 * truth - 1.0) * y_pred
    is_label = one_hot(y_true, y_pred) > 0
    label = ops.sum(ops.where(is_label, y_pred, 0.0), axis=-1, keepdims=True)
    return label - ops.logsumexp(ops.where(is_label, NOTHING, y_pred), axis=-1, keepdims=True)
