"""The record of a training: what is saved beside the weights, and what follows from it alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from segline.nets import checkpoint
from segline.nets.schedules import epochs_since_best

Record = dict[
    str, Any
]  # settings, epoch (the next one), best_loss, best_epoch, history (a row an epoch)


def resumed(model: keras.Model, path: Path, settings: dict[str, Any]) -> Record:
    """Restore the state at `path` if it was made with the same settings; else a record of a start."""
    fresh = {
        "settings": settings,
        "epoch": 0,
        "best_loss": float("inf"),
        "best_epoch": 0,
        "history": [],
    }
    state = checkpoint.latest(path)
    if state is None or state.record["settings"] != settings:
        return fresh
    checkpoint.restore(model, state)
    return state.record


def validation_losses(record: Record) -> list[float]:
    return [row["val_loss"] for row in record["history"]]


def stopped_early(record: Record, patience: int) -> bool:
    """Whether the last `patience` epochs of a record brought no new best; never with 0."""
    return 0 < patience <= epochs_since_best(validation_losses(record))
