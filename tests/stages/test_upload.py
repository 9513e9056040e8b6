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


def kaggle(folder, monkeypatch, said="Successfully submitted to it", status=0):
    """A `kaggle` that writes down its arguments and says `said`."""
    (folder / "bin").mkdir()
    command = folder / "bin/kaggle"
    command.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {folder}/asked\necho "{said}"\nexit {status}\n'
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}/bin:{os.environ['PATH']}")


def test_a_csv_is_submitted_under_the_name_of_its_run(run, submission, tmp_path, monkeypatch):
    kaggle(tmp_path, monkeypatch)
    upload.run(run, submission, "some_competition")
    asked = (tmp_path / "asked").read_text().split("\n")[:-1]
    competition = ["-c", "some_competition"]
    assert asked == ["competitions", "submit", *competition, "-f", str(submission), "-m", "best"]


@pytest.mark.parametrize(
    ("said", "status", "plain"),
    [
        ("OSError: Could not find kaggle.json. Make sure", 1, "no token; make one"),
        ("401 Client Error: Unauthorized for url: https://x", 1, "the token is refused"),
        (
            *("403 - Forbidden - You must accept this competition's rules", 1),
            "rules are not accepted; do so at https://www.kaggle.com/c/some_competition/rules",
        ),
        ("403 - Forbidden", 0, "not allowed; accept the rules at"),
        ("404 - Not Found", 1, "no such competition, or it is closed"),
        ("400 - You have exceeded your daily submission limit", 1, "the limit of submissions"),
        ("Max retries exceeded: NameResolutionError name resolution", 1, "cannot be reached"),
        ("something new", 4, r"failed with status 4 \(something new\)"),
        ("", 0, r"failed with status 0 \(no word\)"),
    ],
)
def test_a_refusal_is_one_line_in_plain_words(
    run, submission, tmp_path, monkeypatch, said, status, plain
):
    kaggle(tmp_path, monkeypatch, said, status)
    start = "kaggle competitions submit -c some_competition: "
    with pytest.raises(UserError, match=f"^{start}.*{plain}") as caught:
        upload.run(run, submission, "some_competition")
    assert "\n" not in str(caught.value)


def test_without_the_cli_it_says_where_to_get_it(run, submission, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="CLI is not installed; .venv/bin/pip install kaggle"):
        upload.run(run, submission, "some_competition")


def test_a_missing_csv_says_what_it_costs(run, tmp_path):
    with pytest.raises(UserError, match=r"no.csv: not there; make submit makes it \(trains folds"):
        upload.run(run, tmp_path / "no.csv", "some_competition")


def test_without_a_competition_it_names_the_key(run, submission):
    with pytest.raises(UserError, match=r"names no competition; set data.competition"):
        upload.run(run, submission)
