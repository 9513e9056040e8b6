"""Losses that are a ratio of sums over the pixels of a batch: Dice, IoU, generalised Dice."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from segline.nets.losses.term import Term, check_rank, checked, one_hot, with_channels

OVER = ("mean", "pooled")


class Overlap(Term):
    """One minus a ratio of sums over the pixels of the whole batch, pixel weights in every sum.

    With `over` "mean" the ratio is taken of each class and averaged, with "pooled" once, of the sums
    over all classes, so that frequent ones count more. With softmax class 0 is left out. `smooth`, in
    pixels, is added above and below: a class neither true nor predicted counts as perfect.
    """

    def __init__(self, smooth: float = 1.0, over: str = "mean", **common: Any) -> None:
        super().__init__(**common)
        if over not in OVER:
            raise ValueError(f"over must be one of {OVER}, not {over!r}")
        self.smooth, self.over = smooth, over

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        valid = checked(y_true, y_pred, self.activation)
        shared, sizes, _ = _sums(y_true, y_pred, sample_weight, self.activation)
        first = 1 if self.activation == "softmax" else 0
        if self.over == "pooled":
            return valid * (1.0 - self.ratio(ops.sum(shared[first:]), ops.sum(sizes[first:])))
        return valid * (1.0 - ops.mean(self.ratio(shared, sizes)[first:]))

    def ratio(self, shared: Any, sizes: Any) -> Any:
        """The measure, from the soft intersection and the sum of true and predicted pixels."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"smooth": self.smooth, "over": self.over}


@keras.saving.register_keras_serializable("segline")
class Dice(Overlap):
    """One minus the soft Dice coefficient, 2 |A B| / (|A| + |B|). Source: Milletari et al. 2016."""

    def ratio(self, shared: Any, sizes: Any) -> Any:
        return (2 * shared + self.smooth) / (sizes + self.smooth)


@keras.saving.register_keras_serializable("segline")
class IoU(Overlap):
    """One minus the soft Jaccard index, |A B| / |A or B|. Source: Rahman and Wang 2016."""

    def ratio(self, shared: Any, sizes: Any) -> Any:
        return (shared + self.smooth) / (sizes - shared + self.smooth)


@keras.saving.register_keras_serializable("segline")
class GeneralisedDice(Term):
    """One minus the generalised Dice score: sums over all classes, each weighed by 1 / |A|^2.

    Softmax's background is a class like the others. A class without true pixels weighs as much as the
    rarest that has some. Weights are scaled to a largest of 1 and `smooth` is added above and below.
    Source: Sudre et al. 2017, section 2.1.
    """

    def __init__(self, smooth: float = 1.0, **common: Any) -> None:
        super().__init__(**common)
        self.smooth = smooth

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        valid = checked(y_true, y_pred, self.activation)
        shared, sizes, true = _sums(y_true, y_pred, sample_weight, self.activation)
        present = true > 0
        rarest = ops.min(ops.where(present, true, ops.max(true)))
        weight = ops.where(present, (rarest / ops.where(present, true, 1.0)) ** 2, 1.0)
        above, below = ops.sum(weight * shared), ops.sum(weight * sizes)
        return valid * (1.0 - (2 * above + self.smooth) / (below + self.smooth))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"smooth": self.smooth}


def _sums(y_true: Any, y_pred: Any, sample_weight: Any, activation: str) -> tuple[Any, Any, Any]:
    """Sums over a batch by class, (C,): soft intersection; true and predicted pixels; true ones."""
    check_rank(sample_weight, y_pred)
    logits, y_true = ops.cast(y_pred, "float32"), ops.convert_to_tensor(y_true)
    if activation == "softmax":
        probs, truth = ops.softmax(logits), one_hot(y_true, logits)
    else:
        probs = ops.sigmoid(logits)
        truth = ops.cast(with_channels(y_true, logits, activation), "float32")
    weight = 1.0 if sample_weight is None else ops.cast(sample_weight, "float32")[..., None]
    pixels = tuple(range(len(probs.shape) - 1))
    shared = ops.sum(weight * probs * truth, axis=pixels)
    sizes = ops.sum(weight * (probs + truth), axis=pixels)
    return shared, sizes, ops.sum(weight * truth, axis=pixels)
