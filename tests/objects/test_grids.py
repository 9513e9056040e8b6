"""Grids go on in their own steps, and stay as they are where nothing is to be found beyond."""

import numpy as np
import pytest

from segline.config.tables import Tune
from segline.objects import grids

WIDE = {"low": 0, "high": np.inf, "whole": True}


@pytest.mark.parametrize(
    ("values", "below", "above"),
    [
        ((10, 20, 30, 45, 60), (0,), (75, 90, 105)),
        ((100, 200, 400), (50, 25), (800, 1600)),  # a factor of 2 either way
        ((0, 900, 1500, 2500), (), (4167, 6946)),  # of 5/3, rounded
        ((5, 9), (1, 0), (13, 17)),
        ((7,), (), ()),  # a wish
        ((20, 10), (), ()),
    ],
)
def test_sizes_go_on_by_a_difference_or_a_factor(values, below, above):
    axis = grids.axis("px", values, **WIDE)
    first, last = axis.given
    assert axis.values[first : last + 1] == values
    assert axis.values[first - len(below) : first] == below[::-1]
    assert axis.values[last + 1 : last + 1 + len(above)] == above
    assert list(axis.values) == sorted(axis.values) or values == (20, 10)
    assert min(axis.values) >= 0
    assert len(axis.values) <= len(values) + 2 * grids.FURTHER


def test_every_default_grid_of_thresholds_reaches_its_bounds():
    for name in ("seed_threshold", "foreground_threshold", "class_threshold"):
        axis = grids.axis(name, getattr(Tune(), name), low=0, high=1, whole=False)
        assert axis.ends_at_bound == (True, True)
        assert 0 < axis.values[0] < axis.values[-1] < 1
        steps = np.diff(axis.values[: axis.given[0] + 2])
        assert steps == pytest.approx(np.full(len(steps), steps[-1]))


def highest(values):
    return tuple(int(i) for i in np.unravel_index(np.argmax(values), values.shape))


@pytest.mark.parametrize(
    ("best", "found", "at_edge"),
    [((20, 3), (20, 3), ()), ((0, 11), (0, 11), ()), ((10**6, 3), (130, 3), ("a",))],
)
def test_the_search_follows_the_optimum_on_every_axis(best, found, at_edge):
    axes = grids.axis("a", (10, 20, 30), **WIDE), grids.axis("b", (1, 3, 5), **WIDE)
    values = -np.abs(np.subtract.outer(axes[0].values, best[0]) / 10)[:, None] - np.abs(
        np.array(axes[1].values) - best[1]
    )
    place, told = grids.search(axes, grids.within(values), highest)
    assert tuple(axis.values[i] for axis, i in zip(axes, place, strict=True)) == found
    assert told == at_edge
