"""The page of a run: report.html with its figures, curves, choices and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from segline import figures, pages
from segline.config import Config, known_keys, read_stage
from segline.console import console
from segline.files import read_csv, read_json, write_text
from segline.report import mean_and_error
from segline.stages import gallery
from segline.tasks import Task

WORST = 8


def run(
    *,
    run_dir: Path,
    images: Path,
    folds: Path,
    oof: Sequence[Path],
    thresholds: Path,
    second: Path | None,
    scores: Path,
    out: Path,
) -> None:
    """Write `out` from what lies in `run_dir`: cv.json, histories, settings, provenance.

    The other arguments are those of the gallery, whose pictures it shows.
    """
    summary, tuned = read_json(run_dir / "cv.json"), read_json(thresholds)
    judged = gallery.read(
        images=images, folds=folds, oof=oof, thresholds=thresholds, second=second, scores=scores
    )
    task = judged.task
    histories = {
        path.parent.name: read_csv(path) for path in sorted(run_dir.glob("fold_*/history.csv"))
    }
    sections = [
        pages.Section("Cross-validated", text=pages.plain(task.summary_table(summary, ""))),
        pages.Section(
            "Training",
            rows={name: _trained(history) for name, history in histories.items()},
            picture=pages.embedded(figures.losses(histories)) if histories else "",
        ),
        pages.Section("Thresholds, tuned without the part they judge", rows=_choices(tuned, task)),
        pages.Section(
            "The median image of each modality", picture=pages.embedded(gallery.drawn(judged))
        ),
        pages.Section(
            "The worst images", picture=pages.embedded(gallery.drawn(judged, worst=WORST))
        ),
        pages.Section("Settings other than the defaults", rows=_settings(run_dir / "params")),
        pages.Section("Made with", rows=_origin(run_dir / "provenance.json")),
    ]
    lead = (
        f"{task.score_name} {mean_and_error(summary)}, "
        f"data set {summary['dataset']} (hash {summary['data_hash']}), {summary['n_images']} images of "
        f"fold(s) {', '.join(map(str, summary['folds']))}, whole groups held out."
    )
    write_text(out, pages.page(f"segline: {run_dir.name}", lead, sections))
    console.print(f"wrote {out}")


def _trained(history: pd.DataFrame) -> str:
    last, best = history.iloc[-1], history.loc[history["val_loss"].idxmin()]
    return (
        f"{len(history)} epochs in {history['seconds'].sum() / 60:.1f} min; last loss {last['loss']:.4f}, "
        f"validation {last['val_loss']:.4f} (best {best['val_loss']:.4f} in epoch {best['epoch']:.0f})"
    )


def _choices(tuned: Mapping[str, Any], task: Task) -> dict[str, str]:
    choices = tuned["parts"] | {"final": tuned["final"]}
    return {name: task.words(choice) for name, choice in choices.items()}


def _settings(params: Path) -> dict[str, str]:
    """By `table.key`, from params/<stage>.json; what a stage derives from other tables is left out."""
    found: dict[str, str] = {}
    for stage, defaults in Config().stage_settings().items():
        prefix = "" if stage == "train" else f"{stage}."
        found |= pages.changed(read_stage(params / f"{stage}.json"), defaults, prefix)
    known = {tuple(key.split(".")) for key in known_keys()}
    return {name: value for name, value in found.items() if tuple(name.split(".")[:2]) in known}


def _origin(path: Path) -> dict[str, str]:
    """What provenance.json says; nothing of a blend, which trains nothing."""
    if not path.exists():
        return {}
    record = read_json(path)
    packages = {name: str(version) for name, version in record.pop("packages").items()}
    return {name: str(value) for name, value in record.items()} | packages
