"""From a run's settings to its samplers: what training and preview share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from segline import tasks
from segline.augment import Augmenter
from segline.errors import UserError
from segline.manifest import PairReader
from segline.samples import Sampler


def samplers(table: pd.DataFrame, fold: int, settings: dict[str, Any]) -> tuple[Sampler, Sampler]:
    """Samplers of the training folds (augmented) and of the held-out fold (plain crops).

    `table` has the columns of images.csv and `fold`; `settings` is the content of params/train.json.
    """
    parts = [table[fitted_on(table, fold, settings["train"])], table[table["fold"] == fold]]
    readers = [PairReader(part, root=Path.cwd(), normalisation=settings["input"]) for part in parts]
    train, task = settings["train"], tasks.of(settings["task"])
    common: dict[str, Any] = {
        "mode": settings["input"]["mode"],
        "crop_px": train["crop_px"],
        "teach": task.teacher(readers[0], len(parts[0]), settings),
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


def fitted_on(table: pd.DataFrame, fold: int, train: dict[str, Any]) -> pd.Series:
    """The rows (N,) bool that the nets of `fold` are fitted on, by the table `train` of its settings."""
    unseen = table["modality"].isin(_known(train["without"], table["modality"]))
    return (table["fold"] != fold) & ~unseen & ~table["image_id"].isin(train["skip"])


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
    return 3 if settings["input"]["mode"] == "rgb" else 1


def sizes(settings: dict[str, Any]) -> dict[str, Any]:
    """What the loader must know of a sample's arrays, as its keyword arguments."""
    return {
        "crop_px": settings["train"]["crop_px"],
        "channels": channels(settings),
        "target_channels": tasks.of(settings["task"]).target_channels,
        "distance": settings["target"]["distance"],
    }
