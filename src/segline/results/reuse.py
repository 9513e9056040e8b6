"""The other runs with the same settings: what they have made is copied, not made again."""

from __future__ import annotations

from collections.abc import Iterable

from segline.base.errors import UserError
from segline.base.files import read_json
from segline.config.places import RunFiles
from segline.config.tables import Table


def runs_like(run: RunFiles, stages: Iterable[type[Table]]) -> list[RunFiles]:
    """The other runs beside `run` whose settings of `stages` are the same."""
    wanted = {stage: read_json(run.params(stage)) for stage in stages}
    others = (RunFiles(path) for path in sorted(run.folder.parent.iterdir()) if path != run.folder)
    return [other for other in others if all(_holds(other, *each) for each in wanted.items())]


def _holds(run: RunFiles, stage: type[Table], settings: object) -> bool:
    path = run.params(stage)
    try:
        return path.exists() and read_json(path) == settings
    except UserError:  # damaged; its own run will say so
        return False
