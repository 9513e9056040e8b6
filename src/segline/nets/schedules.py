"""What training decides from the losses so far: learning rates, when to stop, when it has learnt nothing.

All are functions of the history, so a run that is killed and resumed decides as one that ran through.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

MIN_DELTA = (
    1e-4  # a validation loss must fall by more than this to count for `Plateau`, as in Keras
)
DIVERGED = 4.0  # times the best smoothed loss ends a range test
AT_LEVEL = 0.98  # times the loss of a constant answer, and above, nothing is learnt
STILL_FALLING = 0.99  # times the earlier best loss, and below, training makes its way


class Plateau(NamedTuple):
    """Learning rate that falls by `factor`, not below `floor`, when the validation loss stops falling.

    That is after `patience` epochs without a new best; the `cooldown` epochs after a fall do not count.
    The rule of `keras.callbacks.ReduceLROnPlateau`.
    """

    start: float
    factor: float
    patience: int
    cooldown: int
    floor: float

    def rate(self, val_losses: Sequence[float]) -> float:
        """The learning rate of the next epoch, after epochs with these validation losses.

        >>> Plateau(1e-2, 0.1, 2, 0, 1e-6).rate([1.0, 0.9, 0.95, 0.91])
        0.001
        """
        rate, best, wait, cooling = self.start, math.inf, 0, 0
        for loss in val_losses:
            if cooling:
                cooling, wait = cooling - 1, 0
            if loss < best - MIN_DELTA:
                best, wait = loss, 0
            elif not cooling:
                wait += 1
                if wait >= self.patience and rate > self.floor:
                    rate, cooling, wait = max(rate * self.factor, self.floor), self.cooldown, 0
        return rate


def epochs_since_best(val_losses: Sequence[float]) -> int:
    """Epochs after the first with the least validation loss; 0 before the first epoch.

    >>> epochs_since_best([3.0, 1.0, 2.0, 1.0])
    2
    """
    finite = np.nan_to_num(np.asarray(val_losses, dtype=np.float64), nan=np.inf)
    return len(finite) - 1 - int(np.argmin(finite)) if finite.size else 0


class Watch(NamedTuple):
    """Finds a training that answers the same everywhere and is not on its way to anything else.

    `level` is the loss of the best constant answer, `epochs` the number in a row it takes (0: never),
    `first_epoch` the first that counts, after warm-up.
    """

    level: float
    epochs: int
    first_epoch: int = 1

    def stuck(self, history: Sequence[dict[str, Any]]) -> bool:
        """Whether the last `epochs` rows (`epoch`, `classes_loss`, `val_constant`) have learnt nothing.

        All of it must hold, so that a slow start is let be: in each epoch every validation pixel got the
        same answer and the loss was no better than `level`; and over these epochs it did not fall.
        """
        rows = [row for row in history if row["epoch"] >= self.first_epoch][-self.epochs :]
        if not self.epochs or len(rows) < self.epochs:
            return False
        losses = [row["classes_loss"] for row in rows]
        half = max(len(losses) // 2, 1)
        is_falling = min(losses[half:], default=math.inf) < STILL_FALLING * min(losses[:half])
        return (
            all(row["val_constant"] for row in rows)
            and min(losses) > AT_LEVEL * self.level
            and not is_falling
        )


def range_test_rates(
    n_steps: int, *, lowest: float = 1e-6, highest: float = 1.0
) -> NDArray[np.float64]:
    """Learning rates of a range test, (n_steps,), in equal ratios (Smith 2017, section 3.3).

    >>> range_test_rates(3, lowest=0.01)
    array([0.01, 0.1 , 1.  ])
    """
    return np.geomspace(lowest, highest, n_steps)


def smoothed(losses: ArrayLike, *, momentum: float = 0.9) -> NDArray[np.float64]:
    """Exponential moving average (n,), corrected for its start at 0.

    >>> smoothed([2.0, 2.0, 2.0])
    array([2., 2., 2.])
    """
    mean, averages = 0.0, []
    for step, loss in enumerate(np.asarray(losses, dtype=np.float64), start=1):
        mean = momentum * mean + (1 - momentum) * loss
        averages.append(mean / (1 - momentum**step))
    return np.array(averages)


def has_diverged(losses: ArrayLike) -> bool:
    """Whether the last loss is not finite, or the smoothed one is above `DIVERGED` times its least."""
    values = np.asarray(losses, dtype=np.float64)
    if not np.isfinite(values[-1]):
        return True
    curve = smoothed(values)
    return bool(curve[-1] > DIVERGED * curve.min())


def suggested_rates(rates: ArrayLike, losses: ArrayLike) -> tuple[float, float]:
    """(steepest, tenth): in the middle of the decade over which the smoothed loss falls most, and a
    tenth of the rate at which it is least.

    The first decade is left out, where the average is still of a few batches, and what lies beyond the
    least loss. Raises ValueError if nothing is left: the loss does not fall.

    >>> steepest, tenth = suggested_rates(np.geomspace(1e-5, 1, 6), [3, 3, 3, 0.1, 0.01, 9])
    >>> round(steepest, 6), round(tenth, 6)
    (0.01, 0.01)
    """
    curve, decades = smoothed(losses), np.log10(np.asarray(rates, dtype=np.float64))
    decades = decades[: len(curve)]
    lowest = decades[np.argmin(curve)] if curve.size else -np.inf
    middles = decades[(decades >= decades[:1] + 1.5) & (decades <= lowest)]
    if middles.size:
        falls = np.interp(middles - 0.5, decades, curve) - np.interp(middles + 0.5, decades, curve)
        if falls.max() > 0:
            return 10 ** float(middles[np.argmax(falls)]), 10 ** float(lowest) / 10
    raise ValueError("the loss does not fall at any learning rate")
