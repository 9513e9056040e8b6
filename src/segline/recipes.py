"""From a probability map to objects, as a run's files say: thresholds and, if fitted, a second stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd

from segline import objects, tuning
from segline.errors import UserError
from segline.files import read_json, replacing
from segline.forest import Forest


class Recipe(NamedTuple):
    """Thresholds with their options; what follows is the second stage's, if there is one.

    A map has the channels of `n_views` views one after the other, the tuned one first.
    """

    thresholds: tuning.Thresholds
    options: dict[str, Any]
    regressor: Forest | None = None
    cutoff: float = 0.0
    seed_offsets: tuple[float, ...] = (0.0,)
    n_views: int = 1

    def __call__(self, probs: np.ndarray) -> np.ndarray:
        """Label image (H, W) int32 of a map (H, W, 3 or 4 a view) uint8."""
        if self.regressor is None:
            return tuning.instances(probs, self.thresholds, **self.options)
        found, promised = self.candidates(probs)
        return objects.choose(found, promised, cutoff=self.cutoff)

    def candidates(self, probs: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Segmentations of each view at several seed thresholds, and what their objects promise: the
        share of IoU thresholds each is expected to pass, (n,) float. The tuned one is the first."""
        assert self.regressor is not None
        found = self.segmentations(probs)
        promised = [
            np.zeros(0) if features.empty else self.regressor.predict(features)
            for _, features in found
        ]
        return [labels for labels, _ in found], promised

    def segmentations(self, probs: np.ndarray) -> list[tuple[np.ndarray, pd.DataFrame]]:
        """Label image and its objects' features for each view and seed offset; among several views also
        the number of the view.

        Seed thresholds are the tuned one plus each offset, kept inside 0.02..0.98.
        """
        views = np.split(probs, self.n_views, axis=2)
        tuned = self.thresholds.seed_threshold
        seeds = [float(np.clip(tuned + offset, 0.02, 0.98)) for offset in self.seed_offsets]
        found = []
        for number, view in enumerate(views):
            others = [other[..., 0] for k, other in enumerate(views) if k != number]
            elsewhere = 1 - np.mean(others, axis=0) / 255 if others else None
            for seed in seeds:
                thresholds = self.thresholds._replace(seed_threshold=seed)
                labels = tuning.instances(view, thresholds, **self.options)
                features = objects.measure(labels, view, elsewhere=elsewhere)
                if others and not features.empty:
                    features["view"] = np.float32(number)
                found.append((labels, features))
        return found


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
            assert recipe.regressor is not None
            group = file.create_group(name)
            group.attrs["cutoff"] = recipe.cutoff
            group.attrs["seed_offsets"] = recipe.seed_offsets
            group.attrs["n_views"] = recipe.n_views
            for field, values in recipe.regressor._asdict().items():
                group[field] = values.tolist() if field == "names" else values


def _judging(recipe: Recipe, name: str, path: Path) -> Recipe:
    with h5py.File(path, "r") as file:
        if name not in file:
            raise UserError(
                f"{path}: nothing for {name}; it is older than thresholds.json, tune again"
            )
        group = file[name]
        values = {field: group[field][()] for field in Forest._fields if field != "names"}
        return recipe._replace(
            regressor=Forest(names=group["names"].asstr()[()], **values),
            cutoff=float(group.attrs["cutoff"]),
            seed_offsets=tuple(float(offset) for offset in group.attrs["seed_offsets"]),
            n_views=int(group.attrs.get("n_views", 1)),  # older files had one
        )
