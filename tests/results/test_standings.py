import json
from pathlib import Path

import pandas as pd
import pytest

from segline.base import files
from segline.config import read, stages
from segline.config.places import DataFiles
from segline.data.tables import IMAGE_COLUMNS
from segline.results import standings

HEADER = "ImageId,EncodedPixels\n"


@pytest.fixture
def folder(tmp_path):
    sample = tmp_path / "interim/set/sample_submission.csv"
    sample.parent.mkdir(parents=True)
    sample.write_text(HEADER + "a,1 1\nb,1 1\n")
    (tmp_path / "submissions").mkdir()
    return tmp_path


def standing(folder, rows, solution=None):
    (folder / "submissions/mine.csv").write_text(HEADER + rows)
    if solution:
        header = "ImageId,EncodedPixels,Height,Width,Usage\n"
        (folder / "interim/set/solution.csv").write_text(header + solution)
    return standings.standings(folder / "submissions", folder / "interim")[0]


def test_a_csv_is_scored_where_its_set_has_a_solution(folder):
    found = standing(folder, "a,1 2\nb,1 1\n", "a,1 2,2,2,Public\nb,3 1,2,2,Public\n")
    assert (found.name, found.dataset, found.n_images) == ("mine", "set", 2)
    assert found.result["mean"] == 0.5


def test_ids_that_do_not_belong_are_listed_and_the_fault_told(folder):
    found = standing(folder, "a,1 2\nb,1 1\nz,1 1\n", "a,1 2,2,2,Public\nb,3 1,2,2,Public\n")
    assert found.foreign_ids == ["z"]
    assert "first z" in found.fault


def test_a_set_of_another_version_hides_no_other(folder):
    old = DataFiles(folder / "interim/old")
    files.write_text(old.sample, HEADER + "x,1 1\n")
    files.write_text(old.settings, "{}")
    found = standing(folder, "a,1 2\nb,1 1\n", "a,1 2,2,2,Public\nb,3 1,2,2,Public\n")
    assert found.dataset == "set"


def test_a_csv_of_no_known_set_keeps_its_cv_figures(folder):
    (folder / "submissions/mine.json").write_text(json.dumps({"mean": 0.5}))
    found = standing(folder, "y,1 2\nz,1 1\n")
    assert (found.dataset, found.result, found.cv["mean"]) == (None, None, 0.5)


def described(folder, slug="severstal-steel-defect-detection"):
    """A set that a dialect has read, with two test images of 10 x 10."""
    data = DataFiles(folder / "interim/steel")
    config = folder / "x.toml"
    config.write_text(f'[data]\ndataset = "steel"\ndialect = "{slug}"\n')
    files.write_text(data.settings, stages.text(read.load(config).data))
    rows = [(i, "test", "", "", 10, 10, 0, "m", i, "s") for i in ("t1", "t2")]
    files.write_csv(data.images, pd.DataFrame(rows, columns=list(IMAGE_COLUMNS)))
    empty = [f"{i}.jpg_{k},\n" for i in ("t1", "t2") for k in range(1, 5)]
    files.write_text(data.sample, "ImageId_ClassId,EncodedPixels\n" + "".join(empty))
    return data


def test_a_csv_of_another_competition_is_scored_by_its_metric_beside_one_of_objects(folder):
    data = described(folder)
    solution = data.sample.read_text().replace("t1.jpg_1,", "t1.jpg_1,1 4")
    files.write_text(data.solution, solution)
    (folder / "submissions/steel.csv").write_text(solution.replace("1 4", "1 2"))
    (folder / "submissions/nuclei.csv").write_text(HEADER + "a,1 2\nb,1 1\n")
    (folder / "submissions/other.csv").write_text("x,y\n1,2\n")
    nuclei, other, steel = standings.standings(folder / "submissions", folder / "interim")
    assert (nuclei.dataset, nuclei.fault, steel.dataset) == ("set", None, "steel")
    assert steel.metric == "mean Dice"
    assert steel.result["mean"] == pytest.approx((4 / 6 + 7) / 8)
    assert other.dataset is None
    assert "other.csv" in other.fault


def test_the_cross_validated_figure_is_named_with_its_metric(folder):
    for cv, expected in (
        ({"mean": 0.5, "standard_error": 0.1, "per_threshold": [0.5]}, ("mAP of IoU", 0.5, 0.1)),
        ({"mean": 0.5, "standard_error": None}, ("mean Dice", 0.5, None)),
        (
            {"mean": 0.5, "metric": "f2_iou", "metric_mean": 0.6, "metric_error": 0.2},
            ("F2", 0.6, 0.2),
        ),
    ):
        (folder / "submissions/mine.json").write_text(json.dumps(cv))
        words, *figures = standing(folder, "a,1 2\nb,1 1\n").cross_validated
        assert words.startswith(expected[0])
        assert tuple(figures) == expected[1:]


def test_the_notebook_runs_on_csvs_of_several_metrics(folder, monkeypatch):
    """Its cells, one after the other, where sets with and without curves lie beside each other."""
    root = folder / "checkout"
    (root / "data").mkdir(parents=True)
    (folder / "interim").rename(root / "data/interim")
    (folder / "submissions").rename(root / "submissions")
    described(root / "data")
    part = {"mean": 0.5, "standard_error": 0.1, "n_images": 3}
    curves = part | {"per_threshold": [0.5] * 10, "per_modality": {"m": part}, "dataset": "dsb2018"}
    masks = part | {"per_modality": {"all": part}, "metric": "dice", "metric_mean": 0.4}
    for name, cv in (("a", curves), ("b", masks | {"metric_error": None})):
        (root / f"submissions/{name}.csv").write_text(HEADER + "a,1 2\nb,1 1\n")
        (root / f"submissions/{name}.json").write_text(json.dumps(cv))
    notebook = json.loads((Path(__file__).parents[2] / "notebooks/leaderboard.ipynb").read_text())
    monkeypatch.chdir(root)
    seen: dict = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), seen)
    assert [s.cross_validated[0] for s in seen["found"]] == ["mAP of IoU .50-.95", "mean Dice"]
