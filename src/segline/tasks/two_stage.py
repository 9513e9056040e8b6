"""Two stages: a binary net finds regions, a classifier gives each a class, the background among them.

Thresholds are those of the regions, by their mean Dice. The stage `classify` then turns the regions'
maps into class maps, which are scored and submitted as those of a softmax.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from segline.classes import Classes
from segline.files import read_json, read_labels
from segline.samples import ClassTeacher, ReadPair, Taught, Teach, fold_class_weights
from segline.tasks.semantic import Recipe, Semantic, thresholds_by_dice

REGIONS = Classes(("background", "region"))


@dataclass(frozen=True)
class RegionTeacher:
    """Teaches every class but the background as one."""

    teach: ClassTeacher

    def __call__(self, truth: np.ndarray) -> Taught:
        return self.teach(_merged(truth))


class TwoStage(Semantic):
    """A `Task`; the net's output and its thresholds are those of `REGIONS`."""

    name = "two_stage"

    def __init__(self, classes: Sequence[str], exclusive: bool) -> None:
        super().__init__(classes, exclusive)
        self.activation, self.target_channels = REGIONS.activation, len(REGIONS.channels)

    def outputs(self, settings: Mapping[str, Any]) -> dict[str, int]:
        return {"classes": len(REGIONS.channels)}

    def teacher(self, read: ReadPair, n_images: int, settings: Mapping[str, Any]) -> Teach:
        def read_merged(row: int) -> tuple[np.ndarray, np.ndarray]:
            image, truth = read(row)
            return image, _merged(truth)

        method = settings["weights"]["class_weights"]
        weights = fold_class_weights(read_merged, n_images, method=method, classes=REGIONS)
        return RegionTeacher(ClassTeacher(REGIONS, weights))

    def tuned(
        self, images: pd.DataFrame, parts: pd.Series, settings: Mapping[str, Any]
    ) -> dict[str, Any]:
        found = thresholds_by_dice(
            images, parts, settings["class_threshold"], REGIONS, _read_merged
        )
        return {"task": self.table, "rule": "regions, then argmax"} | found

    def words(self, choice: Mapping[str, Any]) -> str:
        return f"regions above {choice['thresholds'][0]}"

    def recipes(self, thresholds: Path, second: Path | None) -> Mapping[str, Recipe]:
        """Argmax of class maps for `final` and every part."""
        names = ("final", *read_json(thresholds)["parts"])
        return dict.fromkeys(names, Recipe(self.classes))


def _merged(truth: np.ndarray) -> np.ndarray:
    return (truth > 0).astype(np.int32)


def _read_merged(path: str) -> np.ndarray:
    return _merged(read_labels(path))
