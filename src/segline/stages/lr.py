"""Learning-rate range test: how the loss of a fresh net answers to rates from 1e-6 to 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from rich.progress import track

from segline import figures, loader, schedules
from segline.config import read_stage
from segline.console import console
from segline.errors import UserError
from segline.files import write_csv, write_image
from segline.manifest import read_folds, read_images
from segline.sampling import samplers, sizes
from segline.stages.train import compiled_model

COLUMNS = ["learning_rate", "loss", "smoothed_loss"]


def run(*, params: Path, images: Path, folds: Path, fold: int, out: Path, steps: int = 100) -> None:
    """Train a throw-away net for `steps` batches, the rate growing from 1e-6 to 1 (Smith 2017).

    Writes out/lr.csv (learning_rate, loss of the batch, smoothed loss) and out/lr.png, and prints the
    suggested rate beside the config's. Ends before 1 where the loss diverges. The run's own models and
    checkpoints are not touched. Averaged weights and the schedule play no part.
    """
    settings = read_stage(params)
    table = read_folds(read_images(images), folds)
    fitting, _ = samplers(table, fold, settings)
    train = settings["train"] | {"schedule": "plateau", "ema": 0.0}
    precision = "float32" if train["precision"] == "auto" else train["precision"]
    model = compiled_model(settings | {"train": train}, precision)
    batches = loader.training_batches(
        fitting,
        **sizes(settings),
        batch_size=train["batch_size"],
        crops_per_epoch=steps * train["batch_size"],
        first_epoch=0,
        last_epoch=1,
        threads=2,
    )
    rates = schedules.range_test_rates(steps)
    losses = _losses(model, batches, rates)
    _report(rates, losses, train["learning_rate"], out)


def _losses(model: keras.Model, batches: Any, rates: np.ndarray) -> list[float]:
    """The loss of each batch before its step, up to the first that diverges."""
    losses: list[float] = []
    steps = zip(rates, batches, strict=False)
    for rate, batch in track(
        steps, "range test", len(rates), console=console, disable=not console.is_terminal
    ):
        model.optimizer.learning_rate = float(rate)
        model.reset_metrics()
        losses.append(float(model.train_on_batch(*batch, return_dict=True)["loss"]))
        if schedules.has_diverged(losses):
            break
    return losses


def _report(rates: np.ndarray, losses: list[float], current: float, out: Path) -> None:
    seen = rates[: len(losses)]
    table = pd.DataFrame(
        zip(seen, losses, schedules.smoothed(losses), strict=True), columns=COLUMNS
    )
    write_csv(out / "lr.csv", table)
    finite = table[np.isfinite(table["loss"])]
    try:
        steepest, tenth = schedules.suggested_rates(finite["learning_rate"], finite["loss"])
    except ValueError as error:
        raise UserError(
            f"{out / 'lr.csv'}: {error}; check images, targets and weights by `make preview`, and the "
            f"loss (loss.terms)"
        ) from None
    marks = {"suggested": steepest, "a tenth of the least loss' rate": tenth, "config": current}
    write_image(
        out / "lr.png", figures.curve(finite, x="learning_rate", y=COLUMNS[1:], marks=marks)
    )
    end = "" if len(losses) == len(rates) else f"; diverged at {seen[-1]:.1e}"
    console.print(
        f"suggested train.learning_rate {steepest:.1e} (steepest descent of the smoothed loss; a tenth "
        f"of the rate with the least loss: {tenth:.1e}), config has {current:.1e}{end}\n"
        f"wrote {out / 'lr.csv'} and {out / 'lr.png'}"
    )
