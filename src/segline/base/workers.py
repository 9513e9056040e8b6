"""One pool of processes for work on many images."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from multiprocessing import resource_tracker
from typing import Any


def pooled(work: Callable[[Any], Any], jobs: Sequence[Any]) -> list[Any]:
    """`[work(job) for job in jobs]` on all the cores this process may use, in order.

    The processes are spawned: forked ones would hang in libraries that hold threads (OpenMP). They end
    with this process, however it ends; Ctrl-C on a terminal is for this process alone.
    """
    count = min(len(os.sched_getaffinity(0)), len(jobs))
    hidden = {signal.SIGINT, signal.SIGHUP}  # from what is started here, which keeps the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, hidden)
    try:
        resource_tracker.ensure_running()  # lifts part of the mask
        signal.pthread_sigmask(signal.SIG_BLOCK, hidden)
        pool = multiprocessing.get_context("spawn").Pool(count, _end_with_parent)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    with pool:
        return pool.map(work, jobs, chunksize=4)


def _end_with_parent() -> None:
    """A pool whose parent was killed would work to the end of its jobs, unheard."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
