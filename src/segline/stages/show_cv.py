"""Print the table of a finished cv.json."""

from __future__ import annotations

from segline import tasks
from segline.base.console import console
from segline.base.reading import refusing
from segline.config.places import RunFiles
from segline.config.stages import TuneStage
from segline.results import cuts, reuse
from segline.results.scores import REMEDY, read_cv


def run(run: RunFiles) -> None:
    """Print the cross-validated table of a finished run.

    Beside it stand the runs of the same recipe that are cut into other folds (`data.fold_by`).
    """
    settings = run.settings(TuneStage)
    task = tasks.of(settings.task, settings.metric)
    summary = read_cv(run.cv)
    with refusing(run.cv, "table of scores", REMEDY):
        shown = task.summary_table(summary, str(run.cv))
    console.print(shown)
    others = [other for other in reuse.other_cuts(run) if other.cv.exists()]
    if others:
        console.print(cuts.table([run, *others]))
