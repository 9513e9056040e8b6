import numpy as np
import pandas as pd
import pytest

import runs
from segline.base import files
from segline.base.errors import UserError
from segline.config.stages import RunStage
from segline.objects import maps
from segline.results import scores


def test_out_of_fold_rows_have_the_scores_of_their_image(tmp_path):
    """Ids of digits stay text, and an image that was not scored is left out."""
    run = runs.write(tmp_path)
    nothing = np.zeros((2, 2), np.int32)
    runs.write_data(run.data, dict.fromkeys(("07", "08", "09"), nothing), {})
    folds = pd.DataFrame({"image_id": ["07", "08", "09"], "fold": [0, 0, 1]})
    files.write_csv(run.data.folds, folds)
    runs.change(run, RunStage, folds={"run": (0,)})
    maps.write(run.fold(0).maps("oof"), [(i, np.zeros((2, 2, 3))) for i in ("08", "07")])
    scored = pd.DataFrame({"image_id": ["08", "09"], "ap": [0.5, 0.7], "part": "half 0", "n": 1})
    files.write_csv(run.scores, scored)
    found = scores.read_scored(run, score="ap")
    assert found[["image_id", "fold", "ap", "part"]].values.tolist() == [["08", 0, 0.5, "half 0"]]


def run_of(path, ids, **columns):
    table = pd.DataFrame({"image_id": ids, "group": ids, "modality": "m", **columns})
    files.write_csv(path, table)
    return path


def test_runs_are_paired_by_image_on_the_first_score_both_have(tmp_path):
    base = run_of(tmp_path / "a.csv", ["x", "y"], ap=[0.1, 0.2], dice=[0.5, 0.5])
    other = run_of(tmp_path / "b.csv", ["y", "z"], ap=[0.3, 0.4], dice=[0.25, 1.0])
    score, both = scores.paired(base, other)
    assert (score, both["image_id"].tolist(), both["gain"].tolist()) == ("dice", ["y"], [-0.25])
    instances = run_of(tmp_path / "c.csv", ["x", "y"], ap=[0.5, 0.2])
    score, both = scores.paired(base, instances)
    assert (score, both["gain"].tolist()) == ("ap", [0.4, 0.0])


def test_runs_of_other_tasks_or_folds_cannot_be_paired(tmp_path):
    base = run_of(tmp_path / "a.csv", ["x"], ap=[0.1])
    with pytest.raises(UserError, match="no score in common"):
        scores.paired(base, run_of(tmp_path / "b.csv", ["x"], dice=[0.1]))
    with pytest.raises(UserError, match="no image in common"):
        scores.paired(base, run_of(tmp_path / "c.csv", ["y"], ap=[0.1]))


def test_ids_that_are_one_number_are_three_images(tmp_path):
    ids = ["7", "07", "007", "1e5", "100000", "NA"]
    base = run_of(tmp_path / "a.csv", ids, ap=[0.1] * 6)
    other = run_of(tmp_path / "b.csv", ids[::-1], ap=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    _, both = scores.paired(base, other)
    assert both["image_id"].tolist() == ids
    assert both["gain"].round(9).tolist() == [0.5, 0.4, 0.3, 0.2, 0.1, 0]
