import json

import pytest

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


def test_a_csv_of_no_known_set_keeps_its_cv_figures(folder):
    (folder / "submissions/mine.json").write_text(json.dumps({"mean": 0.5}))
    found = standing(folder, "y,1 2\nz,1 1\n")
    assert (found.dataset, found.result, found.cv["mean"]) == (None, None, 0.5)
