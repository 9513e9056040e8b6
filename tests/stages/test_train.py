from pathlib import Path

import pytest

import runs
from segline.base.errors import UserError
from segline.config import places, read, stages
from segline.config.stages import TrainStage
from segline.config.tables import Config, Data
from segline.nets import fit
from segline.nets.schedules import Plateau, Watch
from segline.stages import train

CONFIGS = Path(__file__).parents[2] / "configs"


def settings(*changes):
    tables = stages.of(read.load(CONFIGS / "tiny.toml", changes))
    return next(table for table in tables if isinstance(table, TrainStage))


def test_a_start_that_saw_the_held_out_images_is_refused():
    start = Data(fold_seed=1)
    with pytest.raises(UserError, match="dsb2018 was cut into other folds") as error:
        train.check_folds(Data(), start, "start")
    assert "data.fold_seed" in str(error.value)
    train.check_folds(Data(fold_seed=1), start, "start")
    train.check_folds(Data(dataset="mine"), start, "start")


def test_the_stage_refuses_such_a_start(tmp_path):
    ours = Config.model_validate({"model": {"weights": "start"}})
    runs.write(tmp_path, Config(data=Data(fold_seed=1)), name="start")
    with pytest.raises(UserError, match="start: its data set dsb2018 was cut into other folds"):
        train.run(runs.write(tmp_path, ours), fold=0)
    files = places.shipped(tmp_path / "data", "start")
    files.folder.mkdir(parents=True)
    files.sums.write_text("")
    runs.write(tmp_path, Config(data=Data(fold_seed=2)), name="start-pretrained")
    with pytest.raises(UserError, match="start-pretrained: .*fold_seed=2"):
        train.run(runs.write(tmp_path, ours), fold=0)


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
