"""Every file that a stage reads, damaged in every way: one line, the file named, nothing accepted."""

import contextlib
import io
import re
import shutil
import sys

import numpy as np
import pytest

import runs
from segline import cli
from segline.base import files, seals
from segline.config import stages
from segline.config.places import RunFiles, maker
from segline.config.stages import RunStage, TuneStage
from segline.config.tables import Data
from segline.objects import decoders

pytestmark = pytest.mark.fault("torn, flipped or foreign file")


def flipped(data):
    """One bit, in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :]


DAMAGES = {
    "flipped bit": flipped,
    "first bit": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "half": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "braces": lambda data: b"{}",
    "foreign": lambda data: b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "zeros": lambda data: bytes(len(data)),
}
OF_OLD = {  # where there is no seal: what the file holds tells
    name: DAMAGES[name] for name in ("half", "empty", "braces", "foreign", "zeros")
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that is scored, with a second stage, all of it sealed."""
    root = tmp_path_factory.mktemp("finished")
    run = runs.judged(root, [(4, 4)] * 8)
    made = decoders.load(run.thresholds)
    forests = (runs.promising(0.8),)
    decoders.write_second(
        run.second,
        {name: each._replace(forests=forests, cutoff=0.3) for name, each in made.items()},
    )
    wanted = run.settings(TuneStage).model_copy(update={"second_stage": True})
    files.write_text(run.params(TuneStage), stages.text(wanted))
    for path in (run.thresholds, run.data.folds, run.data.images, run.data.summary):
        files.write_bytes(path, path.read_bytes(), seal=maker(path))
    for stage in (Data, TuneStage, RunStage):
        path = run.params(stage)
        files.write_bytes(path, path.read_bytes(), seal=maker(path))
    return root


@pytest.fixture
def run(finished, tmp_path):
    """A copy of it; the paths in images.csv lead to the images of the first."""
    shutil.copytree(finished / "data", tmp_path / "data")
    return RunFiles(tmp_path / "data/runs/run")


def said(run, *command):
    """Exit status and last line of a command, which must be all that is on standard error."""
    stage, *options = command
    words = ["segline", stage, "--run", str(run.folder), *map(str, options)]
    error = io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stderr(error),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        patch.setattr(sys, "argv", words)
        patch.setattr("segline.tasks.instances.pooled", runs.in_process)
        with pytest.raises(SystemExit) as ended:
            cli.main()
    return ended.value.code, error.getvalue()


READERS = {  # the file, and the stages that read it
    "images": ("folds", "tune", "cv", "submit"),
    "folds": ("tune", "cv"),
    "thresholds": ("cv", "submit"),
    "second": ("cv", "submit"),
    "cv": ("show-cv", "submit"),
    "oof": ("tune", "cv"),
    "test": ("submit",),
    "scores": ("compare",),
    "summary": ("cv",),
    "params": ("tune", "cv", "submit"),
}


def place(run, name):
    return {
        "images": run.data.images,
        "folds": run.data.folds,
        "summary": run.data.summary,
        "thresholds": run.thresholds,
        "second": run.second,
        "cv": run.cv,
        "scores": run.scores,
        "oof": run.fold(1).maps("oof"),
        "test": run.fold(0).maps("test"),
        "params": run.params(TuneStage),
    }[name]


def options(run, stage):
    extra = {"submit": ["--out", run.folder / "out.csv"], "compare": ["--base", run.folder]}
    return [stage, *extra.get(stage, [])]


CASES = [(name, stage) for name, found in READERS.items() for stage in found]


def assert_refused(run, path, stage, *, cure=True):
    before = runs.contents(run.root)
    status, line = said(run, *options(run, stage))
    assert status == 2, line
    assert re.fullmatch(r"segline: [^\n]+\n", line), line
    assert path.name in line
    assert not cure or f"{maker(path)} makes it again" in line
    after = runs.contents(run.root)
    assert before == after, "something was written all the same"


@pytest.mark.parametrize(("name", "stage"), CASES)
def test_a_damaged_file_is_one_line(run, name, stage, counted):
    path = place(run, name)
    whole = path.read_bytes()
    assert seals.of(path), "it is not sealed"
    for damage in DAMAGES.values():
        path.write_bytes(damage(whole))
        assert_refused(run, path, stage)
        counted()


