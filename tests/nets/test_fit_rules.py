from pathlib import Path

import pytest

from segline.config import read, stages
from segline.config.stages import TrainStage
from segline.nets import fit
from segline.nets.schedules import Plateau, Watch

CONFIGS = Path(__file__).parents[2] / "configs"


def settings(*changes):
    tables = stages.of(read.load(CONFIGS / "tiny.toml", changes))
    return next(table for table in tables if isinstance(table, TrainStage))


def test_the_remedies_name_keys_and_values():
    said = fit.remedies(settings("train.learning_rate=0.1", "weights.class_weights=median"))
    for part in (
        "train.learning_rate (now 0.1",
        "weights.class_weights (now median)",
        "input.high_percentile 99.8",
        "train.stuck_epochs=0 (now 10)",
    ):
        assert part in said
    assert "\n" not in said


def test_the_plateau_is_the_configs():
    assert fit.plateau(settings().train) is None
    found = fit.plateau(settings("train.schedule=plateau", "train.plateau_floor=1e-5").train)
    assert found == Plateau(2e-3, factor=0.05, patience=3, cooldown=2, floor=1e-5)


@pytest.mark.parametrize(("stuck_epochs", "warmup", "first"), [(4, 0.0, 1), (4, 0.5, 2), (0, 0, 0)])
def test_the_watch_begins_after_warm_up(stuck_epochs, warmup, first):
    changed = settings(f"train.stuck_epochs={stuck_epochs}", f"train.warmup={warmup}")
    watch = fit.watch(None, changed, {"constant_loss": 0.3})
    assert watch == (Watch(0.3, 4, first) if first else None)
