"""The second of two stages: a classifier is trained on regions and turns their maps into classes."""

import shutil

import numpy as np
import pytest

import runs
from segline.base import files
from segline.base.errors import UserError
from segline.config import stages
from segline.config.stages import ClassifierStage, TrainedStage, TrainStage
from segline.config.tables import Config
from segline.nets import predict
from segline.objects import maps
from segline.stages import classifier, classify

CONFIG = Config.model_validate(
    {
        "data": {
            **{"dataset": "squares", "task": "two_stage", "source": "folders", "n_folds": 2},
            "classes": ["background", "red", "blue"],
        },
        "input": {"mode": "rgb"},
        "regions": {
            **{"size_px": 16, "min_size_px": 1, "epochs": 60, "learning_rate": 1e-2},
            "model": {"name": "classifier", "width": 4, "depth": 1},
        },
    }
)


class Bright:
    """A net of regions that takes what is bright for one."""

    def probabilities(self, image, settings):
        return 0.9 * (image.max(axis=2, keepdims=True) > 100)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(predict, "load", lambda fold: Bright())
    made = runs.write(tmp_path, CONFIG)
    trained = TrainedStage(**dict(made.settings(TrainStage)), precision="float32")
    files.write_text(made.fold(0).settings, stages.text(trained))
    return made


def test_regions_get_their_classes(run):
    labels = {f"i{number}": runs.squares(2) for number in range(8)}
    runs.write_data(run.data, labels, {"t": runs.squares(2)})
    regions = {image_id: 0.9 * (each[..., None] > 0) for image_id, each in labels.items()}
    runs.write_maps(run, regions, {"t": regions["i0"]})
    parts = {"fold 0": {"thresholds": [0.5]}, "fold 1": {"thresholds": [0.95]}}
    tuned = {"final": {"thresholds": [0.5]}, "parts": parts, "unseen": []}
    files.write_json(run.thresholds, tuned)
    classifier.run(run, fold=0)
    record = stages.read(run.fold(0).classifier_settings, ClassifierStage)
    assert record.examples == (0, 12, 12)  # 4 images, the true regions and those of two thresholds
    for split in ("oof", "test"):
        classify.run(run, fold=0, split=split)
        out = run.fold(0).class_maps(split)
        for image_id in maps.ids(out):
            assert np.array_equal(maps.read(out, image_id).argmax(axis=2), labels["i0"])
    for path in (run.fold(0).classifier, run.fold(0).classifier_settings):
        shutil.copy(path, run.fold(1).folder)
    classify.run(run, fold=1, split="oof")  # nothing is above the threshold of that part
    assert not maps.read(run.fold(1).class_maps("oof"), "i2").argmax(axis=2).any()


def test_a_fold_without_regions_is_refused(run):
    nothing = {f"i{number}": runs.squares(0) for number in range(4)}
    runs.write_data(run.data, nothing, {})
    with pytest.raises(UserError, match="fold 0 leaves no region to train the classifier on"):
        classifier.run(run, fold=0)
