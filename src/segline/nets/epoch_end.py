"""What happens after each epoch: validate, keep the best, save the whole state, decide how to go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from segline.base.stopping import Stopped
from segline.nets import checkpoint
from segline.nets.compiled import averaged_weights
from segline.nets.record import (
    NEW_EPOCH,
    Record,
    save_within_epoch,
    stopped_early,
    validation_losses,
)
from segline.nets.schedules import Plateau, Watch
from segline.nets.validate import Validate


class NothingLearnt(Exception):
    """Training stays at the level of an answer that is the same everywhere."""


class EpochEnd(keras.callbacks.Callback):
    """After each epoch: validate the averaged weights, keep the best, save the whole state.

    `validate` gives the `val_loss` and other scores of a net (`validate.validator`). `record` is saved
    with the state. On its history alone depend the learning rate of a `plateau` schedule, the end after
    `early_stopping` epochs without a new best (0: never), and `NothingLearnt`, which `watch` finds.
    """

    def __init__(
        self,
        *,
        validate: Validate,
        state_path: Path,
        best_path: Path,
        record: Record,
        report: Callable[[dict[str, Any]], None],
        plateau: Plateau | None = None,
        early_stopping: int = 0,
        watch: Watch | None = None,
    ) -> None:
        super().__init__()
        self._validate, self._report = validate, report
        self._state_path, self._best_path = state_path, best_path
        self._plateau, self._early_stopping, self._watch = plateau, early_stopping, watch
        self.record = record

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._start = time.perf_counter() - self.record["seconds"]

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs = logs or {}
        loss = float(logs["loss"])
        if not np.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss} in epoch {epoch + 1}")
        row = {
            "epoch": epoch + 1,
            "loss": loss,
            "classes_loss": float(logs.get("classes_loss", loss)),
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "seconds": round(time.perf_counter() - self._start, 2),
        }
        try:
            row |= self._validated(epoch + 1)
        except Stopped:
            self.record["seconds"] = row["seconds"]
            save_within_epoch(self.model, self._state_path, self.record, logs)
            raise
        self.record["history"].append(row)
        self.record |= NEW_EPOCH | {"epoch": epoch + 1}
        if self._plateau:
            self.model.optimizer.learning_rate = self._plateau.rate(validation_losses(self.record))
        checkpoint.save(self._state_path, checkpoint.capture(self.model, self.record))
        self._report(row)
        self._decide()

    def _validated(self, epoch: int) -> dict[str, float]:
        with averaged_weights(self.model):
            scores = self._validate(self.model)
            loss = scores["val_loss"]
            if loss < self.record["best_loss"]:
                self.record["best_loss"] = loss
                self.record["best_epoch"] = epoch
                checkpoint.save(self._best_path, checkpoint.capture(self.model))
        return scores

    def _decide(self) -> None:
        if self._watch and self._watch.stuck(self.record["history"]):
            raise NothingLearnt(
                f"after epoch {self.record['epoch']} the loss is "
                f"{self.record['history'][-1]['classes_loss']:.4g}, that of the best answer without "
                f"looking at the image {self._watch.level:.4g}, and for {self._watch.epochs} epochs "
                f"every validation pixel got the same answer"
            )
        if stopped_early(self.record, self._early_stopping):
            self.model.stop_training = True
