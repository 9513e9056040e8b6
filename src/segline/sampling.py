"""From a run's settings to its samplers: what training and preview share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from segline.augment import Augmenter
from segline.errors import UserError
from segline.manifest import PairReader
from segline.samples import Sampler, fold_class_weights


def samplers(table: pd.DataFrame, fold: int, settings: dict[str, Any]) -> tuple[Sampler, Sampler]:
    """Samplers of the training folds (augmented) and of the held-out fold (plain crops).

    `table` has the columns of images.csv and `fold`; `settings` is the content of params/train.json.
    """
    unseen = table["modality"].isin(_known(settings["train"]["without"], table["modality"]))
    skipped = table["image_id"].isin(settings["train"]["skip"])
    fitted_on = (table["fold"] != fold) & ~unseen & ~skipped
    parts = [table[fitted_on], table[table["fold"] == fold]]
    readers = [PairReader(part, root=Path.cwd(), normalisation=settings["input"]) for part in parts]
    train, weights = settings["train"], settings["weights"]
    common: dict[str, Any] = {
        "mode": settings["input"]["mode"],
        "crop_px": train["crop_px"],
        "border": _border(settings["target"]),
        "w0": weights["w0"],
        "sigma": weights["sigma"],
        "class_weights": fold_class_weights(parts[0], readers[0], method=weights["class_weights"]),
        "seed": train["seed"],
    }
    fitting = Sampler(
        parts[0],
        readers[0],
        augmenter=Augmenter(crop_px=train["crop_px"], **settings["augment"]),
        modality_power=train["modality_power"],
        **common,
    )
    return fitting, Sampler(parts[1], readers[1], augmenter=None, **common)


def _known(names: list[str], modality: pd.Series) -> list[str]:
    absent = sorted(set(names) - set(modality))
    if absent:
        there = ", ".join(sorted(set(modality)))
        raise UserError(
            f"train.without: no modality {', '.join(absent)} in the data; there are {there}"
        )
    return names


def channels(settings: dict[str, Any]) -> int:
    """Number of channels of the net's input."""
    return 1 if settings["input"]["mode"] == "nuclei" else 3


def _border(target: dict[str, Any]) -> dict[str, Any]:
    """The target table as keyword arguments of `targets.body_border`."""
    areas = [*target["border_area_px"], np.inf]
    widths = tuple(zip(areas, target["border_px"], strict=True))
    return {"widths": widths, "gap_px": target["gap_px"]}
