"""What happens within an epoch: the whole state is saved now and then, and when a signal has come."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import keras

from segline.base import stopping
from segline.nets import record
from segline.nets.record import Record

CHECKPOINT_S = 100.0  # what a killed training loses at most, beside the step it was in


class WithinEpoch(keras.callbacks.Callback):
    """Count the steps of an epoch in `made`, save it with the state at `path`, go on with its sums.

    The model must have taken a step before, as measuring its speed does: Keras makes the sums then.
    """

    def __init__(self, path: Path, made: Record, *, every_s: float | None = None) -> None:
        super().__init__()
        self._path, self.record = path, made
        self._every_s = CHECKPOINT_S if every_s is None else every_s

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keras has just set the sums of the epoch's losses to 0."""
        if self.record["step"]:
            pairs = zip(self.model.metrics_variables, self.record["metrics"], strict=True)
            for variable, value in pairs:
                variable.assign(value)
        self._started = time.perf_counter() - self.record["seconds"]
        self._saved = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.record["step"] += 1
        now = time.perf_counter()
        if stopping.asked() or now - self._saved >= self._every_s:
            self.record["seconds"] = now - self._started
            record.save_within_epoch(self.model, self._path, self.record, logs or {})
            self._saved = time.perf_counter()
        stopping.check()
