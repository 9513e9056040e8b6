"""From a probability map to objects, as a run's files say: thresholds and, if fitted, a second stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from segline import objects, tuning
from segline.errors import UserError
from segline.files import read_json, replacing
from segline.forest import Forest


class Recipe(NamedTuple):
    """Thresholds with their options; `regressor` and `cutoff` are the second stage's, if there is one."""

    thresholds: tuning.Thresholds
    options: dict[str, Any]
    regressor: Forest | None = None
    cutoff: float = 0.0
    seed_offsets: tuple[float, ...] = (0.0,)

    def __call__(self, probs: np.ndarray) -> np.ndarray:
        """Label image (H, W) int32 of a map (H, W, 3 or 4) uint8."""
        if self.regressor is None:
            return tuning.instances(probs, self.thresholds, **self.options)
        found, promised = self.candidates(probs)
        return objects.choose(found, promised, cutoff=self.cutoff)

    def candidates(self, probs: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Segmentations at several seed thresholds, the tuned one first, and their objects' promise."""
        assert self.regressor is not None
        found = segmentations(probs, self.thresholds, self.options, self.seed_offsets)
        return found, [promise(self.regressor, labels, probs) for labels in found]


def segmentations(
    probs: np.ndarray, thresholds: tuning.Thresholds, options: dict, offsets: tuple[float, ...]
) -> list[np.ndarray]:
    """One label image a seed threshold: the tuned one plus each offset, kept inside 0.02..0.98."""
    seeds = [float(np.clip(thresholds.seed_threshold + o, 0.02, 0.98)) for o in offsets]
    return [
        tuning.instances(probs, thresholds._replace(seed_threshold=seed), **options)
        for seed in seeds
    ]


def promise(regressor: Forest, labels: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Share of IoU thresholds each object is expected to pass, (n,) float."""
    features = objects.measure(labels, probs)
    return np.zeros(0) if features.empty else regressor.predict(features)


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
        )
