"""What all terms share: the activation, the check of the weights, the shapes of targets."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

ACTIVATIONS = ("softmax", "sigmoid")


class Term(keras.losses.Loss):
    """A loss by pixel, `call`, and its weighted sum divided by the number of pixels."""

    def __init__(self, *, activation: str = "softmax", name: str | None = None) -> None:
        super().__init__(name=name or type(self).__name__, dtype="float32")
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {ACTIVATIONS}, not {activation!r}")
        self.activation = activation

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        check_rank(sample_weight, y_pred)
        valid = checked(y_true, y_pred, self.activation)
        return valid * super().__call__(y_true, y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {"activation": self.activation, "name": self.name}


def check_rank(sample_weight: Any, y_pred: Any) -> None:
    """Refuse weights that would broadcast silently, such as (W,) for (N, H, W)."""
    if sample_weight is None:
        return
    found, wanted = tuple(ops.shape(sample_weight)), tuple(ops.shape(y_pred))[:-1]
    if len(found) != len(wanted):
        raise ValueError(f"weights must be one a pixel, {wanted}, not of shape {found}")


def checked(y_true: Any, y_pred: Any, activation: str) -> Any:
    """A float32 factor of the loss: 1, or NaN if a target is outside its range, so that training ends.

    With softmax a target is a class index 0..C - 1, with sigmoid 0 or 1. ValueError that names the first
    one outside where the values are known at once, as they are not inside a compiled step.
    """
    target = ops.cast(y_true, "float32")
    if activation == "softmax":
        most = y_pred.shape[-1] - 1
        is_label = (target >= 0) & (target <= most) & (target == ops.floor(target))
    else:
        most, is_label = 1, (target == 0) | (target == 1)
    if _is_concrete(is_label) and not bool(ops.all(is_label)):
        found = ops.convert_to_numpy(target)[~ops.convert_to_numpy(is_label)].flat[0]
        raise ValueError(
            f"{activation}: the target {found:g} is outside 0..{most}; where a class is not known give any "
            f"with weight 0"
        )
    return ops.where(ops.all(is_label), 1.0, float("nan"))


def _is_concrete(tensor: Any) -> bool:
    """Whether the values of a tensor are known now."""
    try:
        ops.convert_to_numpy(tensor)
    except Exception:  # of many kinds, by backend
        return False
    return True


def with_channels(y_true: Any, y_pred: Any, activation: str) -> Any:
    """y_true with a last axis: (N, ..., 1) of indices with softmax, (N, ..., C) with sigmoid."""
    one_short = len(y_true.shape) == len(y_pred.shape) - 1
    if one_short and (activation == "softmax" or y_pred.shape[-1] == 1):
        return y_true[..., None]
    if not one_short and activation == "sigmoid" and y_true.shape[-1] == y_pred.shape[-1]:
        return y_true
    raise ValueError(
        f"{activation} logits of shape {tuple(y_pred.shape)} and a target of shape "
        f"{tuple(y_true.shape)} do not match"
    )


def one_hot(y_true: Any, y_pred: Any) -> Any:
    return ops.one_hot(ops.cast(y_true, "int32"), ops.shape(y_pred)[-1], dtype="float32")
