"""Settings of a run as files that change only when a setting does: what Make compares."""

from __future__ import annotations

from pathlib import Path

from segline import config
from segline.errors import UserError
from segline.files import read_csv, read_json, to_json, write_text_if_changed


def run(
    *,
    config_path: Path,
    settings: list[str],
    out: Path,
    interim: Path,
    raw_root: Path,
    raw: Path | None = None,
    fresh: bool = False,
) -> None:
    """Write out/params/{data,train,predict,tune}.json and out/run.mk for the Makefile.

    `raw`, a folder of raw files, is remembered for the data set. Refuses to change training settings
    below a finished model, or the settings of a data set that is already made, unless `fresh`.
    """
    experiment = config.load(config_path, settings)
    stages = experiment.stage_settings()
    if experiment.train.skip:  # the list itself is the setting, not the name of its file
        listed = read_csv(Path(experiment.train.skip), ("image_id",), dtype=str)
        stages["train"]["train"]["skip"] = sorted(listed["image_id"])
    dataset = interim / experiment.data.dataset
    if not fresh:
        if any(out.glob("fold_*/model.keras")):
            _refuse_change(
                out / "params/train.json", "train", stages["train"], f"run {out.name} is trained"
            )
        if (dataset / "images.csv").exists():
            _refuse_change(
                dataset / "data.json", "data", stages["data"], f"data set {dataset.name} is made"
            )
    for name, values in stages.items():
        _keep_or_write(out / "params" / f"{name}.json", name, values)
    _keep_or_write(dataset / "data.json", "data", stages["data"])
    variables = {
        "raw": _remembered(raw_root / f"{experiment.data.dataset}.path", raw),
        "dataset": experiment.data.dataset,
        "source": experiment.data.source,
        "generate": experiment.data.generate,
        "task": experiment.data.task,
        "n_folds": experiment.data.n_folds,
        "fold_seed": experiment.data.fold_seed,
        "second_stage": "1" if experiment.tune.second_stage else "",
        "extra": " ".join(experiment.train.extra),
        "start": experiment.model.start,
        "folds": " ".join(map(str, experiment.folds)),
        "all_folds": " ".join(map(str, range(experiment.data.n_folds))),
    }
    text = "".join(f"{name} := {value}\n" for name, value in variables.items())
    write_text_if_changed(out / "run.mk", text)


def _remembered(record: Path, raw: Path | None) -> str:
    """The folder given now or the last time; else the one beside the record that a download fills."""
    if raw is not None:
        if not raw.is_dir():
            raise UserError(f"raw={raw}: no such folder; give the one that holds the raw files")
        write_text_if_changed(record, f"{raw}\n")
    return record.read_text().strip() if record.exists() else str(record.with_suffix(""))


def _keep_or_write(path: Path, stage: str, values: dict) -> None:
    """Write a stage's settings unless the file says the same; a key added since then says nothing new."""
    if not path.exists() or config.filled(stage, read_json(path)) != values:
        write_text_if_changed(path, to_json(values))


def _refuse_change(path: Path, stage: str, new: dict, what: str) -> None:
    if not path.exists():
        return
    old = config.filled(stage, read_json(path))
    changes = [f"{key} {before!r} -> {after!r}" for key, before, after in _differences(old, new)]
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