@pytest.mark.parametrize(("name", "stage"), CASES)
def test_one_of_an_earlier_version_without_a_seal_is_checked_by_its_content(
    run, name, stage, counted
):
    path = place(run, name)
    whole = path.read_bytes()
    seals.beside(path).unlink()
    for damage in OF_OLD.values():
        path.write_bytes(damage(whole))
        assert_refused(run, path, stage, cure=False)
        counted()


@pytest.mark.parametrize("name", list(READERS))
def test_whole_files_of_an_earlier_version_are_read(run, name):
    seals.beside(place(run, name)).unlink()
    for stage in READERS[name]:
        status, line = said(run, *options(run, stage))
        assert (status, line) == (0, ""), line


@pytest.mark.parametrize("name", list(READERS))
def test_a_file_of_another_format_is_refused(run, name, counted):
    path = place(run, name)
    seal = seals.beside(path)
    seal.write_text(seal.read_text().replace("# segline 1,", "# segline 2,"))
    status, line = said(run, *options(run, READERS[name][0]))
    assert status == 2
    assert f"{path}: expected format 1, found 2, of another version" in line
    counted()


def test_the_line_names_what_makes_the_file_and_how_to_keep_it(run):
    path = run.thresholds
    path.write_text(path.read_text().replace("0.5", "0.6"))
    _, line = said(run, "cv")
    assert re.search(r"expected SHA-256 [0-9a-f]{16}, found [0-9a-f]{16}; remove it", line)
    assert "make tune makes it again" in line
    assert "to use it as it is, remove thresholds.json.sum" in line
    seals.beside(path).unlink()
    assert said(run, "cv") == (0, "")


def test_folds_that_were_edited_are_taken_without_their_seal(run):
    table = files.read_csv(run.data.folds)
    run.data.folds.write_text(table[::-1].to_csv(index=False))
    assert said(run, "tune")[0] == 2
    seals.beside(run.data.folds).unlink()
    assert said(run, "tune") == (0, "")


def test_half_of_the_images_is_told_by_the_folds(run):
    """Cut at the end of a line, so that every row is whole."""
    seals.beside(run.data.images).unlink()
    lines = run.data.images.read_text().splitlines(keepends=True)
    run.data.images.write_text("".join(lines[:4]))
    status, line = said(run, "cv")
    assert status == 2
    assert "5 images (first i3) are no training images of" in line


@pytest.mark.parametrize("seed", range(3))
def test_any_bit_of_the_maps_is_guarded(run, seed, counted):
    path = run.fold(1).maps("oof")
    whole = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    for at in rng.choice(len(whole), 40, replace=False):
        changed = bytearray(whole)
        changed[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        with pytest.raises(files.UserError, match=r"oof\.h5: damaged"):
            seals.check(path)
        counted()


def test_a_kill_between_file_and_seal_leaves_a_file_that_is_read(run, monkeypatch):
    """The seal is written last; the old one is gone before the new file is there."""
    monkeypatch.setattr(seals, "text", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        files.write_bytes(run.thresholds, run.thresholds.read_bytes(), seal="make tune")
    monkeypatch.undo()
    assert not seals.beside(run.thresholds).exists()
    assert said(run, "cv") == (0, "")


def test_settings_that_are_damaged_are_written_anew(run):
    """Make asks for them each time: what differs from the config is not trusted but replaced."""
    path = run.params(TuneStage)
    text = stages.text(run.settings(TuneStage))
    path.write_bytes(flipped(path.read_bytes()))
    assert files.write_text_if_changed(path, text, seal=maker(path))
    assert run.settings(TuneStage)


def test_a_copy_takes_its_seal_along(run, tmp_path):
    files.copy(run.cv, tmp_path / "cv.json")
    assert seals.of(tmp_path / "cv.json") == seals.of(run.cv)
    run.cv.write_bytes(flipped(run.cv.read_bytes()))
    with pytest.raises(files.UserError, match="damaged"):
        files.copy(run.cv, tmp_path / "again.json")
