"""The one pool of processes, for work on many images."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from multiprocessing import resource_tracker
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any


def pooled(work: Callable[[Any], Any], jobs: Sequence[Any]) -> list[Any]:
    """`[work(job) for job in jobs]` on all the cores this process may use, in order.

    The processes take seconds to start, so they stay until this one ends, however it ends, or works in
    another folder. They are spawned: forked ones would hang in libraries that hold threads (OpenMP). Ctrl-C
    on a terminal is for this process alone.
    """
    try:
        return _pool(str(Path.cwd())).map(work, jobs, chunksize=4)
    except BaseException:
        close()  # jobs of a call that is over would delay the next one's
        raise


class _Kept:
    """Of the process, as its children are."""

    pool: Pool | None = None
    folder = ""


def _pool(folder: str) -> Pool:
    if _Kept.pool is None or _Kept.folder != folder:
        close()
        _Kept.pool, _Kept.folder = _started(), folder
    return _Kept.pool


def _started() -> Pool:
    hidden = {signal.SIGINT, signal.SIGHUP}  # from what is started here, which keeps the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, hidden)
    try:
        resource_tracker.ensure_running()  # lifts part of the mask
        signal.pthread_sigmask(signal.SIG_BLOCK, hidden)
        count = len(os.sched_getaffinity(0))
        return multiprocessing.get_context("spawn").Pool(count, _end_with_parent)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@atexit.register
def close() -> None:
    """End the processes, if there are any."""
    pool, _Kept.pool = _Kept.pool, None
    if pool is not None:
        pool.terminate()
        pool.join()


def _end_with_parent() -> None:
    """A pool whose parent was killed would work to the end of its jobs, unheard."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
