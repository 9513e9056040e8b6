"""From a run's settings to the samplers of one fold: what training, range test and preview share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from segline.base.errors import UserError
from segline.config.stages import Training, TrainStage
from segline.samples import heads
from segline.samples.augment import Augmenter
from segline.samples.pairs import PairReader
from segline.samples.sampler import Sampler


def samplers(table: pd.DataFrame, fold: int, settings: TrainStage) -> tuple[Sampler, Sampler]:
    """Samplers of the training folds (augmented) and of the held-out fold (plain crops).

    `table` has the columns of images.csv and `fold`.
    """
    parts = [table[fitted_on(table, fold, settings.train)], table[table["fold"] == fold]]
    fit, held_out = (PairReader(part, root=Path.cwd(), table=settings.input) for part in parts)
    head, train = heads.of(settings.task, settings.target), settings.train
    common: dict[str, Any] = {
        "mode": settings.input.mode,
        "crop_px": train.crop_px,
        "teach": head.teacher(fit, len(parts[0]), settings.weights),
        "seed": train.seed,
    }
    fitting = Sampler(
        parts[0],
        fit,
        augmenter=Augmenter(settings.augment, crop_px=train.crop_px),
        modality_power=train.modality_power,
        **common,
    )
    return fitting, Sampler(parts[1], held_out, augmenter=None, **common)


def fitted_on(table: pd.DataFrame, fold: int, train: Training) -> pd.Series:
    """The rows (N,) bool that the nets of `fold` are fitted on."""
    unseen = table["modality"].isin(_known(train.without, table["modality"]))
    return (table["fold"] != fold) & ~unseen & ~table["image_id"].isin(train.skip)


def _known(names: tuple[str, ...], modality: pd.Series) -> tuple[str, ...]:
    absent = sorted(set(names) - set(modality))
    if absent:
        there = ", ".join(sorted(set(modality)))
        raise UserError(
            f"train.without: no modality {', '.join(absent)} in the data; there are {there}"
        )
    return names
