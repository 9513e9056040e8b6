"""From a run's settings to the samplers of one fold: what training, range test and preview share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from segline.base.errors import UserError
from segline.config.stages import Training, TrainStage
from segline.config.tables import Weights
from segline.samples import heads
from segline.samples.augment import Augmenter
from segline.samples.heads import Head, ReadLabels, Scaled, scaled
from segline.samples.pairs import PairReader
from segline.samples.sampler import Kinds, Sampler


def samplers(table: pd.DataFrame, fold: int, settings: TrainStage) -> tuple[Sampler, Sampler]:
    """Samplers of the training folds (augmented) and of the held-out fold (plain crops).

    `table` has the columns of images.csv and `fold`.
    """
    parts = [table[fitted_on(table, fold, settings.train)], table[table["fold"] == fold]]
    for part, what in zip(parts, ("training", "held-out"), strict=True):
        if part.empty:
            raise UserError(
                f"fold {fold}: no {what} images ({len(table)} images in folds "
                f"{', '.join(map(str, sorted(set(table['fold']))))}); check train.without, train.skip and "
                f"data.n_folds"
            )
    classes = settings.task.classes if settings.task.name == "instances" else ()
    fit, held_out = (
        PairReader(part, root=Path.cwd(), table=settings.input, classes=classes) for part in parts
    )
    head, train = heads.of(settings.task, settings.target), settings.train
    common: dict[str, Any] = {
        "mode": settings.input.mode,
        "crop_px": train.crop_px,
        "teach": _teacher(head, fit.labels, len(parts[0]), settings.weights),
        "seed": (train.seed, fold),
    }
    kinds = _kinds(fit, len(parts[0])) if classes else None
    fitting = Sampler(
        parts[0],
        fit,
        augmenter=Augmenter(
            settings.augment, crop_px=train.crop_px, bands=bool(settings.input.bands)
        ),
        modality_power=train.modality_power,
        per_epoch=train.crops_per_epoch // train.batch_size * train.batch_size,
        kinds=kinds,
        **common,
    )
    of_held_out = kinds._replace(read=held_out.kinds) if kinds else None
    return fitting, Sampler(parts[1], held_out, augmenter=None, kinds=of_held_out, **common)


def _kinds(fit: PairReader, n_images: int) -> Kinds:
    """The classes of the training fold's objects, each pixel of which weighs so much that the mean is 1."""
    inside, total = 0, 0
    for row in range(n_images):
        known = fit.kinds(row)[fit.labels(row)] > 0
        inside, total = inside + int(known.sum()), total + known.size
    if not inside:
        raise UserError("training fold: no object whose class is known; make data again")
    return Kinds(fit.kinds, total / inside)


def _teacher(head: Head, read: ReadLabels, n_images: int, weights: Weights) -> Scaled:
    """One teacher for both samplers, its weights scaled over the training fold."""
    try:
        return scaled(head.teacher(read, n_images, weights), read, n_images)
    except ValueError as error:
        raise UserError(f"training fold: {error}") from None


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
