"""The other runs with the same settings: what they have made is copied, not made again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from segline.base.errors import UserError
from segline.base.files import read_json
from segline.config.places import RunFiles
from segline.config.stages import TrainStage, TuneStage
from segline.config.tables import Data, Predict, Table

CUT = ("n_folds", "fold_seed", "fold_by")  # settings of a data set's folds


def runs_like(run: RunFiles, stages: Iterable[type[Table]]) -> list[RunFiles]:
    """The other runs beside `run` whose settings of `stages` are the same."""
    wanted = {stage: read_json(run.params(stage)) for stage in stages}
    others = (RunFiles(path) for path in sorted(run.folder.parent.iterdir()) if path != run.folder)
    return [other for other in others if all(_holds(other, *each) for each in wanted.items())]


def other_cuts(run: RunFiles) -> list[RunFiles]:
    """The other runs of the same recipe on the same data set, cut into other folds."""
    ours = read_json(run.params(Data))
    found = []
    for other in runs_like(run, (TrainStage, Predict, TuneStage)):
        theirs = read_json(other.params(Data)) if other.params(Data).exists() else {}
        is_new = all(
            key in theirs for key in CUT
        )  # a file of an older version says nothing of its cut
        if is_new and ours != theirs and _uncut(ours) == _uncut(theirs):
            found.append(other)
    return found


def _uncut(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in CUT}


def _holds(run: RunFiles, stage: type[Table], settings: object) -> bool:
    path = run.params(stage)
    try:
        return path.exists() and read_json(path) == settings
    except UserError:  # damaged; its own run will say so
        return False
