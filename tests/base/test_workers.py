import os
import time
from functools import partial
from pathlib import Path

import pytest

from segline.base import workers


@pytest.fixture(autouse=True)
def closed():
    yield
    workers.close()


def process(job):
    time.sleep(0.02)
    return os.getpid(), Path.cwd(), job


def failing(job, *, at):
    if job == at:
        raise KeyError(job)
    return job


def test_the_processes_stay_and_the_order_of_jobs_too():
    first, second = (workers.pooled(process, range(20)) for _ in range(2))
    assert [job for _, _, job in first] == list(range(20))
    assert {pid for pid, _, _ in first} & {pid for pid, _, _ in second}


def test_they_work_where_this_process_does(tmp_path, monkeypatch):
    workers.pooled(process, [0])
    monkeypatch.chdir(tmp_path)
    assert {place for _, place, _ in workers.pooled(process, range(4))} == {tmp_path}


def test_a_job_that_fails_fails_here_and_the_next_call_works():
    with pytest.raises(KeyError, match="3"):
        workers.pooled(partial(failing, at=3), range(9))
    assert workers.pooled(partial(failing, at=None), range(9)) == list(range(9))
