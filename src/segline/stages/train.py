"""Train one fold, resuming where an earlier run stopped."""

from __future__ import annotations

from pathlib import Path

from segline.base.checksums import sha256
from segline.base.console import console
from segline.base.errors import UserError
from segline.base.files import copy, read_json
from segline.config import places
from segline.config.places import RunFiles
from segline.config.stages import TrainStage
from segline.config.tables import Data
from segline.data.tables import data_hash, read_folds, read_images, with_extra
from segline.nets import checkpoint, compiled
from segline.nets.fit import Fold, chosen_precision, fit
from segline.results import reuse
from segline.results.provenance import write_provenance
from segline.samples.fold import samplers


def run(run: RunFiles, fold: int, threads: int = 2, fresh: bool = False) -> None:
    """Train one fold, resuming where an earlier run stopped.

    Writes the fold's model.keras last, and beside it model.json (the settings inference needs),
    history.csv, logs for TensorBoard and checkpoints. `fresh` forgets an earlier state.
    """
    settings, files = run.settings(TrainStage), run.fold(fold)
    start = _start(run, settings, fold)
    start_hash = sha256(start) if start else None
    content = data_hash(run.data)
    if not fresh and _taken_from_another_run(run, fold, content, start_hash):
        return
    table = read_folds(read_images(run.data.images), run.data.folds)
    if fold not in set(table["fold"]):
        known = ", ".join(map(str, sorted(set(table["fold"]))))
        raise UserError(f"{run.data.folds}: no fold {fold}; folds here: {known}")
    extra = [places.dataset(run.root, name).images for name in settings.train.extra]
    fitting, held_out = samplers(with_extra(table, extra), fold, settings)
    if fresh:
        checkpoint.forget(files.last)
    job = Fold(fold, settings, fitting, held_out, files, start, start_hash)
    precision = chosen_precision(job, run.precision)
    write_provenance(
        run.provenance, data_hash=content, precision=precision, device=compiled.device_name()
    )
    fit(job, precision, threads=threads)


def _start(run: RunFiles, settings: TrainStage, fold: int) -> Path | None:
    """The net whose weights are the first; refused if it was trained on what this one holds out."""
    if not settings.model.start:
        return None
    other = places.start(run.root, settings.model.start)
    check_folds(run.settings(Data), other.settings(Data), other.name)
    return other.fold(fold).model


def check_folds(ours: Data, theirs: Data, name: str) -> None:
    """Refuse to start from nets of the run `name` if they may have seen what ours hold out."""
    cuts = [f"n_folds={data.n_folds} fold_seed={data.fold_seed}" for data in (ours, theirs)]
    if ours.dataset == theirs.dataset and cuts[0] != cuts[1]:
        raise UserError(
            f"{name}: its data set {ours.dataset} was cut into other folds ({cuts[1]}) than ours "
            f"({cuts[0]}), so it may have seen our held-out images; use its data.n_folds and "
            f"data.fold_seed"
        )


def _taken_from_another_run(run: RunFiles, fold: int, content: str, start: str | None) -> bool:
    """Copy this fold from a run that trained it with the same settings, start and data, if any."""
    for other in reuse.runs_like(run, (Data, TrainStage)):
        ours, theirs = run.fold(fold), other.fold(fold)
        if not (theirs.model.exists() and other.provenance.exists()):
            continue
        try:
            same_start = read_json(theirs.settings).get("start") == start
            if not (same_start and read_json(other.provenance)["data_hash"] == content):
                continue
            copy(other.provenance, run.provenance)
            copy(theirs.history, ours.history)
            copy(theirs.settings, ours.settings)
            copy(theirs.model, ours.model)
        except UserError as damage:
            console.print(f"not copied: {damage}")
            continue
        console.print(f"{ours.folder}: the same settings as {theirs.folder}, copied")
        return True
    return False
