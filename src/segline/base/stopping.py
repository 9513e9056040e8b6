"""Ctrl-C, SIGTERM and SIGHUP: one line of what is kept, and the status 130, 143 or 129.

A signal becomes `Stopped` in the main thread, so that `with` and `finally` tidy up on the way out. Work
that must reach a good place first runs in `deferred()` and asks `check()` there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NOTHING_LOST = "nothing half-written is left; the same command does this step again"
AGAIN_S = 5.0  # one wish to stop may send several signals: Make passes on what its group got


class Stopped(BaseException):
    """A signal asked this process to end; `kept` says what is saved and how to go on."""

    def __init__(self, number: int, kept: str = NOTHING_LOST) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}: {kept}")
        self.number = number


class _State:
    """Of the process, as signals are."""

    number: int | None = None
    at_s = 0.0
    deferred = False


def guarded(work: Callable[[], Any]) -> None:
    """Do `work`; if one of the signals ends it, say so and exit with 128 + its number.

    A signal that was ignored from the start (nohup, a background job) stays so.
    """
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _received)
    try:
        work()
        check()
    except Stopped as stopped:
        _end(stopped)
    except BaseException:
        if _State.number is None:
            raise
        _end(Stopped(_State.number))  # what a library made of it


def _received(number: int, frame: object) -> None:
    now = time.monotonic()
    if _State.number is not None and now - _State.at_s < AGAIN_S:
        return
    _State.number, _State.at_s = _State.number or number, now
    if not _State.deferred:
        raise Stopped(_State.number)


def check(kept: str = NOTHING_LOST) -> None:
    """Raise `Stopped` if a signal has come."""
    if _State.number is not None:
        raise Stopped(_State.number, kept)


def asked() -> bool:
    """Whether a signal has come."""
    return _State.number is not None


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let a signal interrupt nothing in the block, which asks `check()` where it can end."""
    _State.deferred = True
    try:
        yield
    finally:
        _State.deferred = False
    check()


class Stoppable:
    """The same items at every pass; between two of them a signal is heeded."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        for item in self._items:
            check()
            yield item


def _end(stopped: Stopped) -> NoReturn:
    """Exit; at once where TensorFlow is, whose threads an orderly end may wait for or trip over."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        print(f"segline: {stopped}", file=sys.stderr, flush=True)
    if "tensorflow" in sys.modules:
        os._exit(128 + stopped.number)
    sys.exit(128 + stopped.number)
