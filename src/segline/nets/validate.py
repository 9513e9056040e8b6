"""Loss and semantic scores of a net on the whole validation set; the loss of one that learnt nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from scipy.special import expit

from segline.metrics import semantic
from segline.nets.losses import Total

CERTAIN = 10.0  # a logit of a sure answer

Validate = Callable[[keras.Model], dict[str, float]]


def validator(
    batches: Any, *, activation: str = "softmax", threshold: float = 0.5, output: str = "classes"
) -> Validate:
    """A function from a compiled net to its loss and scores on all of `batches`, in one pass.

    `batches` is a tf.data of (images, targets, weights). The loss is the mean over images, as Keras
    takes it. For the scores the counts of all batches are summed first: a mean of batch scores is another
    number. Targets are those of the loss: class indices (N, ...) with softmax, 0 and 1 (N, ..., C), or
    (N, ...) where C is 1, with sigmoid, whose channels are predicted above `threshold`. Pixel weights
    do not count, but for pixels of weight 0, which are left out. What is returned, all floats:

    - `val_loss`;
    - `val_mean_iou`: over the classes (channels) that are true or predicted, nan if none is;
    - `val_accuracy`: right share of the pixels (with sigmoid, of all decisions);
    - `val_dice_<k>`: of class (channel) k, nan where it is neither true nor predicted;
    - `val_constant`: 1 if all pixels get the same answer and should not, else 0.
    """
    count = {"softmax": _class_counts, "sigmoid": _channel_counts}[activation]

    def validate(model: keras.Model) -> dict[str, float]:
        matrices: Any = 0
        loss, n_images = 0.0, 0
        for batch in batches:
            images, targets, weights = keras.utils.unpack_x_y_sample_weight(batch)
            logits = model.predict_on_batch(images)
            loss += len(images) * float(model.compute_loss(images, targets, logits, weights))
            n_images += len(images)
            truth = keras.ops.convert_to_numpy(targets[output])
            given = None if weights is None else keras.ops.convert_to_numpy(weights[output])
            matrices = matrices + count(*_known(truth, logits[output], given), threshold)
        return {"val_loss": loss / n_images, **_scores(matrices)}

    return validate


def _known(
    truth: np.ndarray, logits: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Targets and logits without the pixels of weight 0, whose class is not known."""
    if weights is None or weights.all():
        return truth, logits
    return truth[weights > 0], logits[weights > 0]


def _class_counts(truth: np.ndarray, logits: np.ndarray, _: float) -> np.ndarray:
    return semantic.confusion(truth, logits.argmax(axis=-1), n_classes=logits.shape[-1])


def _channel_counts(truth: np.ndarray, logits: np.ndarray, threshold: float) -> np.ndarray:
    chosen = expit(logits) > threshold
    return semantic.channel_confusion(truth.reshape(chosen.shape).astype(np.uint8), chosen)


def _scores(matrices: np.ndarray) -> dict[str, float]:
    """Scores of one matrix (K, K) of classes, or of (C, 2, 2), one a channel."""
    channels = matrices.ndim == 3
    pick = (slice(None), 1) if channels else slice(None)  # of a channel, the score of its ones
    ious = semantic.iou(matrices, absent=np.nan)[pick]
    dices = semantic.dice(matrices, absent=np.nan)[pick]
    return {
        "val_mean_iou": float(np.nanmean(ious)) if np.isfinite(ious).any() else np.nan,
        "val_accuracy": semantic.pixel_accuracy(matrices),
        **{f"val_dice_{k}": float(score) for k, score in enumerate(dices)},
        "val_constant": float(_is_constant(matrices)),
    }


def _is_constant(matrices: np.ndarray) -> bool:
    """Whether every matrix has one predicted class, and some matrix more than one true class."""
    predicted = np.count_nonzero(matrices.sum(axis=-2), axis=-1)
    true = np.count_nonzero(matrices.sum(axis=-1), axis=-1)
    return bool((predicted == 1).all() and (true > 1).any())


def constant_loss(loss: Total, batches: Any, *, n_channels: int, output: str = "classes") -> float:
    """The least loss, over all of `batches`, of an answer that is the same at every pixel.

    Tried are the classes' weighted frequencies (best for cross-entropy), steps from these to all classes
    alike (for losses that balance classes by themselves), and each class everywhere (for overlaps).
    A net whose loss stays there has learnt nothing from the images.
    """
    is_softmax = loss.activation == "softmax"
    examples = []
    for batch in batches:
        _, targets, weights = keras.utils.unpack_x_y_sample_weight(batch)
        truth = keras.ops.convert_to_numpy(targets[output])
        truth = truth.reshape(-1) if is_softmax else truth.reshape(-1, n_channels)
        given = None if weights is None else keras.ops.convert_to_numpy(weights[output]).ravel()
        examples.append((truth, np.ones(len(truth), np.float32) if given is None else given))
    shares = [np.eye(n_channels)[truth] if is_softmax else truth for truth, _ in examples]
    totals = sum(weight @ share for share, (_, weight) in zip(shares, examples, strict=True))
    frequencies = totals / max(sum(weight.sum() for _, weight in examples), 1e-12)
    answers = _constant_logits(np.clip(frequencies, 1e-6, 1 - 1e-6), is_softmax)
    return min(_mean_loss(loss, examples, answer) for answer in answers)


def _constant_logits(frequencies: np.ndarray, is_softmax: bool) -> np.ndarray:
    """The answers that `constant_loss` tries, (n, C) float32."""
    others = 1.0 if is_softmax else 1 - frequencies
    tilts = np.linspace(1, 0, 9)[:, None] * np.log(frequencies / others)
    certain = CERTAIN * (2 * np.eye(len(frequencies)) - 1)
    nothing = np.full((1, len(frequencies)), -CERTAIN)
    return np.concatenate([tilts, certain, nothing]).astype(np.float32)


def _mean_loss(loss: Total, examples: list[tuple], logits: np.ndarray) -> float:
    """Mean over the pixels, as Keras takes an epoch's from its batches."""
    sums = [
        len(truth) * float(loss(truth, np.broadcast_to(logits, (len(truth), len(logits))), weight))
        for truth, weight in examples
    ]
    return sum(sums) / sum(len(truth) for truth, _ in examples)
