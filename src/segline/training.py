"""Training of one model: compile, measure, fit, with average weights and an exact restart."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from segline import checkpoint, losses
from segline.checkpoint import State
from segline.config import filled
from segline.evaluation import Validate
from segline.muon import Muon
from segline.schedules import Plateau, Watch, epochs_since_best


class NothingLearnt(Exception):
    """Training stays at the level of an answer that is the same everywhere."""


def optimizer(
    *,
    learning_rate: float,
    weight_decay: float,
    warmup_steps: int,
    total_steps: int,
    ema: float,
    clip_norm: float,
    schedule: str = "cosine",
    name: str = "adamw",
    outputs: Sequence[str] = (),
) -> keras.optimizers.Optimizer:
    """`adamw` or `muon` with a learning-rate schedule, global norm clipping and averaged weights.

    `outputs` names the layers of logits, which `muon` leaves to AdamW. `cosine` is a linear warm-up and a
    cosine decay to 0; with `plateau` the rate is a variable, which `EpochEnd` sets. Decay spares biases
    and normalisation. `ema` is the momentum of the averages; 0 keeps none.
    """
    rates = {
        "plateau": learning_rate,
        "cosine": keras.optimizers.schedules.CosineDecay(
            learning_rate / 100,
            decay_steps=max(total_steps - warmup_steps, 1),
            warmup_target=learning_rate,
            warmup_steps=max(warmup_steps, 1),
        ),
    }
    common = {
        "learning_rate": rates[schedule],
        "weight_decay": weight_decay,
        "global_clipnorm": clip_norm,
        "use_ema": ema > 0,
        "ema_momentum": ema or None,
    }
    if name == "muon":
        made = Muon(adam_weight_decay=weight_decay, exclude_layers=list(outputs), **common)
    else:
        made = keras.optimizers.AdamW(**common)
    made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return made


def compiled(
    model: keras.Model,
    *,
    loss: Mapping[str, Any],
    activation: str = "softmax",
    **optimization: Any,
) -> keras.Model:
    """Compile `model` with the losses of its outputs and return it; the rest are `optimizer`'s arguments.

    `loss` is a config's table: `classes` has the sum of its `terms` with their options on the
    `activation`'s logits, `distance`, where the net has it, its own loss times `loss["distance"]`.
    """
    options = dict(loss)
    distance = options.pop("distance", 1.0)
    total = losses.Total(activation=activation, **options)
    by_output = {"classes": total, "distance": losses.SoftCrossEntropy()}
    weights = {"classes": 1.0, "distance": distance}
    names = list(model.output)
    made = optimizer(outputs=names, **optimization)
    model.compile(
        made,
        loss={name: by_output[name] for name in names},
        loss_weights={name: weights[name] for name in names},
    )
    made.build(model.trainable_variables)
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

    `validate` gives the `val_loss` and other scores of a net (`evaluation.validator`). `record` is saved
    with the state and holds `settings`, `epoch` (the next one), `best_loss` and `history`, a row an epoch.
    On the history alone depend the learning rate of a `plateau` schedule, the end after `early_stopping`
    epochs without a new best (0: never), and `NothingLearnt`, which `watch` finds.
    """

    def __init__(
        self,
        *,
        validate: Validate,
        state_path: Path,
        best_path: Path,
        record: dict[str, Any],
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
        self._start = time.perf_counter()

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
        row |= self._validated(epoch + 1)
        self.record["history"].append(row)
        self.record["epoch"] = epoch + 1
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


def validation_losses(record: dict[str, Any]) -> list[float]:
    return [row["val_loss"] for row in record["history"]]


def stopped_early(record: dict[str, Any], patience: int) -> bool:
    """Whether the last `patience` epochs of a record brought no new best; never with 0."""
    return 0 < patience <= epochs_since_best(validation_losses(record))


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
