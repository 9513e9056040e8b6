"""Print the table of a finished cv.json."""

from __future__ import annotations

from segline import tasks
from segline.base.console import console
from segline.base.files import read_json
from segline.config.places import RunFiles
from segline.config.stages import TuneStage
from segline.results import cuts, reuse


def run(run: RunFiles) -> None:
    """Print the cross-validated table of a finished run.

    Beside it stand the runs of the same recipe that are cut into other folds (`data.fold_by`).
    """
    settings = run.settings(TuneStage)
    task = tasks.of(settings.task, settings.metric)
    console.print(task.summary_table(read_json(run.cv), str(run.cv)))
    others = [other for other in reuse.other_cuts(run) if other.cv.exists()]
    if others:
        console.print(cuts.table([run, *others]))
