"""Print the table of a finished cv.json."""

from __future__ import annotations

from segline import tasks
from segline.base.console import console
from segline.base.reading import refusing
from segline.config.places import RunFiles
from segline.config.stages import TuneStage
from segline.results.scores import REMEDY, read_cv


def run(run: RunFiles) -> None:
    """Print the cross-validated table of a finished run."""
    settings = run.settings(TuneStage)
    task = tasks.of(settings.task, settings.metric)
    summary = read_cv(run.cv)
    with refusing(run.cv, "table of scores", REMEDY):
        shown = task.summary_table(summary, str(run.cv))
    console.print(shown)
