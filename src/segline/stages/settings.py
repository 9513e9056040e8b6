"""Settings of a run as files that change only when a setting does: what Make compares."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from segline.base import leftovers, locks
from segline.base.errors import UserError
from segline.base.files import holds, read_csv, read_json, write_text_if_changed
from segline.config import places, read, stages
from segline.config.names import GENERATED_SOLUTION, HOME
from segline.config.places import PRETRAINED, DataFiles, FoldFiles, RunFiles, maker
from segline.config.stages import RunStage, TrainStage
from segline.config.tables import Config, Data, Table
from segline.data import raw_files


def run(
    run: RunFiles,
    config: Path,
    settings: str = "",
    raw: Path | None = None,
    with_: list[str] | None = None,
    fresh: bool = False,
    strict: str = "",
) -> None:
    """Write a run's settings as files that change only when a setting does.

    They are params/<stage>.json and, for the Makefile, run.mk. `settings` are key=value words; `raw` is a
    folder of raw files, remembered once it has been read; `with_` names the configs whose maps are
    averaged with this one's; `strict` is 1 or 0 for `data.strict`, remembered too. Refuses to change
    training settings below a finished model, or the settings of a data set that is made, unless `fresh`.
    """
    if run.name.endswith(PRETRAINED):
        _refuse_unshipped(run, config)
    experiment = _with_strict(read.load(config, settings.split()), strict, run.root)
    data, wanted = places.of_data(run.root, experiment.data), stages.of(experiment)
    data_set = _of_set(data, experiment.data)
    _refuse_all_left_out(experiment, data)
    if not fresh:
        _refuse_changes(run, data, wanted, data_set)
    folder, generate = raw_files.folder(run.root, experiment.data, raw)
    raw_files.refuse_overlap(folder, data)
    members = _members(run, config, experiment, with_ or [])
    leftovers.sweep(run.folder, deep=True)
    _outdate_what_is_alone(run, experiment.folds)
    texts = {run.params(type(stage)): stages.text(stage) for stage in [*wanted, members]}
    _write_unless_used({data.settings: stages.text(data_set)}, data.images)
    _write_unless_used(texts | {run.raw: f"{folder}\n"}, run.makefile)
    changed = raw_files.changes(folder, data, data_set)
    if raw is not None and not changed and data.raw_listing.exists():
        raw_files.remember(run.root, experiment.data, folder)  # it holds what was read
    variables = _graph(run, experiment, config, members) | _of_data(data, experiment)
    variables |= {
        "data_changed": "1" if changed else "",
        "generate": generate,
        "generated": str(folder / GENERATED_SOLUTION[experiment.data.source]) if generate else "",
    }
    text = "".join(f"{name} := {value}\n" for name, value in variables.items())
    write_text_if_changed(run.makefile, text)


def _outdate_what_is_alone(run: RunFiles, folds: Sequence[int]) -> None:
    """Make what has lost the file beside it stale: one rule makes both, and Make looks at the one."""
    nets = [run.fold(number) for number in folds]
    pairs = [(net.model, net.settings) for net in nets]
    if not run.name.endswith(PRETRAINED):  # figures are shipped without scores.csv
        pairs.append((run.cv, run.scores))
    for path, beside in pairs:
        if path.exists() and not beside.exists():
            os.utime(path, ns=(0, 0))


def _write_unless_used(texts: dict[Path, str], used: Path) -> None:
    """Write what differs; refused while a stage that reads it is at work: it holds the lock of `used`."""

    def is_written() -> bool:
        return all(holds(path, text, seal=maker(path)) for path, text in texts.items())

    if not is_written():
        with locks.held(used, unless=is_written):
            for path, text in texts.items():
                write_text_if_changed(path, text, seal=maker(path))


def _with_strict(experiment: Config, strict: str, root: Path) -> Config:
    """The config with `data.strict` as given, or off where its data set was made so."""
    if strict not in ("", "0", "1"):
        raise UserError(f"strict={strict}: expected 0 or 1")
    made = places.dataset(root, experiment.data.dataset).settings
    lenient = strict == "0" or (
        not strict and made.exists() and read_json(made).get("strict") is False
    )
    if not strict and not lenient:
        return experiment
    data = experiment.data.model_copy(update={"strict": not lenient})
    return experiment.model_copy(update={"data": data})


def _refuse_all_left_out(experiment: Config, data: DataFiles) -> None:
    """Refuse to leave every kind of image out of training, where it is known which there are."""
    without = set(experiment.train.without)
    if without and data.images.exists():
        images = read_csv(data.images, ("split", "modality"))
        there = set(images.loc[images["split"] == "train", "modality"])
        if there <= without:
            raise UserError(
                f"train.without names every modality of {data.images} ({', '.join(sorted(there))}), so "
                f"nothing is left to train on"
            )


def _refuse_unshipped(run: RunFiles, config: Path) -> None:
    shipped = places.shipped(run.root, config.stem)
    if not shipped.folds:
        known = sorted(sums.parent.name for sums in run.root.glob("pretrained/*/SHA256SUMS"))
        raise UserError(
            f"pretrained=1: no weights in {shipped.folder}; shipped are: {' '.join(known)}"
        )


def _members(run: RunFiles, config: Path, experiment: Config, others: list[str]) -> RunStage:
    """The folds of this run, or of a blend those of its configs."""
    if run.name.endswith(PRETRAINED):
        return RunStage(folds={run.name: tuple(places.shipped(run.root, config.stem).folds)})
    if not others:
        return RunStage(folds={run.name: experiment.folds})
    folds = {name: read.load(config.with_stem(name)).folds for name in others}
    return RunStage(folds={config.stem: experiment.folds} | folds)


def _graph(run: RunFiles, experiment: Config, config: Path, members: RunStage) -> dict[str, str]:
    """What the Makefile must know of a run; `%` stands for the number of a fold."""
    fold = run.fold("%")
    two_stage = experiment.data.task == "two_stage"
    judged = FoldFiles.class_maps if two_stage else FoldFiles.maps
    start = _start(run, experiment, config)
    found = {
        "task": experiment.data.task,
        "threads": experiment.train.threads,
        "folds": " ".join(map(str, members.folds.get(run.name, ()))),
        "all_folds": " ".join(map(str, range(experiment.data.n_folds))),
        "model": fold.model,
        "oof": fold.maps("oof"),
        "test": fold.maps("test"),
        "classifier": fold.classifier,
        "oof_classes": fold.class_maps("oof"),
        "test_classes": fold.class_maps("test"),
        "oof_maps": _listed(each.maps("oof") for each in run.folds),
        "test_maps": _listed(each.maps("test") for each in run.folds),
        "judged_oof": _listed(judged(each, "oof") for each in run.folds),
        "judged_test": _listed(judged(each, "test") for each in run.folds),
        "thresholds": run.thresholds,
        "second": run.second,
        "fitted": run.second if experiment.tune.second_stage else "",
        "cv": run.cv,
        "report": "" if run.name.endswith(PRETRAINED) else run.report,
        "start": experiment.model.start,
        "start_model": start.fold("%").model if start else "",
        "start_options": "pretrained=1"
        if start and start.name.endswith(PRETRAINED)
        else "pretrained=",
    }
    found |= {f"{name}_settings": run.params(stage) for stage, name in stages.FILES.items()}
    return {name: str(value) for name, value in found.items()}


def _start(run: RunFiles, experiment: Config, config: Path) -> RunFiles | None:
    """The run whose nets this one starts from; UserError if it cannot be made."""
    name = experiment.model.start
    if not name:
        return None
    if not config.with_stem(name).exists():
        raise UserError(f"model.weights={name}: no {config.with_stem(name)}")
    seen = [config.stem]
    while name:
        if name in seen:
            raise UserError(f"model.weights: {' starts from '.join([*seen, name])}, in a circle")
        seen.append(name)
        name = read.load(config.with_stem(name)).model.start
    name = seen[1]
    shipped = places.shipped(run.root, name)
    absent = sorted(set(experiment.folds) - set(shipped.folds)) if shipped.sums.exists() else []
    if absent:
        raise UserError(f"model.weights={name}: {shipped.folder} has no fold {absent[0]}")
    return places.start(run.root, name)


def _of_data(data: DataFiles, experiment: Config) -> dict[str, str]:
    """What the Makefile must know of the data set."""
    table = experiment.data
    extra = (places.dataset(data.folder.parents[1], name) for name in experiment.train.extra)
    found = {
        "dataset": table.dataset,
        "images_csv": data.images,
        "folds_csv": data.folds,
        "sample": data.sample,
        "data_settings": data.settings,
        "described": "1" if table.dialect else "",
        "competition": table.competition or HOME.get(table.dataset, ""),
        "extra": _listed(other.images for other in extra),
    }
    return {name: str(value) for name, value in found.items()}


def _listed(paths: object) -> str:
    return " ".join(map(str, paths))  # type: ignore[call-overload]


def _of_set(data: DataFiles, table: Data) -> Data:
    """What all runs on a data set share: the cut into folds only where it is by groups."""
    if table.fold_by == "group":
        return table
    there = read_json(data.settings) if data.settings.exists() else {}
    cut = {key: there[key] for key in ("n_folds", "fold_seed") if key in there}
    return table.model_copy(update={"fold_by": "group", **cut})


def _refuse_changes(run: RunFiles, data: DataFiles, wanted: list[Table], data_set: Data) -> None:
    """Refuse other settings of training and folds below a finished model, and of a set that is made."""
    trained, made = any(run.folder.glob("fold_*/model.keras")), data.images.exists()
    for stage in wanted:
        if isinstance(stage, TrainStage | Data) and trained:
            _refuse_change(run.params(type(stage)), stage, f"run {run.name} is trained")
    if made:
        _refuse_change(data.settings, data_set, f"data set {data.folder.name} is made")


def _refuse_change(path: Path, new: Table, what: str) -> None:
    if not path.exists():
        return
    old = type(new)().model_dump(mode="json") | read_json(path)  # a key that is newer than the file
    wanted = new.model_dump(mode="json")
    if isinstance(new, Data):
        wanted["strict"] = old["strict"]  # that alone changes nothing, or what is read anew
    changes = [f"{key} {before!r} -> {after!r}" for key, before, after in _differences(old, wanted)]
    if changes:
        raise UserError(
            f"{what} with other settings ({'; '.join(changes)}); "
            f"give the settings by set=, use another config, or replace it with fresh=1"
        )


def _differences(old: dict, new: dict, prefix: str = "") -> list[tuple[str, object, object]]:
    found: list[tuple[str, object, object]] = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            found += _differences(before, after, f"{prefix}{key}.")
        elif before != after:
            found.append((prefix + key, before, after))
    return found
