"""Training of one model: compile, measure, fit, with average weights and an exact restart."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from segline import checkpoint, losses
from segline.checkpoint import State
from segline.config import filled


def optimizer(
    *,
    learning_rate: float,
    weight_decay: float,
    warmup_steps: int,
    total_steps: int,
    ema: float,
    clip_norm: float,
) -> keras.optimizers.Optimizer:
    """AdamW with linear warm-up, cosine decay to 0, global norm clipping and averaged weights.

    Decay spares biases and normalisation. `ema` is the momentum of the averages; 0 keeps none.
    """
    schedule = keras.optimizers.schedules.CosineDecay(
        learning_rate / 100,
        decay_steps=max(total_steps - warmup_steps, 1),
        warmup_target=learning_rate,
        warmup_steps=max(warmup_steps, 1),
    )
    adam = keras.optimizers.AdamW(
        schedule,
        weight_decay=weight_decay,
        global_clipnorm=clip_norm,
        use_ema=ema > 0,
        ema_momentum=ema or None,
    )
    adam.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return adam


def compiled(
    model: keras.Model,
    *,
    terms: dict[str, float],
    distance: float = 1.0,
    **schedule: Any,
) -> keras.Model:
    """Compile `model` with the losses of its outputs and return it.

    `classes` has the sum of `terms`, `distance`, where the net has it, its own loss times `distance`.
    """
    adam = optimizer(**schedule)
    by_output = {"classes": losses.Total(terms), "distance": losses.SoftCrossEntropy()}
    weights = {"classes": 1.0, "distance": distance}
    names = list(model.output)
    model.compile(
        adam,
        loss={name: by_output[name] for name in names},
        loss_weights={name: weights[name] for name in names},
    )
    adam.build(model.trainable_variables)
    return model


def images_per_second(model: keras.Model, batch: tuple[Any, ...], *, steps: int = 3) -> float:
    """Speed of training steps on one batch; the model is left as it was."""
    state = checkpoint.capture(model)
    model.train_on_batch(*batch)
    start = time.perf_counter()
    for _ in range(steps):
        model.train_on_batch(*batch)
    seconds = time.perf_counter() - start
    checkpoint.restore(model, state)
    return steps * len(batch[0]) / seconds


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Hold the optimizer's moving averages in the model; exactly the old weights come back."""
    if not model.optimizer.use_ema:
        yield
        return
    state = checkpoint.capture(model)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    try:
        yield
    finally:
        checkpoint.restore(model, state)


def inference_model(model: keras.Model) -> keras.Model:
    """The same net without optimizer and loss, which `keras.saving.load_model` opens by itself."""
    return keras.Model(model.input, model.output, name=model.name)


class EpochEnd(keras.callbacks.Callback):
    """After each epoch: validate the averaged weights, keep the best, save the whole state.

    `record` is saved with the state and holds `settings`, `epoch` (the next one), `best_loss` and
    `history`, a row an epoch.
    """

    def __init__(
        self,
        *,
        validation: Any,
        state_path: Path,
        best_path: Path,
        record: dict[str, Any],
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        super().__init__()
        self._validation, self._report = validation, report
        self._state_path, self._best_path = state_path, best_path
        self.record = record

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        loss = float((logs or {})["loss"])
        if not np.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss} in epoch {epoch + 1}")
        seconds = time.perf_counter() - self._start
        with averaged_weights(self.model):
            checked = self.model.evaluate(self._validation, return_dict=True, verbose=0)
            validation_loss = float(checked["loss"])
            if validation_loss < self.record["best_loss"]:
                self.record["best_loss"] = validation_loss
                self.record["best_epoch"] = epoch + 1
                checkpoint.save(self._best_path, checkpoint.capture(self.model))
        row = {
            "epoch": epoch + 1,
            "loss": loss,
            "val_loss": validation_loss,
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "seconds": round(seconds, 2),
        }
        self.record["history"].append(row)
        self.record["epoch"] = epoch + 1
        checkpoint.save(self._state_path, checkpoint.capture(self.model, self.record))
        self._report(row)


def resumed_record(model: keras.Model, path: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Restore the state at `path` if it was made with the same settings; else a record of a start."""
    fresh = {
        "settings": settings,
        "epoch": 0,
        "best_loss": float("inf"),
        "best_epoch": 0,
        "history": [],
    }
    if not path.exists():
        return fresh
    state: State = checkpoint.load(path)
    if filled("train", state.record["settings"]) != filled("train", settings):
        return fresh
    checkpoint.restore(model, state)
    return state.record


def device_name() -> str:
    """The device that trains, in words: a GPU's name, or the number of CPU cores."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if keras.backend.backend() == "tensorflow" and gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        return f"{len(gpus)} x {details.get('device_name', 'GPU')}"
    if keras.backend.backend() != "tensorflow":
        return ", ".join(keras.distribution.list_devices())
    return f"CPU with {len(os.sched_getaffinity(0))} cores"
