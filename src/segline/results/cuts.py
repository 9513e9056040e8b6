"""One recipe under several cuts into folds: what a score is worth where whole sources are held out."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from rich.table import Table

from segline.base.files import read_csv, read_json
from segline.config.places import RunFiles
from segline.config.tables import Data
from segline.data.tables import read_images
from segline.results.scores import MEASURES, mean_and_error


def table(runs: Sequence[RunFiles]) -> Table:
    """A column a scored run; rows are all its images, those common to all runs, and these by source.

    The runs are of one data set and one task.
    """
    shown = Table("", title="the same recipe, cut into other folds")
    for run in runs:
        shown.add_column(
            f"{run.name}\nwhole {run.settings(Data).fold_by}s held out", justify="right"
        )
    summaries = [read_json(run.cv) for run in runs]
    cells = [f"{mean_and_error(found)} ({found['n_images']})" for found in summaries]
    shown.add_row("all its images", *cells, end_section=True)
    common = _scores(runs)
    shown.add_row(f"{len(common)} images of all", *_means(common[[run.name for run in runs]]))
    for source, rows in sorted(common.groupby("source"), key=lambda part: -len(part[1])):
        shown.add_row(f"  {source} ({len(rows)})", *_means(rows[[run.name for run in runs]]))
    return shown


def _scores(runs: Sequence[RunFiles]) -> pd.DataFrame:
    """A row an image that all runs scored: its source and, named after each run, its score."""
    found = read_images(runs[0].data.images).set_index("image_id")[["source"]]
    for run in runs:
        scores = read_csv(run.scores).set_index("image_id")
        measure = next(name for name in MEASURES if name in scores)
        found = found.join(scores[measure].rename(run.name), how="inner")
    return found


def _means(scores: pd.DataFrame) -> list[str]:
    return [f"{mean:.3f}" if mean == mean else "-" for mean in scores.mean()]
