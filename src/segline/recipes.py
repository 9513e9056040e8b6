"""From a probability map to objects, as a run's files say: thresholds and, if fitted, a second stage."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd

from segline import objects, tuning
from segline.errors import UserError
from segline.files import read_json, replacing, store_array
from segline.forest import Forest

# What the objects of another view promise counts so much: the best of many uncertain claims is too high.
OTHER_VIEW = 0.5


class Candidate(NamedTuple):
    """One segmentation for the second stage to choose among."""

    view: int
    labels: np.ndarray  # (H, W) int32
    promised: np.ndarray  # (n,) float, the share of IoU thresholds each object is expected to pass


class Recipe(NamedTuple):
    """Thresholds with their options; what follows is the second stage's, if there is one.

    A map has the channels of `n_views` views one after the other, the tuned one first. Each has a judge
    of its own.
    """

    thresholds: tuning.Thresholds
    options: dict[str, Any]
    judges: tuple[Forest, ...] = ()
    cutoff: float = 0.0
    seed_offsets: tuple[float, ...] = (0.0,)
    foreground_offsets: tuple[float, ...] = (0.0,)
    n_views: int = 1

    def __call__(self, probs: np.ndarray) -> np.ndarray:
        """Label image (H, W) int32 of a map (H, W, 3 or 4 a view) uint8."""
        if not self.judges:
            return tuning.instances(probs, self.thresholds, **self.options)
        return chosen(self.candidates(probs), cutoff=self.cutoff)

    def candidates(self, probs: np.ndarray) -> list[Candidate]:
        """The `segmentations` with what their objects promise."""
        return [
            Candidate(
                view, labels, self.judges[view].predict(features) if len(features) else np.zeros(0)
            )
            for view, labels, features in self.segmentations(probs)
        ]

    def segmentations(self, probs: np.ndarray) -> list[tuple[int, np.ndarray, pd.DataFrame]]:
        """Number of the view, label image and its objects' features, for each view and pair of offsets."""
        views = np.split(probs, self.n_views, axis=2)
        found = []
        for number, view in enumerate(views):
            elsewhere = 1 - views[0][..., 0] / 255 if number else None
            for thresholds in self._shifted():
                labels = tuning.instances(view, thresholds, **self.options)
                found.append((number, labels, objects.measure(labels, view, elsewhere=elsewhere)))
        return found

    def _shifted(self) -> list[tuning.Thresholds]:
        """The tuned thresholds moved by each pair of offsets, kept inside 0.02..0.98."""

        def moved(tuned: float, offsets: Sequence[float]) -> tuple[float, ...]:
            return _floats(np.clip([tuned + offset for offset in offsets], 0.02, 0.98))

        seeds = moved(self.thresholds.seed_threshold, self.seed_offsets)
        foregrounds = moved(self.thresholds.foreground_threshold, self.foreground_offsets)
        return [
            self.thresholds._replace(seed_threshold=seed, foreground_threshold=foreground)
            for seed, foreground in itertools.product(seeds, foregrounds)
        ]


def chosen(candidates: Sequence[Candidate], *, cutoff: float) -> np.ndarray:
    """The label image (H, W) int32 that a second stage's candidates make at a cutoff."""
    views, labels, promised = zip(*candidates, strict=True)
    trust = [OTHER_VIEW if view else 1.0 for view in views]
    return objects.choose(labels, promised, cutoff=cutoff, trust=trust)


def load(thresholds: Path, second: Path | None = None) -> dict[str, Recipe]:
    """The recipe `final` and one for each part, which was made without that part's images."""
    tuned = read_json(thresholds)
    choices = {"final": tuned["final"], **tuned["parts"]}
    recipes = {
        name: Recipe(tuning.Thresholds(**choice), tuned["options"])
        for name, choice in choices.items()
    }
    if second is None:
        return recipes
    return {name: _judging(recipe, name, second) for name, recipe in recipes.items()}


def write_second(path: Path, recipes: dict[str, Recipe]) -> None:
    """Write what the second stage adds to each recipe: HDF5, a group a recipe."""
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        for name, recipe in recipes.items():
            group = file.create_group(name)
            group.attrs["cutoff"] = recipe.cutoff
            group.attrs["seed_offsets"] = recipe.seed_offsets
            group.attrs["foreground_offsets"] = recipe.foreground_offsets
            for view, judge in enumerate(recipe.judges):
                for field, values in judge._asdict().items():
                    stored = values.astype(object) if field == "names" else values
                    store_array(group, f"view_{view}/{field}", stored)


def _judging(recipe: Recipe, name: str, path: Path) -> Recipe:
    with h5py.File(path, "r") as file:
        if f"{name}/view_0" not in file:
            raise UserError(
                f"{path}: nothing for {name}; it is older than thresholds.json or this version; "
                f"delete it and make the run again"
            )
        group = file[name]
        judges = tuple(_judge(group[view]) for view in sorted(group))
        return recipe._replace(
            judges=judges,
            cutoff=float(group.attrs["cutoff"]),
            seed_offsets=_floats(group.attrs["seed_offsets"]),
            foreground_offsets=_floats(group.attrs.get("foreground_offsets", (0.0,))),
            n_views=len(judges),
        )


def _floats(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _judge(group: h5py.Group) -> Forest:
    values = {field: group[field][()] for field in Forest._fields if field != "names"}
    return Forest(names=group["names"].asstr()[()], **values)
