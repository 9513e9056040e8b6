"""The command-line contracts, as a user calls them."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import runs

STAGES = Path(__file__).parents[1] / "src/segline/stages"
HEADER = "ImageId,EncodedPixels"
SOLUTION = (
    HEADER + ",Height,Width,Usage\na,1 4,4,4,Public\na,9 4,4,4,Public\nb,1 2,2,3,Public\n"
    "c,1 1,2,2,Ignored\n"
)


def segline(*arguments):
    command = [sys.executable, "-m", "segline", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "y.csv").write_text(SOLUTION)
    (tmp_path / "sample.csv").write_text(HEADER + "\na,1 1\nb,1 1\n")
    (tmp_path / "s.csv").write_text(HEADER + "\na,1 4\na,9 3\nb,1 2\nc,1 2\n")
    return tmp_path


def test_score_writes_full_precision(files):
    out = files / "out.json"
    answer = segline(
        "score", "--submission", files / "s.csv", "--solution", files / "y.csv", "--json", out
    )
    assert answer.returncode == 0, answer.stderr
    result = json.loads(out.read_text())
    # a: one object exact, one with IoU 3/4: both match below .75, then one of each is missed.
    assert result["per_image"] == {"a": pytest.approx((5 + 5 / 3) / 10), "b": 1.0}
    assert result["per_threshold"] == pytest.approx([1.0] * 5 + [2 / 3] * 5)
    assert result["mean"] == pytest.approx((5 + 5 / 3) / 20 + 0.5)
    assert result["n_images"] == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,1 4\n", "1 of 2 images are missing, first b"),
        ("a,1 4\na,4 2\nb,1 1\n", "image a: "),
        ("a,1 4\nb,1 1\nd,1 1\n", "first d"),
    ],
)
def test_score_refuses_in_one_line(files, rows, message):
    (files / "s.csv").write_text(f"{HEADER}\n{rows}")
    answer = segline("score", "--submission", files / "s.csv", "--solution", files / "y.csv")
    assert answer.returncode == 2
    assert message in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_validate_passes_and_refuses(files):
    good = ("validate", "--submission", files / "sample.csv", "--sample", files / "sample.csv")
    assert segline(*good).returncode == 0
    (files / "bad.csv").write_text(f"{HEADER}\nb,1 1\na,1 1\n")
    bad = segline("validate", "--submission", files / "bad.csv", "--sample", files / "sample.csv")
    assert (bad.returncode, "order" in bad.stderr) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [("score", "--submission", "no.csv", "--solution", "no.csv"), ("score",), ("scor",)],
)
def test_a_wrong_call_is_no_traceback(arguments):
    answer = segline(*arguments)
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr
    assert answer.stderr.startswith("segline: ")


def test_a_folder_for_a_file_is_no_traceback(files):
    answer = segline("score", "--submission", files / "s.csv", "--solution", ".")
    assert (answer.returncode, answer.stderr.count("\n")) == (2, 1)
    assert answer.stderr.startswith("segline: .: not a readable CSV")


def test_every_stage_is_a_command_with_a_line_of_help():
    answer = segline("--help")
    assert answer.returncode == 0
    lines = [line.strip("│ ").split(maxsplit=1) for line in answer.stdout.splitlines()]
    told = {line[0]: line[1] for line in lines if len(line) == 2}
    for path in STAGES.glob("[!_]*.py"):
        name = path.stem.replace("_", "-")
        assert told[name].split()[0] == path.read_text()[3:].split()[0].rstrip(".:")


def test_a_command_tells_its_options():
    answer = segline("settings", "--help")
    for option in ("--run", "--config", "--settings", "--raw", "--with", "--fresh"):
        assert f"{option} " in answer.stdout


def test_a_run_is_given_by_its_folder(tmp_path):
    run = runs.write(tmp_path, name="mine")
    answer = segline("compare", "--run", run.folder, "--base", run.folder)
    assert (answer.returncode, answer.stderr.count("\n")) == (2, 1)
    assert f"{run.scores}: not there; make score makes it (trains folds 0, 1" in answer.stderr


def test_the_version_is_told():
    answer = segline("--version")
    assert (answer.returncode, answer.stdout.strip()) == (0, version("segline"))
