"""The table of the semantic jobs: its runs are valid settings, its figures those of the runs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks import jobs

from segline import config, files, maps

CONFIGS = Path(__file__).parents[1] / "configs"


@pytest.mark.parametrize("job", jobs.JOBS, ids=lambda job: job.config)
def test_both_runs_of_a_job_are_settings_with_equal_steps(job):
    path = CONFIGS / f"{job.config}.toml"
    ours, naive = config.load(path), config.load(path, job.settings)
    assert job.rare in ours.data.classes
    steps = ("epochs", "crops_per_epoch", "batch_size", "crop_px", "seed")
    assert all(getattr(ours.train, key) == getattr(naive.train, key) for key in steps)
    assert ours.stage_settings()["train"] != naive.stage_settings()["train"]


def test_the_plan_has_a_line_a_run(capsys):
    jobs.plan("train.epochs=1")
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[1] for line in lines[:2]] == ["jobs-iris_slim-naive", "jobs-iris_slim-ours"]
    assert len(lines) == 2 * len(jobs.JOBS)
    assert all(line[2].endswith("train.epochs=1") for line in lines)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Finished runs of two jobs; the naive maps of one are its only image's, .6 where it is true."""
    monkeypatch.setattr(jobs, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(jobs, "INTERIM", tmp_path / "interim")
    for name, rare in (("multiclass", "vehicle"), ("multichannel", "fluid")):
        for kind, iou in (("naive", 0.0), ("ours", 0.7)):
            part = {"pooled_iou": iou, "mean": iou}
            cv = {"per_class": {rare: part}, "pooled_mean_iou": iou, "mean": iou, "n_images": 1}
            files.write_json(tmp_path / f"runs/jobs-{name}-{kind}/cv.json", cv)
    run = tmp_path / "runs/jobs-multichannel-naive"
    files.write_json(run / "params/data.json", {"dataset": "d", "classes": ["b", "fluid"]})
    labels = np.array([[0, 1]])
    files.write_labels(tmp_path / "a.png", labels)
    row = {"image_id": "a", "split": "train", "image": "", "labels": str(tmp_path / "a.png")}
    rest = {"height": 1, "width": 2, "n_objects": 1, "modality": "all", "group": "a"}
    files.write_csv(tmp_path / "interim/d/images.csv", pd.DataFrame([row | rest]))
    maps.write(run / "fold_0/oof.h5", [("a", np.array([[[0.6, 0.4], [0.4, 0.6]]]))])
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
