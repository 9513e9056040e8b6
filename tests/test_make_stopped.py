"""Make that is stopped, killed or started twice, on the tiny generated data set."""

import os
import random
import shutil
import signal
import subprocess
import time

import pytest

from checkouts import COMMAND, checkout, environment
from processes import group_has_ended
from segline.base import leftovers, locks

SUBMIT = ("submit", "config=tiny", "-j2")


def make(folder, *arguments):
    """Make in a process group of its own, in which no signal is ignored."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def temporary(folder):
    found = [path for path in folder.rglob(".*") if leftovers.OURS.fullmatch(path.name)]
    return found + list(folder.rglob("*~"))


def slowly(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("name", "to"),
    [
        ("SIGINT", "all"),
        ("SIGINT", "make"),
        ("SIGTERM", "make"),
        slowly("SIGTERM", "all"),
        slowly("SIGHUP", "all"),
        slowly("SIGHUP", "make"),
    ],
)
def test_a_signal_ends_make_and_its_stage(tmp_path, name, to):
    """The stage is in its middle for sure: it waits for a lock that is held here."""
    folder, number = checkout(tmp_path), signal.Signals[name]
    with locks.held(folder / "data/generated/tiny"):
        process = make(folder, "data", "config=tiny")
        assert any("waiting for" in line for line in process.stdout)
        {"all": os.killpg, "make": os.kill}[to](process.pid, number)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == -number
    assert said.count(f"segline: stopped by {name}: ") == 1
    assert "Traceback" not in said
    assert group_has_ended(process)
    assert temporary(folder) == []


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The CSV of a run that nothing happened to, and the seconds it took."""
    folder, start = checkout(tmp_path_factory.mktemp("whole")), time.monotonic()
    process = make(folder, *SUBMIT)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return (folder / "submissions/tiny.csv").read_bytes(), time.monotonic() - start


@pytest.mark.slow
def test_a_chain_killed_at_random_moments_ends_with_the_same_bytes(undisturbed, tmp_path):
    """Set SEGLINE_KILLS for more kills; the moments differ at every call."""
    expected, whole_s = undisturbed
    folder, n_kills = checkout(tmp_path), int(os.environ.get("SEGLINE_KILLS", 3))
    killed = 0
    for _ in range(n_kills):
        process = make(folder, *SUBMIT)
        try:
            said, _ = process.communicate(timeout=random.uniform(0.02, 0.5) * whole_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said, _ = process.communicate()
            killed += 1
        assert "Traceback" not in said
        assert group_has_ended(process)
        if process.returncode == 0:  # done: once more, from the training on
            shutil.rmtree(folder / "data/runs/tiny")
    process = make(folder, *SUBMIT)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    assert killed
    assert (folder / "submissions/tiny.csv").read_bytes() == expected
    assert temporary(folder) == []


@pytest.mark.slow
def test_a_chain_stopped_by_signals_leaves_nothing_and_ends_with_the_same_bytes(
    undisturbed, tmp_path
):
    expected, whole_s = undisturbed
    folder = checkout(tmp_path)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        process = make(folder, *SUBMIT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=random.uniform(0.05, 0.3) * whole_s)
        os.killpg(process.pid, number)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == -number
        # A Python that has not begun with segline yet says KeyboardInterrupt in its own way.
        assert said.count("Traceback") == said.count("\nKeyboardInterrupt"), said
        assert group_has_ended(process)
        assert temporary(folder) == []
    process = make(folder, *SUBMIT)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    assert (folder / "submissions/tiny.csv").read_bytes() == expected


@pytest.mark.slow
def test_two_at_once_never_make_one_file(undisturbed, tmp_path):
    folder = checkout(tmp_path)
    both = [make(folder, *SUBMIT) for _ in range(2)]
    answers = [(process.communicate()[0], process.returncode) for process in both]
    for said, status in answers:
        assert "Traceback" not in said
        assert status == 0 or "in the hands of `" in said, said
    assert 0 in [status for _, status in answers]
    assert (folder / "submissions/tiny.csv").read_bytes() == undisturbed[0]
    assert temporary(folder) == []


@pytest.mark.slow
def test_two_folds_that_start_from_another_configs_share_its_data(tmp_path):
    folder = checkout(tmp_path)
    small = "[train]\nfolds = [0, 1]\nepochs = 1\ncrops_per_epoch = 8\nvalidation_crops = 4\n"
    for name, model in (("first", ""), ("then", '[model]\nweights = "first"\n')):
        (folder / f"configs/{name}.toml").write_text(f'extends = "tiny"\n{small}{model}')
    process = make(folder, "train", "config=then", "-j2")
    said, _ = process.communicate()
    assert process.returncode == 0, said
    assert said.count("data tiny") == 1
    assert said.count("wrote data/runs/") == 4
