"""Choice of post-processing thresholds by the true metric, and honest cross-fitting of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from segline.base.files import read_json
from segline.config.tables import Tune
from segline.masks import watershed
from segline.masks.targets import Channel
from segline.objects import grids, maps
from segline.objects.grids import Axis, Window

UNSEEN = "unseen"
REMEDY = "remove it, and make tune makes it again"
SURFACES = {"body": Channel.BODY, "distance": Channel.DISTANCE}


class Thresholds(NamedTuple):
    """Settings of the watershed: two probabilities and an area in px."""

    seed_threshold: float
    foreground_threshold: float
    min_size_px: int


def read(path: Path, **keys: type) -> dict[str, Any]:
    """thresholds.json: `final` and `parts` of `cross_fitted`, and further `keys` that must be there."""
    needed: dict[str, type] = {"final": dict, "parts": dict}
    return read_json(path, needed | keys)


class Fit(NamedTuple):
    """What is chosen, an entry of thresholds.json, and the names of grids that end where it lies."""

    choice: dict[str, Any]
    at_edge: tuple[str, ...] = ()


def axes(tune: Tune) -> tuple[Axis, ...]:
    """The values that are tried of each of `Thresholds`, with further ones."""
    high = {"min_size_px": np.inf}
    return tuple(
        grids.axis(
            name, getattr(tune, name), low=0, high=high.get(name, 1), whole=name == "min_size_px"
        )
        for name in Thresholds._fields
    )


def options(tune: Tune) -> dict[str, Any]:
    """The arguments of `instances` that are not tuned."""
    return {"fill_holes": tune.fill_holes, "surface": tune.surface}


def grid(axes: Sequence[Axis], windows: Sequence[Window]) -> list[Thresholds]:
    """All combinations of the values in a window of each axis, the last one changing fastest."""
    tried = [
        axis.values[first : last + 1] for axis, (first, last) in zip(axes, windows, strict=True)
    ]
    return [Thresholds(seed, fore, int(size)) for seed, fore, size in itertools.product(*tried)]


def instances(
    probs: np.ndarray, thresholds: Thresholds, *, fill_holes: bool = True, surface: str = "body"
) -> np.ndarray:
    """Label image (H, W) int32 of a map (H, W, 3 or 4) uint8, whose channels are those of `Channel`.

    Seeds are cut from the map `surface` and grow along it, inside 1 - p(background). With `none` there
    are no seeds: the connected regions of the foreground are the objects.
    """
    if surface == "none":
        return watershed.components(
            maps.foreground(probs),
            threshold=thresholds.foreground_threshold,
            min_size_px=thresholds.min_size_px,
            fill_holes=fill_holes,
        )
    hill = np.ascontiguousarray(probs[..., SURFACES[surface]])
    return watershed.instances(
        hill, maps.foreground(probs), fill_holes=fill_holes, **thresholds._asdict()
    )


class Tried:
    """What a metric keeps of N images under the choices tried so far; others are made when asked for.

    `make` gives (N, n, ...) for n choices.
    """

    def __init__(
        self, axes: Sequence[Axis], make: Callable[[list[Thresholds]], np.ndarray]
    ) -> None:
        self.axes, self._make = axes, make
        self._kept: dict[Thresholds, np.ndarray] = {}

    def within(self, windows: Sequence[Window]) -> np.ndarray:
        """(N, n, ...) for the n choices of `grid` in these windows."""
        choices = grid(self.axes, windows)
        new = [choice for choice in choices if choice not in self._kept]
        if new:
            self._kept |= dict(zip(new, np.moveaxis(self._make(new), 1, 0), strict=True))
        return np.stack([self._kept[choice] for choice in choices], axis=1)


class Joins(Protocol):
    """What joins images: a metric of objects, or `judge.Judge`."""

    def joined(self, kept: ArrayLike) -> np.ndarray: ...


def best(tried: Tried, metric: Joins, rows: np.ndarray) -> Fit:
    """The choice of the flattest high score on the images `rows` (N,) bool.

    Each choice is judged by the mean of its own score and those of its neighbours on the grid: a broad
    optimum transfers, a sharp one does not. Where it lies at an edge the grid goes on.
    """

    def evaluate(windows: tuple[Window, ...]) -> np.ndarray:
        shape = [last - first + 1 for first, last in windows]
        return metric.joined(tried.within(windows)[rows]).reshape(shape)

    place, at_edge = grids.search(tried.axes, evaluate, flattest)
    (choice,) = grid(tried.axes, [(i, i) for i in place])
    return Fit(choice._asdict(), at_edge)


def flattest(values: np.ndarray) -> tuple[int, ...]:
    """Index of the largest mean of a value and its neighbours on the grid, `values` of any dimension.

    >>> flattest(np.array([0.0, 9.0, 0.0, 6.0, 6.0, 6.0]))
    (4,)
    """
    padded = np.pad(values, 1, mode="edge")
    shifted = [
        padded[tuple(slice(1 + d, 1 + d + n) for d, n in zip(step, values.shape, strict=True))]
        for step in itertools.product((-1, 0, 1), repeat=values.ndim)
    ]
    best = np.argmax(np.mean(shifted, axis=0))
    return tuple(int(i) for i in np.unravel_index(best, values.shape))


def parts(images: pd.DataFrame, *, unseen: Sequence[str] = ()) -> pd.Series:
    """Name of the part each row is judged in: its fold, or half of the groups of a single fold.

    Thresholds for a part are tuned on the other parts. Halves keep whole groups together and are
    balanced in number of images, the larger groups first. Images of the modalities `unseen`, which no
    model was trained on, are the part `UNSEEN`. ValueError if the others are a single group.
    """
    names = pd.Series(UNSEEN, index=images.index)
    seen = images[~images["modality"].isin(unseen)]
    if seen["group"].nunique() < 2:
        raise ValueError("all images belong to one group; thresholds cannot be cross-fitted")
    if seen["fold"].nunique() > 1:
        names[seen.index] = "fold " + seen["fold"].astype(str)
        return names
    sizes = seen.groupby(["modality", "group"]).size().sort_values(ascending=False, kind="stable")
    totals = [0, 0]
    half: dict[Any, str] = {}
    for (_, group), size in sizes.items():
        if group in half:
            continue
        smaller = int(totals[1] < totals[0])
        totals[smaller] += size
        half[group] = f"half {smaller}"
    names[seen.index] = seen["group"].map(half)
    return names


def fitted_on(part_names: pd.Series, part: str) -> np.ndarray:
    """The rows (N,) bool that may be fitted on to judge `part` (or `final`): not it, nor the unseen."""
    return (~part_names.isin([part, UNSEEN])).to_numpy()


def cross_fitted(part_names: pd.Series, fit: Callable[[np.ndarray], Fit]) -> dict[str, Any]:
    """What `fit` makes of the rows (N,) bool that it may see: `final`, and in `parts` one for each part.

    Where the final choice lies at the end of a grid, `at_edge` names that.
    """
    final = fit(fitted_on(part_names, "final"))
    parts = {name: fit(fitted_on(part_names, name)).choice for name in np.unique(part_names)}
    edges = {"at_edge": list(final.at_edge)} if final.at_edge else {}
    return {"final": final.choice, "parts": parts, **edges}
