"""The loss of a fresh net under a learning rate that grows with every batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from rich.progress import track

from segline.base.console import console
from segline.config.stages import TrainStage
from segline.nets import batches, compiled, schedules
from segline.samples.sampler import Sampler


def range_test(fitting: Sampler, settings: TrainStage, rates: np.ndarray) -> list[float]:
    """Losses of a throw-away net, without schedule and averaged weights, one for each of `rates`."""
    train = settings.train.model_copy(update={"schedule": "plateau", "ema": 0.0})
    precision = "float32" if train.precision == "auto" else train.precision
    model = compiled.net(settings.model_copy(update={"train": train}), precision)
    found = batches.training_batches(
        fitting,
        batch_size=train.batch_size,
        crops_per_epoch=len(rates) * train.batch_size,
        first_epoch=0,
        last_epoch=1,
        threads=2,
    )
    return losses(model, found, rates)


def losses(model: keras.Model, found: Iterable[Any], rates: np.ndarray) -> list[float]:
    """The loss of each batch before its step, up to the first that diverges."""
    seen: list[float] = []
    steps = zip(rates, found, strict=False)
    for rate, batch in track(
        steps, "range test", len(rates), console=console, disable=not console.is_terminal
    ):
        model.optimizer.learning_rate = float(rate)
        model.reset_metrics()
        seen.append(float(model.train_on_batch(*batch, return_dict=True)["loss"]))
        if schedules.has_diverged(seen):
            break
    return seen
