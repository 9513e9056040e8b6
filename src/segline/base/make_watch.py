"""A Make that is told to stop by SIGINT or SIGHUP alone waits for its recipes and tells them nothing.

It passes SIGTERM on, and a terminal sends the others to all. For a supervisor that signals Make alone, a
stage looks whether a Make above it has begun to die: then that signal is back at its default action.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

EVERY_S = 0.5
PASSED_ON = (signal.SIGINT, signal.SIGHUP)


def start() -> None:
    """Watch from a thread, and signal this process as Make was; nothing where there is no /proc."""
    makes = _makes_above(os.getppid()) if "MAKELEVEL" in os.environ else []
    watched = [(pid, number) for pid in makes for number in PASSED_ON if _catches(pid, number)]
    if watched:
        threading.Thread(target=_watch, args=(watched,), daemon=True).start()


def _watch(watched: list[tuple[int, signal.Signals]]) -> None:
    while True:
        time.sleep(EVERY_S)
        for pid, number in watched:
            if _catches(pid, number) is False:
                os.kill(os.getpid(), number)
                return


def _makes_above(pid: int) -> list[int]:
    found = []
    while pid > 1 and (status := _status(pid)):
        if status["Name"] in ("make", "gmake"):
            found.append(pid)
        pid = int(status["PPid"])
    return found


def _catches(pid: int, number: signal.Signals) -> bool | None:
    """Whether a process has a handler for a signal; None if there is no such process (any more)."""
    status = _status(pid)
    return bool(int(status["SigCgt"], 16) >> (number - 1) & 1) if status else None


def _status(pid: int) -> dict[str, str]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
