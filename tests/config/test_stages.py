import json

import pytest

from segline.base.errors import UserError
from segline.config import read, stages
from segline.config.stages import ScoredTask, TaskTable, TrainedStage, TrainStage, TuneStage
from segline.config.tables import Data, Predict

SEMANTIC = [
    "data.task=semantic",
    "data.source=folders",
    "data.classes=background,road,car",
    "input.mode=rgb",
]


@pytest.fixture
def of(tmp_path):
    """The settings of each stage, by the stage's class, of a config with some changes."""
    (tmp_path / "base.toml").write_text("[train]\nepochs = 7\n")

    def found(*changes):
        config = read.load(tmp_path / "base.toml", changes)
        return {type(stage): stage for stage in stages.of(config)}

    return found


def test_every_stage_depends_on_its_own_settings_only(of):
    before = of()
    for setting, stage in [
        ("tune.min_size_px=[5]", TuneStage),
        ("predict.symmetries=8", Predict),
        ("model.width=9", TrainStage),
        ("data.fold_seed=4", Data),
    ]:
        after = of(setting)
        assert [name for name in before if before[name] != after[name]] == [stage]


def test_folds_and_threads_make_no_model_stale(of):
    plain, other = of(), of("train.folds=1", "train.threads=8")
    assert plain == other
    assert [stages.text(stage) for stage in plain.values()] == [
        stages.text(stage) for stage in other.values()
    ]


def test_settings_of_masks_reach_the_stages(of):
    found = of(*SEMANTIC, "input.size=224,240", "weights.class_weights=1,2,9.5")
    task = TaskTable(name="semantic", classes=("background", "road", "car"), exclusive=True)
    assert found[TrainStage].task == task
    assert found[TuneStage].task == ScoredTask(**dict(task))
    assert of(*SEMANTIC, "data.score_background=true")[TuneStage].task.score_background
    assert of(*SEMANTIC, "data.score_background=true")[TrainStage] == of(*SEMANTIC)[TrainStage]
    assert found[TrainStage].input.size == (224, 240)
    assert found[TrainStage].weights.class_weights == (1, 2, 9.5)


def test_the_list_of_images_to_skip_is_the_setting(of, tmp_path):
    (tmp_path / "skip.csv").write_text("image_id\nb\na\n")
    assert of(f"train.skip={tmp_path / 'skip.csv'}")[TrainStage].train.skip == ("a", "b")


def test_every_stage_comes_back_from_its_file(of, tmp_path):
    for stage in of(*SEMANTIC, "weights.class_weights=1,2,9.5", "train.without=x").values():
        path = tmp_path / "stage.json"
        path.write_text(stages.text(stage))
        assert stages.read(path, type(stage)) == stage


@pytest.fixture
def tree():
    """The content of model.json."""
    return json.loads(stages.text(TrainedStage(precision="float32")))


def without(tree, *keys):
    *inside, last = keys
    for key in inside:
        tree = tree[key]
    del tree[last]


@pytest.mark.parametrize("keys", [("loss",), ("start",), ("model", "max_width"), ("task", "name")])
def test_a_missing_key_is_named(tree, keys, tmp_path):
    without(tree, *keys)
    (tmp_path / "model.json").write_text(json.dumps(tree))
    with pytest.raises(UserError, match=rf"model\.json: .*{'.'.join(keys)}") as caught:
        stages.read(tmp_path / "model.json", TrainedStage)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keys", [(), ("model",), ("train",)])
def test_an_unknown_key_is_named(tree, keys, tmp_path):
    table = tree
    for key in keys:
        table = table[key]
    table["more"] = 1
    (tmp_path / "model.json").write_text(json.dumps(tree))
    name = ".".join([*keys, "more"])
    with pytest.raises(UserError, match=rf"model\.json: unknown key {name}") as caught:
        stages.read(tmp_path / "model.json", TrainedStage)
    assert "\n" not in str(caught.value)


def test_what_is_no_table_is_refused(tmp_path):
    (tmp_path / "predict.json").write_text("[1]")
    with pytest.raises(UserError, match="expected the settings of a stage, found list"):
        stages.read(tmp_path / "predict.json", Predict)
