"""Real signals to real processes: what they say, how they end, and that nothing of them goes on."""

import os
import signal
import subprocess
import sys

import pytest

from processes import group_has_ended
from segline.base import stopping

POOL = """
import time
from segline.base import stopping, workers

def job(seconds):
    print("ready", flush=True)
    time.sleep(seconds)

if __name__ == "__main__":
    stopping.guarded(lambda: workers.pooled(job, [600] * 8))
"""


def started(folder, code, **options):
    """A script in a process group of its own, once it has printed a line; SIGINT is not ignored in it."""
    (folder / "script.py").write_text(code)
    process = subprocess.Popen(
        [sys.executable, folder / "script.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_pool_in_one_line(tmp_path, name):
    process = started(tmp_path, POOL)
    os.killpg(process.pid, signal.Signals[name])
    _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.Signals[name]
    assert said == f"segline: stopped by {name}: {stopping.NOTHING_LOST}\n"
    assert group_has_ended(process, within_s=10)


def test_workers_do_not_outlive_a_killed_parent(tmp_path):
    process = started(tmp_path, POOL)
    process.kill()
    process.communicate()
    assert group_has_ended(process, within_s=10)


DEFERRED = """
import os, signal, time
from segline.base import stopping

def work():
    with stopping.deferred():
        print("ready", flush=True)
        for _ in range(600):
            time.sleep(0.05)
            if stopping.asked():
                os.kill(os.getpid(), signal.SIGTERM)  # as Make passes on what the group got as well
                time.sleep(0.1)
                stopping.check("step 7 is saved")

def swallowed():
    print("ready", flush=True)
    try:
        time.sleep(60)
    except BaseException as error:
        raise ImportError("as some libraries do") from error

stopping.guarded(WORK)
"""


@pytest.mark.parametrize(
    ("work", "kept"), [("work", "step 7 is saved"), ("swallowed", stopping.NOTHING_LOST)]
)
def test_a_signal_is_heeded_at_a_good_place_and_never_lost(tmp_path, work, kept):
    process = started(tmp_path, DEFERRED.replace("WORK", work))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (130, f"segline: stopped by SIGINT: {kept}\n")


def test_what_is_ignored_from_the_start_stays_so(tmp_path):
    """As under nohup."""
    code = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_IGN)
from segline.base import stopping
stopping.guarded(lambda: (print("ready", flush=True), sys.stdin.readline()))
"""
    process = started(tmp_path, code, stdin=subprocess.PIPE)
    process.send_signal(signal.SIGHUP)
    _, said = process.communicate("go on\n", timeout=120)
    assert (process.returncode, said) == (0, "")
