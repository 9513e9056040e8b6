"""Locks between real processes, and the sweeping of what dead ones left."""

import os
import signal
import subprocess
import sys
import time

import pytest

from segline.base import files, leftovers, locks
from segline.base.errors import UserError

HOLDER = """
import sys, time
from pathlib import Path
from segline.base import files, locks

path, shared = Path(sys.argv[2]), sys.argv[3] == "shared"
with locks.held(path, shared=shared), files.replacing(path) as half_written:
    half_written.write_text("half")
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def hold(tmp_path):
    """Starts a process that holds the lock of a path and is writing the file."""
    running = []

    def start(path, how="alone"):
        command = [sys.executable, "-c", HOLDER, "train", path, how]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_the_second_says_who_holds_it_until_that_is_dead(tmp_path, hold):
    path = tmp_path / "model.keras"
    first = hold(path)
    with pytest.raises(UserError) as error, locks.held(path):
        pass
    who = f"`train` (pid {first.pid} on {leftovers.HOST}, since 20"
    assert str(error.value).startswith(f"{path}: in the hands of {who}")
    assert str(error.value).endswith("; wait for it, or stop it")
    leftovers.sweep(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2  # the lock, and what the living writes
    first.send_signal(signal.SIGKILL)
    first.wait()
    with locks.held(path) as is_ours:
        assert is_ours
        leftovers.sweep(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [".model.keras.lock"]


def test_many_read_and_one_changes(tmp_path, hold):
    path = tmp_path / "images.csv"
    readers = [hold(path, "shared"), hold(path, "shared")]
    with locks.held(path, shared=True):
        pass
    with pytest.raises(UserError, match=f"pid {readers[0].pid} on .*pid {readers[1].pid} on"):
        locks.held(path).__enter__()
    readers[0].kill()
    readers[0].wait()
    with pytest.raises(UserError) as error, locks.held(path):
        pass
    assert str(error.value).count("(pid ") == 1
    with locks.held(path, unless=lambda: True) as is_ours:
        assert not is_ours


def test_who_waits_gets_it(tmp_path, hold, capsys):
    path = tmp_path / "images.csv"
    first = hold(path)
    kill = f"import os, time; time.sleep(1.5); os.kill({first.pid}, 9)"
    with subprocess.Popen([sys.executable, "-c", kill]), locks.held(path, wait=True) as is_ours:
        assert is_ours
    said = " ".join(capsys.readouterr().out.split())
    assert f"waiting for `train` (pid {first.pid}" in said


def test_without_locks_in_the_file_system_work_goes_on(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(locks.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    with locks.held(tmp_path / "a") as is_ours:
        assert is_ours


def test_only_ours_of_dead_processes_are_swept(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    old, letters = time.time() - 2 * leftovers.OTHER_HOSTS_S, "abcd1234"
    swept = [f".a~{leftovers.HOST}~{dead.pid}~{letters}.h5", f".b~elsewhere~7~{letters}.csv"]
    swept += [f".c~{leftovers.HOST}~{os.getpid()}~{letters}"]  # of an earlier one of this number
    kept = [f".d~elsewhere~7~{letters}.csv", f".e~{leftovers.HOST}~{os.getpid()}~{letters}.png"]
    kept += ["a.h5", ".mine~notes~1~x", f"f~{leftovers.HOST}~{dead.pid}~{letters}.h5"]
    for name in (*swept, *kept):
        (tmp_path / name).write_text("x")
    for name in swept[1:]:
        os.utime(tmp_path / name, (old, old))
    folder = tmp_path / f"deep/.new~{leftovers.HOST}~{dead.pid}~{letters}"
    files.write_text(folder / "images/a.png", "x")
    leftovers.sweep(tmp_path)
    assert folder.exists()
    leftovers.sweep(tmp_path, deep=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "deep"])
    assert not folder.exists()
