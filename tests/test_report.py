import json

import pytest

from segline import report
from segline.errors import UserError

CV = {
    "dataset": "dsb2018",
    "mean": 0.5,
    "standard_error": 0.02,
    "n_images": 4,
    "folds": [0],
    "per_modality": {
        "fluorescence": {"mean": 0.6, "n_images": 2},
        "tissue_light": {"mean": 0.2, "n_images": 1},
        "tissue_purple": {"mean": 0.4, "n_images": 1},
    },
}
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
    return report.standings(folder / "submissions", folder / "interim")[0]


def test_a_csv_is_scored_where_its_set_has_a_solution(folder):
    found = standing(folder, "a,1 2\nb,1 1\n", "a,1 2,2,2,Public\nb,3 1,2,2,Public\n")
    assert (found.name, found.dataset, found.n_images) == ("mine", "set", 2)
    assert found.result["mean"] == 0.5


def test_ids_that_do_not_belong_are_listed_and_the_fault_told(folder):
    found = standing(folder, "a,1 2\nb,1 1\nz,1 1\n", "a,1 2,2,2,Public\nb,3 1,2,2,Public\n")
    assert found.foreign_ids == ["z"]
    assert "first z" in found.fault


def test_a_csv_of_no_known_set_keeps_its_cv_figures(folder):
    (folder / "submissions/mine.json").write_text(json.dumps(CV))
    found = standing(folder, "y,1 2\nz,1 1\n")
    assert (found.dataset, found.result, found.cv["mean"]) == (None, None, 0.5)


def test_results_stand_beside_the_public_scores(folder):
    (folder / "submissions/mine.json").write_text(json.dumps(CV))
    (folder / "submissions/demo.json").write_text(json.dumps(CV | {"dataset": "demo"}))
    lines = report.results_table(folder / "submissions").splitlines()
    assert "`config=mine`" in lines[2]
    assert "**0.500** ± 0.020 | 0.600 | 0.300 | - |" in lines[2]
    assert len(lines) == 3 + len(report.PUBLIC_STAGE1)


def test_a_block_is_replaced_between_its_markers():
    text = "before\n<!-- x -->\nold\n<!-- /x -->\nafter\n"
    new = report.with_block(text, "x", "new", where="README.md")
    assert new == "before\n<!-- x -->\nnew\n<!-- /x -->\nafter\n"
    assert report.with_block(new, "x", "new", where="README.md") == new


def test_a_missing_marker_is_named():
    with pytest.raises(UserError, match=r"README.md: expected the markers <!-- x -->"):
        report.with_block("no markers", "x", "new", where="README.md")


@pytest.mark.parametrize(
    ("weights", "skip", "says"),
    [
        ("none", [], ["(hash 12ab).", "First weights: random."]),
        (
            "first",
            ["x", "y"],
            ["without 2 listed images.", "those of `config=first`, fold by fold."],
        ),
    ],
)
def test_a_model_card_says_what_was_trained_from_what(weights, skip, says):
    settings = {
        "model": {"name": "unet", "weights": weights},
        "train": {"skip": skip, "without": [], "extra": []},
        "precision": "bfloat16",
    }
    figures = {"mean": 0.6, "standard_error": 0.01, "n_images": 9}
    card = report.model_card(
        name="best",
        configs={"best": "epochs = 40\n", "first": "epochs = 50\n"},
        settings=settings,
        cv=figures | {"per_modality": {}, "folds": [0], "dataset": "cells", "data_hash": "12ab"},
        provenance={"packages": {}, "python": "3.11", "device": "CPU", "git": "none"},
        sums={"fold_0.h5": "99"},
    )
    for words in ("| all | 0.600 ± 0.010 | 9 |", "`configs/first.toml`", "epochs = 50", *says):
        assert words in card
