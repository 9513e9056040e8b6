"""Thresholds by the task's metric on out-of-fold maps."""

from __future__ import annotations

from segline import tasks
from segline.base.console import say
from segline.base.errors import UserError
from segline.base.files import write_json
from segline.config import claims
from segline.config.places import RunFiles, maker
from segline.config.stages import TuneStage
from segline.objects import out_of_fold, thresholds


@claims.makes(lambda run: run.thresholds)
def run(run: RunFiles) -> None:
    """Choose thresholds by the true metric on out-of-fold maps.

    `final` ones come from all images and, for each part, others from the other parts.
    """
    settings = run.settings(TuneStage)
    task = tasks.of(settings.task, settings.metric)
    table = out_of_fold.read(run.data, run.maps("oof"))
    try:
        parts = thresholds.parts(table, unseen=settings.unseen)
    except ValueError as error:
        raise UserError(f"{run.name}: {error}; train more folds (train.folds)") from None
    tuned = task.tuned(table, parts, settings)
    at_edge = tuned.pop("at_edge", [])
    found = tuned | {"unseen": settings.unseen, "n_images": len(table)}
    write_json(run.thresholds, found, seal=maker(run.thresholds))
    say(f"tuned on {len(table)} out-of-fold images: {task.words(tuned['final'])}")
    for part, choice in tuned["parts"].items():
        say(f"  without {part}: {task.words(choice)}")
    for name in at_edge:
        say(f"  the best tune.{name} may lie beyond all that was tried; give a wider grid")
