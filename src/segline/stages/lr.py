"""Learning-rate range test: how the loss of a fresh net answers to rates from 1e-6 to 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from segline.base.console import say
from segline.base.errors import UserError
from segline.base.files import write_csv, write_image
from segline.config.places import RunFiles
from segline.config.stages import TrainStage
from segline.data.tables import read_folds, read_images
from segline.nets import schedules
from segline.nets.rate_search import range_test
from segline.results import figures
from segline.samples.fold import samplers

COLUMNS = ["learning_rate", "loss", "smoothed_loss"]


def run(run: RunFiles, fold: int, steps: int = 100) -> None:
    """Learning-rate range test with a throw-away net: lr.csv, lr.png and a suggestion (Smith 2017).

    The rate grows from 1e-6 to 1 in `steps` batches, or until the loss diverges. The run's own models and
    checkpoints are not touched. Averaged weights and the schedule play no part.
    """
    settings = run.settings(TrainStage)
    table = read_folds(read_images(run.data.images), run.data.folds)
    fitting, _ = samplers(table, fold, settings)
    rates = schedules.range_test_rates(steps)
    losses = range_test(fitting, settings, rates)
    write_report(rates, losses, settings.train.learning_rate, run.folder)


def write_report(rates: np.ndarray, losses: list[float], current: float, out: Path) -> None:
    """Write out/lr.csv (learning_rate, loss of the batch, smoothed loss) and out/lr.png, and say the rate.

    UserError if no rate lowers the loss.
    """
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
    say(
        f"suggested train.learning_rate {steepest:.1e} (steepest descent of the smoothed loss; a tenth "
        f"of the rate with the least loss: {tenth:.1e}), config has {current:.1e}{end}\n"
        f"wrote {out / 'lr.csv'} and {out / 'lr.png'}"
    )
