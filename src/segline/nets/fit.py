"""Training of one fold, from first weights to the file of the finished net.

A run that is stopped goes on after the last step that was saved and ends bit for bit as one that was not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from segline.base import locks, stopping
from segline.base.console import console
from segline.base.errors import UserError
from segline.base.files import read_json, write_csv, write_json, write_text
from segline.base.stopping import Stopped
from segline.config import stages
from segline.config.places import FoldFiles, maker
from segline.config.stages import TrainedStage, TrainStage
from segline.config.tables import Fitting
from segline.data.identity import Identity
from segline.nets import (
    batches,
    checkpoint,
    compiled,
    losses,
    model_file,
    record,
    validate,
    weights_file,
)
from segline.nets.epoch_end import EpochEnd, NothingLearnt
from segline.nets.progress import EpochProgress
from segline.nets.record import Record
from segline.nets.schedules import Plateau, Watch
from segline.nets.within_epoch import WithinEpoch
from segline.samples import heads, streams
from segline.samples.sampler import Sampler

LEVEL_CROPS = 32  # on which the loss of a constant answer is measured


@dataclass(frozen=True, eq=False)
class Fold:
    """What one fold is trained from, and where it goes."""

    number: int
    settings: TrainStage
    fitting: Sampler
    held_out: Sampler
    files: FoldFiles
    data: Identity
    start: Path | None = None  # the net whose weights are the first
    start_hash: str | None = None

    def trained(self, precision: str) -> TrainedStage:
        """What model.json says of it."""
        return TrainedStage(**dict(self.settings), precision=precision, start=self.start_hash)


def fit(fold: Fold, precision: str, *, threads: int) -> None:
    """Train the fold to its end in `precision` and write its model.keras last."""
    model = compiled.net(fold.settings, precision, fold=fold.number)
    speed = compiled.images_per_second(model, first_batch(fold))
    trained = fold.trained(precision)
    identity = trained.model_dump(mode="json") | {
        "fold": fold.number,
        "draws": streams.VERSION,
        "data": fold.data.model_dump(mode="json"),
    }
    made = record.resumed(model, fold.files.last, identity)
    if fold.settings.train.keep == "best" and made["best_epoch"]:
        checkpoint.load(fold.files.best)  # of a damaged one the end of training is too late to hear
    if fold.start and record.is_new(made):
        new = weights_file.start_from(model, fold.start)
        said = "".join(f", new output {name}" for name in new)
        console.print(f"fold {fold.number}: from {fold.start}{said}")
    _announce(model, fold, precision, speed, made)
    if not _finished(made, fold.settings.train):
        _run_epochs(model, fold, made, threads)
    _write_model(model, fold, trained, made)


@lru_cache(maxsize=1)  # both who chooses the precision and who trains measure on it
def first_batch(fold: Fold) -> Any:
    """A batch to measure on."""
    size = fold.settings.train.batch_size
    found = batches.fixed_batches(fold.fitting, batch_size=size, n_samples=size)
    return next(iter(found.as_numpy_iterator()))


def chosen_precision(fold: Fold, kept: Path) -> str:
    """The config's precision; `auto` measures once a run and keeps the answer in `kept`."""
    settings = fold.settings
    if settings.train.precision != "auto":
        return settings.train.precision
    with locks.held(kept, wait=True):  # folds that train side by side get one answer
        if kept.exists():
            return read_json(kept, {"precision": str})["precision"]
        batch = first_batch(fold)
        speeds = {
            precision: compiled.images_per_second(compiled.net(settings, precision), batch)
            for precision in ("float32", "bfloat16")
        }
        faster = max(speeds, key=lambda name: speeds[name])
        write_json(kept, {"precision": faster, "images_per_second": speeds}, seal=maker(kept))
    return faster


def _announce(model: keras.Model, fold: Fold, precision: str, speed: float, made: Record) -> None:
    train = fold.settings.train
    left = (train.epochs - made["epoch"]) * train.crops_per_epoch - made["step"] * train.batch_size
    resuming = f"resuming after {record.reached(made)} of {train.epochs}"
    where = "starting" if record.is_new(made) else resuming
    console.print(
        f"fold {fold.number}: {where}; {compiled.device_name()}, {precision}, "
        f"{model.count_params():,} parameters, {speed:.1f} images/s, "
        f"about {left / speed / 60:.1f} min for {left:,} crops"
    )


def _finished(made: Record, train: Fitting) -> bool:
    return made["epoch"] == train.epochs or record.stopped_early(made, train.early_stopping)


