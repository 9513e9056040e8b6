"""One pool of processes for work on many images."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from typing import Any


def pooled(work: Callable[[Any], Any], jobs: Sequence[Any]) -> list[Any]:
    """`[work(job) for job in jobs]` on all the cores this process may use, in order.

    The processes are spawned: forked ones would hang in libraries that hold threads (OpenMP).
    """
    count = min(len(os.sched_getaffinity(0)), len(jobs))
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        return pool.map(work, jobs, chunksize=4)
