"""Train one fold, resuming where an earlier run stopped."""

from __future__ import annotations

from pathlib import Path

from segline.base.checksums import sha256
from segline.base.console import say
from segline.base.errors import UserError
from segline.base.files import copy, read_json
from segline.config import claims, places, stages
from segline.config.places import FoldFiles, RunFiles
from segline.config.stages import TrainedStage, TrainStage
from segline.config.tables import Data
from segline.data import identity
from segline.data.identity import Identity
from segline.data.tables import data_hash, read_folds, read_images, with_extra
from segline.nets import checkpoint, compiled
from segline.nets.fit import Fold, chosen_precision, fit
from segline.results import reuse
from segline.results.provenance import write_provenance
from segline.samples import streams
from segline.samples.fold import samplers


@claims.makes(lambda run, fold, **_: run.fold(fold).model)
def run(run: RunFiles, fold: int, threads: int = 2, fresh: bool = False) -> None:
    """Train one fold, resuming where an earlier run stopped.

    Writes the fold's model.keras last, and beside it model.json (the settings inference needs),
    history.csv, logs for TensorBoard and checkpoints. `fresh` forgets an earlier state.
    """
    settings, files = run.settings(TrainStage), run.fold(fold)
    start = _start(run, settings, fold)
    start_hash = sha256(start) if start else None
    table = read_folds(read_images(run.data.images), run.data.folds)
    wanted = identity.of(run, settings.train.extra)
    if not fresh and (
        _is_trained(files, settings, start_hash, wanted)
        or _taken_from_another_run(run, fold, wanted, start_hash)
    ):
        return
    if fold not in set(table["fold"]):
        known = ", ".join(map(str, sorted(set(table["fold"]))))
        raise UserError(f"{run.data.folds}: no fold {fold}; folds here: {known}")
    extra = [places.dataset(run.root, name).images for name in settings.train.extra]
    fitting, held_out = samplers(with_extra(table, extra), fold, settings)
    if fresh:
        checkpoint.forget(files.last)
    job = Fold(fold, settings, fitting, held_out, files, wanted, start, start_hash)
    precision = chosen_precision(job, run.precision)
    write_provenance(
        run.provenance,
        data_hash=data_hash(run.data),
        precision=precision,
        device=compiled.device_name(),
    )
    fit(job, precision, threads=threads)


def _is_trained(
    files: FoldFiles, settings: TrainStage, start: str | None, wanted: Identity
) -> bool:
    """Whether the fold's model is what would be trained; UserError if it was trained on other data."""
    if not files.model.exists():
        return False
    if not files.settings.exists():
        raise UserError(
            f"{files.settings}: no such file, so nobody can tell how the model beside it was trained; "
            f"fresh=1 trains it again and replaces it"
        )
    trained = identity.read(files)
    found = identity.differences(trained, wanted) if trained else "not known on which"
    if found:
        raise UserError(
            f"{files.model}: trained on other data ({found}); fresh=1 trains it again and replaces it, "
            f"run=NAME trains beside it"
        )
    made = stages.read(files.settings, TrainedStage)
    same = all(getattr(made, key) == getattr(settings, key) for key in TrainStage.model_fields)
    if not same or made.start != start:
        return False
    files.model.touch()  # newer than what it was made from, of which only the time has changed
    say(f"{files.model} is trained with these settings on this data")
    return True


def _start(run: RunFiles, settings: TrainStage, fold: int) -> Path | None:
    """The net whose weights are the first; refused if it was trained on what this one holds out."""
    if not settings.model.start:
        return None
    other = places.start(run.root, settings.model.start)
    check_folds(run.settings(Data), other.settings(Data), other.name)
    return other.fold(fold).model


def check_folds(ours: Data, theirs: Data, name: str) -> None:
    """Refuse to start from nets of the run `name` if they may have seen what ours hold out."""
    cuts = [
        f"n_folds={data.n_folds} fold_seed={data.fold_seed} fold_by={data.fold_by}"
        for data in (ours, theirs)
    ]
    if ours.dataset == theirs.dataset and cuts[0] != cuts[1]:
        raise UserError(
            f"{name}: its data set {ours.dataset} was cut into other folds ({cuts[1]}) than ours "
            f"({cuts[0]}), so it may have seen our held-out images; use its data.n_folds, "
            f"data.fold_seed and data.fold_by"
        )


def _taken_from_another_run(run: RunFiles, fold: int, wanted: Identity, start: str | None) -> bool:
    """Copy this fold from a run that trained it with the same settings, start and data, if any."""
    for other in reuse.runs_like(run, (Data, TrainStage)):
        ours, theirs = run.fold(fold), other.fold(fold)
        if not (theirs.model.exists() and other.provenance.exists()):
            continue
        try:
            same_start = read_json(theirs.settings).get("start") == start
            same_draws = read_json(other.provenance).get("draws") == streams.VERSION
            if not (same_start and same_draws and identity.read(theirs) == wanted):
                continue
            copy(other.provenance, run.provenance)
            copy(theirs.history, ours.history)
            copy(theirs.settings, ours.settings)
            copy(theirs.trained_on, ours.trained_on)
            copy(theirs.model, ours.model)
        except UserError as damage:
            say(f"not copied: {damage}")
            continue
        say(f"{ours.folder}: the same settings as {theirs.folder}, copied")
        return True
    return False
