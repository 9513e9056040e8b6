from pathlib import Path

import pytest

from segline import config
from segline.errors import UserError
from segline.files import write_json
from segline.schedules import Plateau
from segline.stages import train

CONFIGS = Path(__file__).parents[1] / "configs"


def settings(*changes):
    tree = config.load(CONFIGS / "tiny.toml", changes)
    return tree.stage_settings()["train"]


def test_a_start_that_saw_the_held_out_images_is_refused(tmp_path):
    def params_of(run, **changes):
        data = config.Config().stage_settings()["data"] | changes
        (tmp_path / run / "params").mkdir(parents=True)
        write_json(tmp_path / run / "params/data.json", data)
        return tmp_path / run / "params/train.json"

    ours, start = params_of("ours"), tmp_path / "start/fold_0/model.keras"
    params_of("start", fold_seed=1)
    with pytest.raises(UserError, match="dsb2018 was cut into other folds") as error:
        train._check_folds(ours, start)
    assert "data.fold_seed" in str(error.value)
    train._check_folds(params_of("same", fold_seed=1), start)
    train._check_folds(params_of("mine", dataset="mine"), start)


def test_the_remedies_name_keys_and_values():
    said = train._remedies(settings("train.learning_rate=0.1", "weights.class_weights=median"))
    for part in (
        "train.learning_rate (now 0.1",
        "weights.class_weights (now median)",
        "input.high_percentile 99.8",
        "train.stuck_epochs=0 (now 10)",
    ):
        assert part in said
    assert "\n" not in said


def test_the_plateau_is_the_configs():
    assert train._plateau(settings()["train"]) is None
    found = train._plateau(settings("train.schedule=plateau", "train.plateau_floor=1e-5")["train"])
    assert found == Plateau(2e-3, factor=0.05, patience=3, cooldown=2, floor=1e-5)


@pytest.mark.parametrize(("stuck_epochs", "warmup", "first"), [(4, 0.0, 1), (4, 0.5, 2), (0, 0, 0)])
def test_the_watch_begins_after_warm_up(stuck_epochs, warmup, first):
    changed = settings(f"train.stuck_epochs={stuck_epochs}", f"train.warmup={warmup}")
    watch = train._watch(None, changed, {}, {"constant_loss": 0.3})
    assert watch == ((0.3, 4, first) if first else None)
