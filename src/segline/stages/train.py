"""Train the model of one fold, resuming where an earlier run stopped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from segline import (
    checkpoint,
    config,
    evaluation,
    loader,
    losses,
    models,
    pretrained,
    siblings,
    tasks,
    training,
)
from segline.console import console
from segline.errors import UserError
from segline.files import copy, read_json, replacing, write_csv, write_json
from segline.manifest import data_hash, read_folds, read_images, with_extra
from segline.progress import EpochProgress
from segline.provenance import write_provenance
from segline.samples import Sampler
from segline.sampling import samplers, sizes
from segline.schedules import Plateau, Watch

LEVEL_CROPS = 32  # on which the loss of a constant answer is measured


def run(
    *,
    params: Path,
    images: Path,
    folds: Path,
    fold: int,
    out: Path,
    extra: Sequence[Path] = (),
    start: Path | None = None,
    threads: int = 2,
    fresh: bool = False,
) -> None:
    """Train on all folds but `fold` and write out/model.keras last; `fresh` forgets an earlier state.

    `extra` lists the images.csv of data sets that are trained on whatever the fold; `start` is the
    finished model.keras whose weights this one starts from.

    Beside it: model.json (the settings inference needs), history.csv, logs for TensorBoard, and
    checkpoint/last.h5 and checkpoint/best.h5.
    """
    settings = config.read_stage(params)
    if start:  # part of what makes two folds the same, beside the settings
        settings["start"] = pretrained.sha256(start)
    if not fresh and _taken_from_another_run(out, data_hash(images), settings.get("start")):
        return
    table = read_folds(read_images(images), folds)
    if fold not in set(table["fold"]):
        known = ", ".join(map(str, sorted(set(table["fold"]))))
        raise UserError(f"{folds}: no fold {fold}; folds here: {known}")
    if start:
        _check_folds(params, start)
    table = with_extra(table, extra)
    if fresh:
        (out / "checkpoint/last.h5").unlink(missing_ok=True)
    fitting, held_out = samplers(table, fold, settings)
    shapes = sizes(settings)
    first = _first_batch(fitting, settings, shapes)
    precision = _chosen_precision(settings, first, out.parent / "precision.json")
    model = compiled_model(settings, precision)
    speed = training.images_per_second(model, first)
    identity = settings | {"precision": precision, "fold": fold}
    record = training.resumed_record(model, out / "checkpoint/last.h5", identity)
    if start and not record["epoch"]:
        new = pretrained.start_from(model, start)
        console.print(f"fold {fold}: from {start}" + "".join(f", new output {n}" for n in new))
    _announce(model, settings, precision, speed, record["epoch"], fold)
    write_provenance(
        out.parent / "provenance.json",
        data_hash=data_hash(images),
        precision=precision,
        device=training.device_name(),
    )
    try:
        _fit(model, fitting, held_out, settings, shapes, record, out, threads)
    except FloatingPointError as error:
        raise UserError(
            f"fold {fold}: {error}; lower train.learning_rate (now "
            f"{settings['train']['learning_rate']}) or try train.precision=float32"
        ) from None
    except training.NothingLearnt as error:
        raise UserError(f"fold {fold}: {error}; {_remedies(settings)}") from None
    _write_model(model, settings, record, out)


def _taken_from_another_run(out: Path, content: str, start: str | None) -> bool:
    """Copy this fold from a run that trained it with the same settings, start and data, if any."""
    for other in siblings.runs_like(out.parent, ("data", "train")):
        fold, record = other / out.name, other / "provenance.json"
        if not ((fold / "model.keras").exists() and record.exists()):
            continue
        same_start = read_json(fold / "model.json").get("start") == start
        if same_start and read_json(record)["data_hash"] == content:
            copy(record, out.parent / record.name)
            for name in ("history.csv", "model.json", "model.keras"):
                copy(fold / name, out / name)
            console.print(f"{out}: the same settings as {fold}, copied")
            return True
    return False


def _check_folds(params: Path, start: Path) -> None:
    """Refuse to start from a model that was trained on what this one holds out."""
    ours, theirs = (
        read_json(folder / "data.json")
        for folder in (params.parent, start.parent.parent / "params")
    )
    cut = [{name: data[name] for name in ("n_folds", "fold_seed")} for data in (ours, theirs)]
    if ours["dataset"] == theirs["dataset"] and cut[0] != cut[1]:
        raise UserError(
            f"{start}: its data set {ours['dataset']} was cut into other folds ({cut[1]}) than ours "
            f"({cut[0]}), so it may have seen our held-out images; use its data.n_folds and "
            f"data.fold_seed"
        )


def _remedies(settings: dict[str, Any]) -> str:
    stretch = settings["input"]
    return (
        f"lower train.learning_rate (now {settings['train']['learning_rate']}; `make lr` measures it), "
        f"weigh rare classes by weights.class_weights (now {settings['weights']['class_weights']}), "
        f"check the images' normalisation by `make preview` (input.low_percentile "
        f"{stretch['low_percentile']}, input.high_percentile {stretch['high_percentile']}), "
        f"or train on with train.stuck_epochs=0 (now {settings['train']['stuck_epochs']})"
    )


def _first_batch(sampler: Sampler, settings: dict[str, Any], shapes: dict[str, Any]) -> Any:
    batch_size = settings["train"]["batch_size"]
    batches = loader.fixed_batches(sampler, **shapes, batch_size=batch_size, n_samples=batch_size)
    return next(iter(batches.as_numpy_iterator()))


def compiled_model(settings: dict[str, Any], precision: str) -> keras.Model:
    """The fresh net of params/train.json, ready to train."""
    train = settings["train"]
    steps = train["crops_per_epoch"] // train["batch_size"] * train["epochs"]
    return training.compiled(
        models.from_settings(settings | {"precision": precision}),
        loss=settings["loss"],
        activation=tasks.of(settings["task"]).activation,
        name=train["optimizer"],
        schedule=train["schedule"],
        learning_rate=train["learning_rate"],
        weight_decay=train["weight_decay"],
        warmup_steps=round(train["warmup"] * steps),
        total_steps=steps,
        ema=train["ema"],
        clip_norm=train["clip_norm"],
    )


def _chosen_precision(settings: dict[str, Any], batch: Any, record: Path) -> str:
    """The config's precision; `auto` measures once a run and keeps the answer beside the folds."""
    wanted = settings["train"]["precision"]
    if wanted != "auto":
        return wanted
    if record.exists():
        return read_json(record)["precision"]
    speeds = {
        precision: training.images_per_second(compiled_model(settings, precision), batch)
        for precision in ("float32", "bfloat16")
    }
    faster = max(speeds, key=lambda name: speeds[name])
    write_json(record, {"precision": faster, "images_per_second": speeds})
    return faster


