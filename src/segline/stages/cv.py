"""Cross-validated score: every image post-processed with thresholds tuned without its part."""

from __future__ import annotations

import pandas as pd

from segline import tasks
from segline.base.console import console
from segline.base.files import write_csv, write_json
from segline.config import claims
from segline.config.places import RunFiles, maker
from segline.config.stages import TuneStage
from segline.data import identity
from segline.data.tables import data_hash
from segline.objects import out_of_fold, thresholds


@claims.makes(lambda run: run.cv)
def run(run: RunFiles) -> None:
    """Cross-validated score by modality and IoU threshold: scores.csv (a row an image) and cv.json."""
    settings = run.settings(TuneStage)
    task = tasks.of(settings.task, settings.metric)
    table = out_of_fold.read(run.data, run.judged_maps("oof"))
    parts = thresholds.parts(table, unseen=thresholds.read(run.thresholds, unseen=list)["unseen"])
    decoders = task.decoders(run.thresholds, run.second_if_fitted)
    rows, summary = task.scored(table, parts, decoders)
    folds, known = _folds(table), identity.of(run)
    summary |= {
        "dataset": run.data.folder.name,
        "data_hash": data_hash(run.data),
        "train_hash": known.train_hash,
        "folds_hash": known.folds_hash,
        "folds": folds,
    }
    write_csv(run.scores, rows, seal=maker(run.scores))
    write_json(run.cv, summary, seal=maker(run.cv))
    title = f"cross-validated on {len(rows)} images of fold(s) {folds}"
    console.print(task.summary_table(summary, title))


def _folds(table: pd.DataFrame) -> list[int]:
    return sorted({int(fold) for fold in table["fold"]})
