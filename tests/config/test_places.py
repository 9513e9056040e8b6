from pathlib import Path

import pytest

from segline.base import files
from segline.base.errors import UserError
from segline.config import places, stages
from segline.config.places import RunFiles
from segline.config.stages import RunStage, TrainStage
from segline.config.tables import Data

ROOT = Path("data")


def test_names():
    run = RunFiles(ROOT / "runs/best")
    assert (run.name, run.root) == ("best", ROOT)
    assert run.params(TrainStage) == ROOT / "runs/best/params/train.json"
    assert run.fold(2).model == ROOT / "runs/best/fold_2/model.keras"
    assert run.fold(2).maps("oof") == ROOT / "runs/best/fold_2/oof.h5"
    assert run.fold(2).class_maps("test") == ROOT / "runs/best/fold_2/test_classes.h5"
    assert places.dataset(ROOT, "tiny").images == ROOT / "interim/tiny/images.csv"
    assert places.shipped(ROOT, "best").weights(0) == ROOT / "pretrained/best/fold_0.h5"


@pytest.fixture
def run(tmp_path):
    """A blend of two folds of its own and one of another run, without maps."""
    made = RunFiles(tmp_path / "runs/blend")
    members = RunStage(folds={"blend": (0, 1), "other": (3,)})
    for stage in (Data(dataset="tiny"), members):
        files.write_text(made.params(type(stage)), stages.text(stage))
    return made


def test_a_run_finds_its_data_and_the_folds_of_its_members(run):
    assert run.data.images == run.root / "interim/tiny/images.csv"
    runs = run.root / "runs"
    assert [fold.folder for fold in run.folds] == [
        *(runs / "blend/fold_0", runs / "blend/fold_1"),
        runs / "other/fold_3",
    ]


def test_maps_that_are_missing_are_named(run):
    for fold in run.folds[:2]:
        files.write_text(fold.maps("oof"), "")
    with pytest.raises(UserError, match=r"other/fold_3/oof\.h5: no such file; make predict"):
        run.maps("oof")
    files.write_text(run.folds[2].maps("oof"), "")
    assert run.maps("oof") == run.judged_maps("oof") == [fold.maps("oof") for fold in run.folds]


def test_with_a_classifier_its_maps_are_judged(run):
    for fold in run.folds:
        files.write_text(fold.classifier, "")
        files.write_text(fold.class_maps("test"), "")
    assert run.judged_maps("test") == [fold.class_maps("test") for fold in run.folds]


def test_shipped_weights_are_where_others_start(tmp_path):
    assert places.start(tmp_path, "best") == RunFiles(tmp_path / "runs/best")
    shipped = places.shipped(tmp_path, "best")
    for fold in (10, 2, "x"):
        files.write_text(shipped.weights(fold), "")
    files.write_text(shipped.sums, "")
    assert shipped.folds == [2, 10]
    assert places.start(tmp_path, "best") == RunFiles(tmp_path / "runs/best-pretrained")
