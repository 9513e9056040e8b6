"""The other runs with the same settings: what they have made is copied, not made again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from segline.config import read_stage


def runs_like(run_dir: Path, stages: Iterable[str]) -> list[Path]:
    """The other runs beside `run_dir` whose settings of `stages` (params/<stage>.json) are the same."""
    wanted = {stage: read_stage(run_dir / "params" / f"{stage}.json") for stage in stages}
    return [
        other
        for other in sorted(run_dir.parent.iterdir())
        if other != run_dir and all(_holds(other, stage, wanted[stage]) for stage in wanted)
    ]


def _holds(run_dir: Path, stage: str, settings: dict) -> bool:
    path = run_dir / "params" / f"{stage}.json"
    return path.exists() and read_stage(path) == settings
