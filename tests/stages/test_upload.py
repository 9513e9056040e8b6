import os

import pytest

import runs
from segline.base.errors import UserError
from segline.stages import upload


@pytest.fixture
def submission(tmp_path):
    path = tmp_path / "my.csv"
    path.write_text("ImageId,EncodedPixels\n")
    return path


@pytest.fixture
def run(tmp_path):
    return runs.write(tmp_path, name="best")


def kaggle(folder, monkeypatch, status):
    """A `kaggle` that writes down its arguments."""
    (folder / "bin").mkdir()
    command = folder / "bin/kaggle"
    command.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {folder}/asked\nexit {status}\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}/bin:{os.environ['PATH']}")


def test_a_csv_is_submitted_under_the_name_of_its_run(run, submission, tmp_path, monkeypatch):
    kaggle(tmp_path, monkeypatch, status=0)
    upload.run(run, submission, "some_competition")
    asked = (tmp_path / "asked").read_text().split("\n")[:-1]
    competition = ["-c", "some_competition"]
    assert asked == ["competitions", "submit", *competition, "-f", str(submission), "-m", "best"]


def test_a_refusal_is_one_line(run, submission, tmp_path, monkeypatch):
    kaggle(tmp_path, monkeypatch, status=4)
    with pytest.raises(UserError, match="some_competition: failed with status 4"):
        upload.run(run, submission, "some_competition")


def test_without_the_cli_it_says_where_to_get_it(run, submission, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="no kaggle command; pip install kaggle"):
        upload.run(run, submission, "some_competition")


def test_a_missing_csv_says_what_it_costs(run, tmp_path):
    with pytest.raises(UserError, match=r"no.csv: not there; make submit makes it \(trains folds"):
        upload.run(run, tmp_path / "no.csv", "some_competition")


def test_without_a_competition_it_names_the_key(run, submission):
    with pytest.raises(UserError, match=r"names no competition; set data.competition"):
        upload.run(run, submission)
