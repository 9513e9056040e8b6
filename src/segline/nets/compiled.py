"""A net that is ready to train: its losses and optimizer, its speed, its averaged weights."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any

import keras

from segline.config.stages import TrainStage
from segline.config.tables import Fitting, Loss
from segline.nets import checkpoint, losses, models
from segline.nets.optimizer import n_steps, optimizer
from segline.samples import heads


def net(settings: TrainStage, precision: str, *, fold: int = 0) -> keras.Model:
    """The fresh net of params/train.json for `fold`, ready to train in `precision`."""
    return compiled(
        models.from_settings(settings, precision, fold=fold),
        settings.loss,
        settings.train,
        activation=heads.of(settings.task, settings.target).activation,
    )


def compiled(
    model: keras.Model, loss: Loss, train: Fitting, *, activation: str = "softmax"
) -> keras.Model:
    """Compile `model` with the losses of its outputs and return it.

    The output `classes` has the sum of the loss's terms on the `activation`'s logits; `distance`, where
    the net has it, its own loss times `loss.distance`; `kinds`, where objects have classes, cross-entropy.
    """
    by_output = {
        "classes": losses.of_classes(loss, activation),
        "distance": losses.SoftCrossEntropy(),
        "kinds": losses.CrossEntropy(activation="softmax"),
    }
    shares = {"classes": 1.0, "distance": loss.distance, "kinds": 1.0}
    names = list(model.output)
    steps = n_steps(train)
    made = optimizer(
        train, total_steps=steps, warmup_steps=round(train.warmup * steps), outputs=names
    )
    model.compile(
        made,
        loss={name: by_output[name] for name in names},
        loss_weights={name: shares[name] for name in names},
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
