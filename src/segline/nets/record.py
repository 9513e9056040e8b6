"""The record of a training: what is saved beside the weights, and what follows from it alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from segline.base.console import console
from segline.data import identity
from segline.data.identity import Identity
from segline.nets import checkpoint
from segline.nets.schedules import epochs_since_best

# settings, epoch (the next one), best_loss, best_epoch, history (a row an epoch); and of the epoch that
# runs: step (the next one), seconds, metrics (Keras's sums), logs (the losses so far)
Record = dict[str, Any]
NEW_EPOCH = {"step": 0, "seconds": 0.0, "metrics": [], "logs": {}}


def resumed(model: keras.Model, path: Path, settings: dict[str, Any]) -> Record:
    """Restore the state at `path` if it was made with the same settings; else a record of a start."""
    fresh = {
        "settings": settings,
        "epoch": 0,
        "best_loss": float("inf"),
        "best_epoch": 0,
        "history": [],
        **NEW_EPOCH,
    }
    state = checkpoint.latest(path)
    if state is None:
        return fresh
    if state.record["settings"] != settings:
        console.print(f"{path}: of {_changes(state.record['settings'], settings)}; starting anew")
        return fresh
    checkpoint.restore(model, state)
    return NEW_EPOCH | state.record


def save_within_epoch(
    model: keras.Model, path: Path, record: Record, logs: Mapping[str, Any]
) -> None:
    """Save the state of model and record in the middle of an epoch, or before its validation."""
    record["metrics"] = [float(variable) for variable in model.metrics_variables]
    record["logs"] = {name: float(value) for name, value in logs.items()}
    checkpoint.save(path, checkpoint.capture(model, record))


def is_new(record: Record) -> bool:
    """Whether nothing is trained yet."""
    return not (record["epoch"] or record["step"])


def reached(record: Record) -> str:
    """How far it is, in words.

    >>> reached({"epoch": 3, "step": 7}), reached({"epoch": 3, "step": 0})
    ('step 7 of epoch 4', 'epoch 3')
    """
    epoch, step = record["epoch"], record["step"]
    return f"step {step} of epoch {epoch + 1}" if step else f"epoch {epoch}"


def _changes(old: dict[str, Any], new: dict[str, Any]) -> str:
    """In words, what has changed between the settings of two records."""
    if old.get("data") != new.get("data"):
        then, now = (Identity.model_validate(each.get("data", {})) for each in (old, new))
        return f"other data ({identity.differences(then, now) or 'not known which'})"
    differing = [key for key in new if old.get(key) != new[key]]
    return f"other settings ({', '.join(differing)})"


def validation_losses(record: Record) -> list[float]:
    return [row["val_loss"] for row in record["history"]]


def stopped_early(record: Record, patience: int) -> bool:
    """Whether the last `patience` epochs of a record brought no new best; never with 0."""
    return 0 < patience <= epochs_since_best(validation_losses(record))
