"""The table of the semantic jobs: its runs are valid settings, its figures those of the runs."""

import json
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from benchmarks import jobs
from segline.base import files
from segline.config import read, stages
from segline.config.places import RunFiles
from segline.config.stages import TaskTable, TrainedStage, TrainStage
from segline.config.tables import Data, Input, Model, Predict
from segline.objects import maps

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize("job", jobs.JOBS, ids=lambda job: job.config)
def test_both_runs_of_a_job_are_settings_with_equal_steps(job):
    path = CONFIGS / f"{job.config}.toml"
    ours, naive = read.load(path), read.load(path, job.settings)
    assert job.rare in ours.data.classes
    steps = ("epochs", "crops_per_epoch", "batch_size", "crop_px", "seed")
    assert all(getattr(ours.train, key) == getattr(naive.train, key) for key in steps)
    fitted = [
        {type(stage): stage for stage in stages.of(config)}[TrainStage] for config in (ours, naive)
    ]
    assert fitted[0] != fitted[1]


def test_the_plan_has_a_line_a_run(capsys):
    jobs.plan("train.epochs=1")
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[1] for line in lines[:2]] == ["jobs-iris_slim-naive", "jobs-iris_slim-ours"]
    assert len(lines) == 2 * len(jobs.JOBS)
    assert all(line[2].endswith("train.epochs=1") for line in lines)


SETTINGS = TrainedStage(
    input=Input(mode="grey", stretch=False),
    model=Model(depth=1),
    task=TaskTable(name="semantic", classes=("b", "object")),
    precision="float32",
)


def scored(name, rare):
    """The run of the naive kind of a job whose both runs have been scored."""
    for kind, iou in (("naive", 0.0), ("ours", 0.7)):
        part = {"pooled_iou": iou, "mean": iou}
        cv = {"per_class": {rare: part}, "pooled_mean_iou": iou, "mean": iou, "n_images": 1}
        files.write_json(jobs.RUNS / f"jobs-{name}-{kind}/cv.json", cv)
    return RunFiles(jobs.RUNS / f"jobs-{name}-naive")


def write_data(run, labels, image, probs):
    """The data set of a run with one image, a, and the map of it."""
    data = Data(dataset=run.name, source="folders", task="semantic", classes=("b", "object"))
    files.write_text(run.params(Data), stages.text(data))
    paths = [run.folder / f"{kind}.png" for kind in ("image", "labels")]
    files.write_image(paths[0], np.repeat(image[..., None], 3, axis=2).astype(np.uint8))
    files.write_labels(paths[1], labels)
    row = {"image_id": "a", "split": "train", "image": paths[0], "labels": paths[1]}
    rest = {"height": 1, "width": 2, "n_objects": 1, "modality": "all", "group": "a", "source": "a"}
    files.write_csv(run.data.images, pd.DataFrame([row | rest]))
    maps.write(run.fold(0).maps("oof"), [("a", probs)])


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Finished runs of two jobs; the naive maps of one are its only image's, .6 where it is true."""
    monkeypatch.setattr(jobs, "RUNS", tmp_path / "runs")
    scored("multiclass", "vehicle")
    run, labels = scored("multichannel", "fluid"), np.array([[0, 1]])
    write_data(run, labels, labels, np.array([[[0.6, 0.4], [0.4, 0.6]]]))
    return tmp_path


def test_figures_and_table_are_those_of_the_runs(runs):
    jobs.collect(runs / "out")
    found = json.loads((runs / "out/jobs.json").read_text())
    assert list(found) == ["multichannel", "multiclass"]
    assert (found["multiclass"]["naive"]["rare_iou"], found["multiclass"]["ours"]["dice"]) == (
        0,
        0.7,
    )
    said = found["multichannel"]["broken_measures"]
    assert said["summed over one axis"] == pytest.approx(1.6 / 2.4)  # shared .6, union 1.4
    assert said["cast before rounding"] == pytest.approx(1 / 2)
    table = (runs / "out/jobs.md").read_text()
    assert "| `multiclass` | unweighted cross-entropy | vehicle | 0.000 | **0.700** |" in table
    assert "summed over one axis says 0.667, one cast before rounding says 0.500" in table


def test_a_net_of_0_to_1_sees_objects_everywhere_in_0_to_255(runs):
    """It answers right above one half, which even dark pixels exceed 255 times as large."""
    run = scored("npz", "lesion")
    image = keras.Input((None, None, 1))
    logits = keras.layers.Rescaling(40.0, offset=-20.0)(image)
    files.write_text(run.fold(0).settings, stages.text(SETTINGS))
    keras.Model(image, {"classes": logits}).save(run.fold(0).model)
    files.write_text(run.params(Predict), stages.text(Predict()))
    levels = np.array([[0, 50, 60, 200]])
    write_data(run, (levels > 128).astype(int), levels, np.zeros((1, 4, 1)))
    jobs.collect(runs / "out")
    naive = json.loads((runs / "out/jobs.json").read_text())["npz"]["naive"]
    assert naive["rare_iou"] == pytest.approx(1 / 3)
    assert naive["dice"] == pytest.approx(1 / 2)
