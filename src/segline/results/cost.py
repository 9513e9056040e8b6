"""What a missing file of a run would cost to make: said before anything is started."""

from __future__ import annotations

from pathlib import Path

from segline.base.errors import UserError
from segline.config.places import RunFiles
from segline.config.stages import RunStage, TrainStage

RATES = (
    4,
    16,
)  # training crops a second of the shipped configs' nets on two CPU cores, slow and fast


def needed(path: Path, run: RunFiles, command: str, *, trains: bool = True) -> None:
    """UserError unless `path` is there: the command that makes it, and what of it is training."""
    if not path.exists():
        cost = training_left(run) if trains else ""
        raise UserError(f"{path}: not there; {command} makes it{cost and f' ({cost})'}")


def training_left(run: RunFiles) -> str:
    """How many crops must be trained for the folds that a run lacks, in words; empty if for none."""
    folds = run.settings(RunStage).folds.get(run.name, ())
    lacking = [fold for fold in folds if not run.fold(fold).model.exists()]
    if not lacking:
        return ""
    train = run.settings(TrainStage).train
    crops = len(lacking) * train.epochs * train.crops_per_epoch
    quick, slow = (_hours(crops / rate) for rate in reversed(RATES))
    return (
        f"trains fold{'s' * (len(lacking) > 1)} {', '.join(map(str, lacking))}: {crops:,} crops, "
        f"{quick} to {slow} on two CPU cores"
    )


def _hours(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
