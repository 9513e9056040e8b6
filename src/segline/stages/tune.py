"""Thresholds by the task's metric on out-of-fold maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segline import tasks, tuning
from segline.config import read_stage
from segline.console import console
from segline.files import write_json
from segline.manifest import read_out_of_fold


def run(*, params: Path, images: Path, folds: Path, oof: Sequence[Path], out: Path) -> None:
    """Write `final` thresholds (from all images) and, for each part, those from the other parts."""
    settings = read_stage(params)
    task = tasks.of(settings["task"])
    table = read_out_of_fold(images, folds, oof)
    parts = tuning.parts(table, unseen=settings["unseen"])
    tuned = task.tuned(table, parts, settings)
    write_json(out, tuned | {"unseen": settings["unseen"], "n_images": len(table)})
    console.print(f"tuned on {len(table)} out-of-fold images: {task.words(tuned['final'])}")
    for part, choice in tuned["parts"].items():
        console.print(f"  without {part}: {task.words(choice)}")
