"""Grids that widen by themselves: an optimum at the edge of what was tried may lie beyond.

A grid goes on in steps like its last one, a difference or a factor, while that is not worse, up to its
bounds and `FURTHER` steps.
One value, or values that do not ascend, are a wish and stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

FURTHER = 10  # steps on either side
LEAST_GAIN = 1e-9  # sums of the same scores in another order differ by less
SAME = 0.05  # factors that differ by less are one factor, rounded

Place = tuple[int, ...]
Window = tuple[int, int]  # first and last index that are tried


class Axis(NamedTuple):
    """The values of a grid with further ones on both sides, and which of them are tried first."""

    name: str
    values: tuple[float, ...]
    given: Window
    ends_at_bound: tuple[bool, bool] = (True, True)

    def wider(self, window: Window, place: int) -> Window:
        """The window with a step more where `place` is its first or last value and one is left."""
        first, last = window
        if place == first:
            first = max(first - 1, 0)
        if place == last:
            last = min(last + 1, len(self.values) - 1)
        return first, last

    def stuck(self, place: int) -> bool:
        """Whether `place` is the last that is ever tried on a side, without being at the bound."""
        if self.given == (0, len(self.values) - 1):
            return False  # nothing could be added: the bounds, or a wish
        at_low = place == 0 and not self.ends_at_bound[0]
        return at_low or (place == len(self.values) - 1 and not self.ends_at_bound[1])


def axis(name: str, values: Sequence[float], *, low: float, high: float, whole: bool) -> Axis:
    """The axis of given values. Further ones lie strictly between `low` and `high`, or with `whole` numbers
    from `low` on.

    >>> axis("t", [0.1, 0.2, 0.3], low=0, high=0.6, whole=False).values
    (0.1, 0.2, 0.3, 0.4, 0.5)
    >>> axis("px", [10, 20, 40], low=0, high=np.inf, whole=True).values[:7]
    (0, 2, 5, 10, 20, 40, 80)
    """
    given = tuple(values)
    if len(given) < 2 or any(b <= a for a, b in pairwise(given)):
        return Axis(name, given, (0, len(given) - 1))

    def allowed(value: float) -> bool:
        return low <= value < high if whole else low < value < high

    below, low_bound = _further(given[::-1], allowed, whole=whole)
    above, high_bound = _further(given, allowed, whole=whole)
    window = len(below), len(below) + len(given) - 1
    return Axis(name, (*below[::-1], *given, *above), window, (low_bound, high_bound))


def _further(
    given: Sequence[float], allowed: Callable[[float], bool], *, whole: bool
) -> tuple[list[float], bool]:
    """What follows the last of the `given` values, and whether it ends at a bound."""
    found = list(given)
    for _ in range(FURTHER):
        following = _next(found)
        value = round(following) if whole else round(following, 6)
        if whole and value < 0 < found[-1]:
            value = 0
        if value == found[-1] or not allowed(value):
            return found[len(given) :], True
        found.append(value)
    return found[len(given) :], False


def _next(values: Sequence[float]) -> float:
    """One step more: by the same factor if the last two steps have one, else by the same difference."""
    *_, before, last = values
    step = last - before
    if len(values) > 2 and min(values[-3:]) > 0:
        earlier = values[-3]
        even = np.isclose(before - earlier, step)
        factor = last / before
        if not even and abs(factor / (before / earlier) - 1) < SAME:
            return last * factor
    return last + step


def search(
    axes: Sequence[Axis],
    evaluate: Callable[[tuple[Window, ...]], np.ndarray],
    choose: Callable[[np.ndarray], Place],
) -> tuple[Place, tuple[str, ...]]:
    """The place, an index into each axis' values, that `choose` finds, and where more may lie beyond.

    `evaluate` gives the values of a box of windows, `choose` the index of the best in it. While that lies
    at an edge, and what is found there is not worse, the box grows by a step. Level ground is crossed, but
    only what is higher is taken. At the end the names of the axes are given whose last step was a gain.
    """
    windows = tuple(each.given for each in axes)
    place, value = _chosen(windows, evaluate, choose)
    reached = place
    while True:
        wider = tuple(a.wider(w, i) for a, w, i in zip(axes, windows, reached, strict=True))
        if wider == windows:
            return place, tuple(a.name for a, i in zip(axes, place, strict=True) if a.stuck(i))
        windows = wider
        reached, found = _chosen(windows, evaluate, choose)
        if found < value - LEAST_GAIN:
            return place, ()
        if found > value + LEAST_GAIN:
            place, value = reached, found


def _chosen(
    windows: tuple[Window, ...],
    evaluate: Callable[[tuple[Window, ...]], np.ndarray],
    choose: Callable[[np.ndarray], Place],
) -> tuple[Place, float]:
    """The place in all axes' values that is chosen within the windows, and its value."""
    values = evaluate(windows)
    inside = choose(values)
    place = tuple(first + i for (first, _), i in zip(windows, inside, strict=True))
    return place, float(values[inside])


def within(values: np.ndarray) -> Callable[[tuple[Window, ...]], np.ndarray]:
    """`evaluate` of values that are there for all further steps."""
    return lambda windows: values[tuple(slice(first, last + 1) for first, last in windows)]