def _announce(
    model: keras.Model, settings: dict, precision: str, speed: float, epoch: int, fold: int
) -> None:
    train = settings["train"]
    left = (train["epochs"] - epoch) * train["crops_per_epoch"]
    where = f"resuming after epoch {epoch} of {train['epochs']}" if epoch else "starting"
    console.print(
        f"fold {fold}: {where}; {training.device_name()}, {precision}, "
        f"{model.count_params():,} parameters, {speed:.1f} images/s, "
        f"about {left / speed / 60:.1f} min for {left:,} crops"
    )


def _fit(
    model: keras.Model,
    fitting: Sampler,
    held_out: Sampler,
    settings: dict[str, Any],
    shapes: dict[str, Any],
    record: dict[str, Any],
    out: Path,
    threads: int,
) -> None:
    train = settings["train"]
    if record["epoch"] == train["epochs"] or training.stopped_early(
        record, train["early_stopping"]
    ):
        return
    batches = loader.training_batches(
        fitting,
        **shapes,
        batch_size=train["batch_size"],
        crops_per_epoch=train["crops_per_epoch"],
        first_epoch=record["epoch"],
        last_epoch=train["epochs"],
        threads=threads,
    )
    validation = loader.fixed_batches(
        held_out, **shapes, batch_size=train["batch_size"], n_samples=train["validation_crops"]
    )
    steps = train["crops_per_epoch"] // train["batch_size"]
    progress = EpochProgress(console, train["epochs"], steps, train["batch_size"])
    saver = training.EpochEnd(
        validate=evaluation.validator(validation, activation=tasks.of(settings["task"]).activation),
        state_path=out / "checkpoint/last.h5",
        best_path=out / "checkpoint/best.h5",
        record=record,
        report=lambda row: _report(row, record, out, progress),
        plateau=_plateau(train),
        early_stopping=train["early_stopping"],
        watch=_watch(fitting, settings, shapes, record),
    )
    try:
        model.fit(
            batches,
            initial_epoch=record["epoch"],
            epochs=train["epochs"],
            steps_per_epoch=steps,
            shuffle=False,
            verbose=0,
            callbacks=[
                progress,
                saver,
                keras.callbacks.TensorBoard(out / "logs", write_graph=False),
            ],
        )
    finally:
        progress.stop()


def _plateau(train: dict[str, Any]) -> Plateau | None:
    if train["schedule"] != "plateau":
        return None
    names = ("factor", "patience", "cooldown", "floor")
    return Plateau(train["learning_rate"], *(train[f"plateau_{name}"] for name in names))


def _watch(
    sampler: Sampler, settings: dict[str, Any], shapes: dict[str, Any], record: dict[str, Any]
) -> Watch | None:
    train = settings["train"]
    if not train["stuck_epochs"]:
        return None
    if "constant_loss" not in record:
        batches = loader.fixed_batches(
            sampler, **shapes, batch_size=train["batch_size"], n_samples=LEVEL_CROPS
        )
        task = tasks.of(settings["task"])
        options = {k: value for k, value in settings["loss"].items() if k != "distance"}
        record["constant_loss"] = evaluation.constant_loss(
            losses.Total(activation=task.activation, **options),
            batches,
            n_channels=task.outputs(settings)["classes"],
        )
    warmup_epochs = math.ceil(train["warmup"] * train["epochs"])
    return Watch(record["constant_loss"], train["stuck_epochs"], first_epoch=warmup_epochs + 1)


def _report(row: dict[str, Any], record: dict[str, Any], out: Path, progress: Any) -> None:
    write_csv(out / "history.csv", pd.DataFrame(record["history"]))
    progress.line(row)


def _write_model(
    model: keras.Model, settings: dict[str, Any], record: dict[str, Any], out: Path
) -> None:
    """Write the averaged weights of the last epoch, or of the best one, as config says, rounded."""
    if settings["train"]["keep"] == "best":
        checkpoint.restore(model, checkpoint.load(out / "checkpoint/best.h5"))
    elif model.optimizer.use_ema:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    pretrained.round_kernels(model)
    epoch = record["best_epoch" if settings["train"]["keep"] == "best" else "epoch"]
    write_json(out / "model.json", settings | {"precision": record["settings"]["precision"]})
    with replacing(out / "model.keras") as temporary:
        training.inference_model(model).save(temporary)
    console.print(f"wrote {out / 'model.keras'} (epoch {epoch})")
