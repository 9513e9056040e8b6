"""Locks that die with their process: flock on a hidden file, which may stay and means nothing by itself.

On NFS Linux turns flock into a lock of the server, so that it holds between machines. Where a file
system has no locks, work goes on without.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

from segline.base import leftovers
from segline.base.console import console
from segline.base.errors import UserError

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
PATIENCE_S = 1.0  # two who take a shared lock may meet for a moment
POLL_S = 0.05


@contextlib.contextmanager
def held(
    path: Path,
    *,
    shared: bool = False,
    wait: bool = False,
    unless: Callable[[], bool] = lambda: False,
) -> Iterator[bool]:
    """Hold the lock of `path`, which need not be there.

    Many may hold a `shared` one, or a single process the other kind. UserError saying who holds it,
    unless it may `wait`. Who does not get it at once, and finds `unless` true, goes without: False is
    yielded. A folder that cannot be written to is read without.
    """
    lock = path.with_name(f".{path.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("a+")
    except OSError:
        if not shared:
            raise
        yield True
        return
    with file:
        yield _acquired(file, path, shared, wait, unless)


def _acquired(
    file: IO[str], path: Path, shared: bool, wait: bool, unless: Callable[[], bool]
) -> bool:
    patient_until, told = time.monotonic() + PATIENCE_S, False
    while not _taken(file, shared):
        if time.monotonic() > patient_until:
            if unless():
                return False
            if not wait:
                raise UserError(
                    f"{path}: in the hands of {_holders(file)}; wait for it, or stop it"
                )
            if not told:
                console.print(f"{path}: waiting for {_holders(file)}")
                told = True
        time.sleep(POLL_S)
    return not (told and unless())


def _taken(file: IO[str], shared: bool) -> bool:
    """Try once. Who gets the lock for itself, if only for a moment, drops the names of those before."""
    try:
        if _locked(file, fcntl.LOCK_EX):
            file.truncate(0)
            if shared and not _locked(file, fcntl.LOCK_SH):
                return False
        elif not (shared and _locked(file, fcntl.LOCK_SH)):
            return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    command = sys.argv[1] if len(sys.argv) > 1 else "python"
    pid = os.getpid()
    print(
        pid, leftovers.HOST, f"{datetime.now():%Y-%m-%d %H:%M:%S}", command, file=file, flush=True
    )
    return True


def _locked(file: IO[str], how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holders(file: IO[str]) -> str:
    """Who has written a name there and is alive."""
    file.seek(0)
    found = []
    for line in file:
        pid, host, day, clock, command = line.split(maxsplit=4)
        is_there = host != leftovers.HOST or leftovers.is_alive(int(pid))
        if is_there and (host, int(pid)) != (leftovers.HOST, os.getpid()):
            found.append(f"`{command.strip()}` (pid {pid} on {host}, since {day} {clock})")
    return " and ".join(dict.fromkeys(found)) or "another process"