def _run_epochs(model: keras.Model, fold: Fold, made: Record, threads: int) -> None:
    """What is left of an epoch that was cut short, then the others; a signal ends it after a step."""
    train, files = fold.settings.train, fold.files
    n_steps = train.crops_per_epoch // train.batch_size
    progress = EpochProgress(console, train.epochs, n_steps, train.batch_size)
    end = _epoch_end(fold, made, progress)
    tensorboard = keras.callbacks.TensorBoard(files.logs, write_graph=False)
    callbacks = [progress, WithinEpoch(files.last, made), end, tensorboard]
    run = partial(_fit_epochs, model, fold, made, callbacks, threads)
    try:
        with stopping.deferred():
            if made["step"] == n_steps:  # it was stopped during validation
                end.set_model(model)
                end.on_epoch_begin(made["epoch"])
                end.on_epoch_end(made["epoch"], made["logs"])
            elif made["step"]:
                run(last_epoch=made["epoch"] + 1)
                checkpoint.restore(model, checkpoint.load(files.last))  # Keras ends with averages
            if not _finished(made, train):
                run(last_epoch=train.epochs)
    except Stopped as stopped:
        raise Stopped(stopped.number, _kept(fold, made)) from None
    except FloatingPointError as error:
        raise UserError(f"fold {fold.number}: {error}; {_cure_of_infinity(train)}") from None
    except NothingLearnt as error:
        raise UserError(f"fold {fold.number}: {error}; {remedies(fold.settings)}") from None
    finally:
        progress.stop()


def _fit_epochs(
    model: keras.Model, fold: Fold, made: Record, callbacks: list, threads: int, *, last_epoch: int
) -> None:
    """Train from the step that `made` has reached, if it is within an epoch to the end of that one."""
    train, first_step = fold.settings.train, made["step"]
    found = batches.training_batches(
        fold.fitting,
        batch_size=train.batch_size,
        crops_per_epoch=train.crops_per_epoch,
        first_epoch=made["epoch"],
        first_step=first_step,
        last_epoch=last_epoch,
        threads=threads,
    )
    model.fit(
        found,
        initial_epoch=made["epoch"],
        epochs=last_epoch,
        steps_per_epoch=train.crops_per_epoch // train.batch_size - first_step,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
    )


def _kept(fold: Fold, made: Record) -> str:
    return (
        f"{fold.files.last} holds fold {fold.number} after {record.reached(made)}; "
        f"the same command goes on from there"
    )


def _epoch_end(fold: Fold, made: Record, progress: EpochProgress) -> EpochEnd:
    settings, train = fold.settings, fold.settings.train

    def report(row: dict[str, Any]) -> None:
        write_csv(fold.files.history, pd.DataFrame(made["history"]), seal=maker(fold.files.history))
        progress.line(row)

    held_out = stopping.Stoppable(
        batches.fixed_batches(
            fold.held_out, batch_size=train.batch_size, n_samples=train.validation_crops
        )
    )
    activation = heads.of(settings.task, settings.target).activation
    return EpochEnd(
        validate=validate.validator(held_out, activation=activation),
        state_path=fold.files.last,
        best_path=fold.files.best,
        record=made,
        report=report,
        plateau=plateau(train),
        early_stopping=train.early_stopping,
        watch=watch(fold.fitting, settings, made),
    )


def plateau(train: Fitting) -> Plateau | None:
    """The rule of a `plateau` schedule; None for another."""
    if train.schedule != "plateau":
        return None
    return Plateau(
        train.learning_rate,
        train.plateau_factor,
        train.plateau_patience,
        train.plateau_cooldown,
        train.plateau_floor,
    )


def watch(fitting: Sampler, settings: TrainStage, made: Record) -> Watch | None:
    """What finds that nothing is learnt; the level it compares with is measured once and recorded."""
    train = settings.train
    if not train.stuck_epochs:
        return None
    if "constant_loss" not in made:
        head = heads.of(settings.task, settings.target)
        made["constant_loss"] = validate.constant_loss(
            losses.of_classes(settings.loss, head.activation),
            batches.fixed_batches(fitting, batch_size=train.batch_size, n_samples=LEVEL_CROPS),
            n_channels=head.outputs["classes"],
        )
    warmup_epochs = math.ceil(train.warmup * train.epochs)
    return Watch(made["constant_loss"], train.stuck_epochs, first_epoch=warmup_epochs + 1)


def _cure_of_infinity(train: Fitting) -> str:
    return f"lower train.learning_rate (now {train.learning_rate}) or try train.precision=float32"


def remedies(settings: TrainStage) -> str:
    """What to try when nothing is learnt."""
    train, shown = settings.train, settings.input
    return (
        f"lower train.learning_rate (now {train.learning_rate}; `make lr` measures it), "
        f"weigh rare classes by weights.class_weights (now {settings.weights.class_weights}), "
        f"check the images' normalisation by `make preview` (input.low_percentile "
        f"{shown.low_percentile}, input.high_percentile {shown.high_percentile}), "
        f"or train on with train.stuck_epochs=0 (now {train.stuck_epochs})"
    )


def _write_model(model: keras.Model, fold: Fold, trained: TrainedStage, made: Record) -> None:
    """Write the averaged weights of the last epoch, or of the best one, as config says, rounded."""
    is_best = fold.settings.train.keep == "best"
    if is_best:
        checkpoint.restore(model, checkpoint.load(fold.files.best))
    elif model.optimizer.use_ema:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    weights_file.round_kernels(model)
    write_text(fold.files.settings, stages.text(trained), seal=maker(fold.files.settings))
    write_text(fold.files.trained_on, stages.text(fold.data), seal=maker(fold.files.trained_on))
    model_file.write(fold.files.model, compiled.inference_model(model))
    epoch = made["best_epoch" if is_best else "epoch"]
    console.print(f"wrote {fold.files.model} (epoch {epoch})")
