"""Two stages: a binary net finds regions, a classifier gives each a class, the background among them.

Thresholds are those of the regions, by their mean Dice. The stage `classify` then turns the regions'
maps into class maps, which are scored and submitted as those of a softmax.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from segline.base.files import read_labels
from segline.config.stages import TuneStage
from segline.metrics import objectives
from segline.objects import thresholds as tuning
from segline.objects.class_decoder import ClassDecoder
from segline.objects.class_tuning import thresholds_by
from segline.samples.heads import REGIONS, merged
from segline.tasks.semantic import Semantic


class TwoStage(Semantic):
    """A `Task`; its thresholds are those of regions, its scores those of classes."""

    def tuned(self, images: pd.DataFrame, parts: pd.Series, settings: TuneStage) -> dict[str, Any]:
        grid = settings.class_threshold
        dice, images = objectives.of_masks("dice"), self._with_volumes(images)
        found = thresholds_by(dice, images, parts, grid, REGIONS, read=_read_merged)
        return {"task": self.table, "rule": "regions, then argmax"} | found

    def words(self, choice: Mapping[str, Any]) -> str:
        return f"regions above {choice['thresholds'][0]}"

    def decoders(self, thresholds: Path, second: Path | None) -> Mapping[str, ClassDecoder]:
        """Argmax of class maps for `final` and every part."""
        names = ("final", *tuning.read(thresholds)["parts"])
        return dict.fromkeys(names, ClassDecoder(self.classes))


def _read_merged(path: str) -> np.ndarray:
    return merged(read_labels(path))
