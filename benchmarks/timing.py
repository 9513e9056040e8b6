"""Timing two sides in alternation, so that a slow minute of the machine hits both."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median

import numpy as np


@dataclass(frozen=True)
class Times:
    """Seconds: median, and the quartiles around it as its spread, over n repeats."""

    median: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, seconds: list[float]) -> "Times":
        low, high = np.quantile(seconds, [0.25, 0.75])
        return cls(median(seconds), float(low), float(high), len(seconds))

    def as_dict(self) -> dict:
        return asdict(self)


def once(call: Callable[[], object]) -> float:
    """Seconds of one call."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def alternate(
    ours: Callable[[], object], peer: Callable[[], object], *, seconds: float, least: int = 3
) -> tuple[Times, Times]:
    """Times of both, one after the other, until `seconds` are spent and `least` rounds are done.

    Where a peer's round is long, ours runs up to twenty times in it, for a median worth the name.
    """
    first = once(peer)
    ours()
    per_round = int(np.clip(first / max(once(ours), 1e-9) / 4, 1, 20))
    mine: list[float] = []
    theirs = [first] if first > 1 else []  # a long call needs no warming up
    end = time.perf_counter() + seconds
    while len(theirs) < least or time.perf_counter() < end:
        mine += [once(ours) for _ in range(per_round)]
        theirs.append(once(peer))
    return Times.of(mine), Times.of(theirs)


def repeat(call: Callable[[], object], *, seconds: float, least: int = 3) -> Times:
    """Times of one side alone, after one call to warm up."""
    call()
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < least or time.perf_counter() < end:
        taken.append(once(call))
    return Times.of(taken)


def bandwidth() -> float:
    """Bytes a second one core moves: read plus written by a copy of 256 MiB."""
    source = np.ones(1 << 28, np.uint8)  # zeros would all be read from one page
    target = np.full_like(source, 2)
    taken = repeat(lambda: np.copyto(target, source), seconds=1)
    return 2 * source.size / taken.median
