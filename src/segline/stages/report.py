"""The page of a run: report.html with its figures, curves, choices and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from segline.base.console import say
from segline.base.files import read_csv, read_json, write_text
from segline.config import claims, stages
from segline.config.places import RunFiles
from segline.config.stages import RunStage
from segline.config.tables import Config, known_keys
from segline.objects import thresholds
from segline.results import figures, gallery, run_page
from segline.results.run_page import Section
from segline.results.scores import mean_and_error, read_cv
from segline.tasks import Task

WORST = 8


@claims.makes(lambda run: run.report)
def run(run: RunFiles) -> None:
    """Write the page of a run: figures, curves, choices and pictures in one HTML file."""
    summary, tuned, scored = read_cv(run.cv), thresholds.read(run.thresholds), gallery.read(run)
    task, drawn = scored.task, gallery.drawn
    histories = _histories(run)
    sections = [
        Section("Cross-validated", text=run_page.plain(task.summary_table(summary, ""))),
        Section(
            "Training",
            rows={name: _trained(history) for name, history in histories.items()},
            picture=run_page.embedded(figures.losses(histories)) if histories else "",
        ),
        Section("Thresholds, tuned without the part they judge", rows=_choices(tuned, task)),
        Section("The median image of each modality", picture=run_page.embedded(drawn(scored))),
        Section("The worst images", picture=run_page.embedded(drawn(scored, worst=WORST))),
        Section("Settings other than the defaults", rows=_settings(run)),
        Section("Made with", rows=_origin(run)),
    ]
    lead = (
        f"{task.score_name} {mean_and_error(summary)}, "
        f"data set {summary['dataset']} (hash {summary['data_hash']}), {summary['n_images']} images of "
        f"fold(s) {', '.join(map(str, summary['folds']))}, whole groups held out."
    )
    write_text(run.report, run_page.page(f"segline: {run.name}", lead, sections))
    say(f"wrote {run.report}")


def _histories(run: RunFiles) -> dict[str, pd.DataFrame]:
    """The histories of the run's own folds; a blend has none."""
    own = run.settings(RunStage).folds.get(run.name, ())
    found = {fold.folder.name: fold.history for fold in map(run.fold, own)}
    return {name: read_csv(path) for name, path in found.items() if path.exists()}


def _trained(history: pd.DataFrame) -> str:
    last, best = history.iloc[-1], history.loc[history["val_loss"].idxmin()]
    return (
        f"{len(history)} epochs in {history['seconds'].sum() / 60:.1f} min; last loss {last['loss']:.4f}, "
        f"validation {last['val_loss']:.4f} (best {best['val_loss']:.4f} in epoch {best['epoch']:.0f})"
    )


def _choices(tuned: Mapping[str, Any], task: Task) -> dict[str, str]:
    choices = tuned["parts"] | {"final": tuned["final"]}
    return {name: task.words(choice) for name, choice in choices.items()}


def _settings(run: RunFiles) -> dict[str, str]:
    """By `table.key`; what a stage derives from other tables is left out."""
    found: dict[str, str] = {}
    for usual in stages.of(Config()):
        name = stages.FILES[type(usual)]
        ours = run.settings(type(usual)).model_dump(mode="json")
        prefix = "" if name == "train" else f"{name}."
        found |= run_page.changed(ours, usual.model_dump(mode="json"), prefix)
    known = {tuple(key.split(".")) for key in known_keys()}
    return {name: value for name, value in found.items() if tuple(name.split(".")[:2]) in known}


def _origin(run: RunFiles) -> dict[str, str]:
    """What provenance.json says; nothing of a blend, which trains nothing."""
    if not run.provenance.exists():
        return {}
    record = read_json(run.provenance)
    packages = {name: str(version) for name, version in record.pop("packages").items()}
    return {name: str(value) for name, value in record.items()} | packages
