import pytest

import runs
from segline.base.errors import UserError
from segline.config import places
from segline.config.tables import Config, Data
from segline.stages import train


def test_a_start_that_saw_the_held_out_images_is_refused():
    start = Data(fold_seed=1)
    with pytest.raises(UserError, match="dsb2018 was cut into other folds") as error:
        train.check_folds(Data(), start, "start")
    assert "data.fold_seed" in str(error.value)
    train.check_folds(Data(fold_seed=1), start, "start")
    with pytest.raises(UserError, match="fold_by=group.*fold_by=source"):
        train.check_folds(Data(fold_seed=1, fold_by="source"), start, "start")
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
