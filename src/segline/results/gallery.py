"""Out-of-fold results as pictures: of each modality the median image, or the worst images of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from segline import tasks
from segline.base.files import read_image, read_labels
from segline.config.places import RunFiles
from segline.config.stages import TuneStage
from segline.masks.classes import IGNORE
from segline.objects import maps
from segline.objects.decoders import ObjectDecoder
from segline.results import figures
from segline.results.scores import read_scored
from segline.tasks import Task


class Scored(NamedTuple):
    """Out-of-fold images with their scores, and what makes objects or classes of their maps."""

    task: Task
    table: pd.DataFrame  # a row an image, its `score` among the columns
    decoders: Mapping[str, Any]


def read(run: RunFiles) -> Scored:
    """What a run's files say of its out-of-fold images."""
    task = tasks.of(run.settings(TuneStage).task)
    table = read_scored(run, score=task.score).rename(columns={task.score: "score"})
    return Scored(task, table, task.decoders(run.thresholds, run.second_if_fitted))


def drawn(scored: Scored, *, worst: int = 0) -> np.ndarray:
    """Image, maps, true and found outlines of the median image of each modality, (H, W, 3) uint8 RGB.

    `worst` > 0 draws that many images of lowest score instead.
    """
    table, name = scored.table, scored.task.score_name
    chosen = table.nsmallest(worst, "score") if worst else _median_of_each_modality(table)
    return figures.sheet(
        [
            pictures(
                image, scored.decoders[image.part], f"{image.modality}, {name} {image.score:.2f}"
            )
            for image in chosen.itertuples(index=False)
        ]
    )


def _median_of_each_modality(table: pd.DataFrame) -> pd.DataFrame:
    ordered = table.sort_values("score")
    middle = [part.iloc[(len(part) - 1) // 2] for _, part in ordered.groupby("modality")]
    return pd.DataFrame(middle)


def pictures(image: Any, decoder: Any, caption: str) -> list[np.ndarray]:
    """The row of one image: `image` names its files."""
    probs = maps.read_mean(image.oof, image.image_id)
    pixels, truth = read_image(image.image), read_labels(image.labels)
    if not isinstance(decoder, ObjectDecoder):
        truth[truth == IGNORE] = 0  # which is no class to outline
    return figures.result_row(pixels, probs, truth, decoder(probs), caption)
