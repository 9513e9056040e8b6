"""Print the table of a finished cv.json."""

from __future__ import annotations

from segline import tasks
from segline.base.console import console
from segline.base.files import read_json
from segline.config.places import RunFiles
from segline.config.stages import TuneStage


def run(run: RunFiles) -> None:
    """Print the cross-validated table of a finished run."""
    settings = run.settings(TuneStage)
    task = tasks.of(settings.task, settings.metric)
    console.print(task.summary_table(read_json(run.cv), str(run.cv)))
