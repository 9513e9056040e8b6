"""Cross-validated score: every image post-processed with thresholds tuned without its part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from segline import tasks, tuning
from segline.console import console
from segline.files import read_json, write_csv, write_json
from segline.manifest import data_hash, read_out_of_fold


def run(
    *,
    images: Path,
    folds: Path,
    oof: Sequence[Path],
    thresholds: Path,
    second: Path | None,
    scores: Path,
    out: Path,
) -> None:
    """Write one row an image to `scores` and the summary to `out`, and print the table."""
    table, tuned = read_out_of_fold(images, folds, oof), read_json(thresholds)
    task = tasks.of(tuned.get("task"))
    parts = tuning.parts(table, unseen=tuned["unseen"])
    rows, summary = task.scored(table, parts, task.recipes(thresholds, second))
    write_csv(scores, rows)
    summary |= {
        "dataset": images.parent.name,
        "data_hash": data_hash(images),
        "folds": _folds(table),
    }
    write_json(out, summary)
    print_summary(summary, f"cross-validated on {len(rows)} images of fold(s) {_folds(table)}")


def _folds(table: pd.DataFrame) -> list[int]:
    return sorted({int(fold) for fold in table["fold"]})


def print_summary(summary: dict[str, Any], title: str) -> None:
    console.print(tasks.of(summary.get("task")).summary_table(summary, title))
