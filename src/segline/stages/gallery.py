"""A picture of out-of-fold results: of each modality the median image, or the worst images of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from segline import figures, maps, tasks
from segline.console import console
from segline.files import read_image, read_json, read_labels, write_image
from segline.scores import read_scored
from segline.tasks import Task


class Judged(NamedTuple):
    """Out-of-fold images with their scores, and what makes objects or classes of their maps."""

    task: Task
    table: pd.DataFrame  # a row an image, its `score` among the columns
    recipes: Mapping[str, Any]


def run(
    *,
    images: Path,
    folds: Path,
    oof: Sequence[Path],
    thresholds: Path,
    second: Path | None,
    scores: Path,
    worst: int,
    out: Path,
) -> None:
    """Write the picture that `drawn` makes."""
    judged = read(
        images=images, folds=folds, oof=oof, thresholds=thresholds, second=second, scores=scores
    )
    write_image(out, drawn(judged, worst=worst))
    console.print(f"wrote {out}")


def read(
    *,
    images: Path,
    folds: Path,
    oof: Sequence[Path],
    thresholds: Path,
    second: Path | None,
    scores: Path,
) -> Judged:
    """What a run's files say of its out-of-fold images."""
    task = tasks.of(read_json(thresholds).get("task"))
    table = read_scored(images, folds, oof, scores=scores, score=task.score)
    table = table.rename(columns={task.score: "score"})
    return Judged(task, table, task.recipes(thresholds, second))


def drawn(judged: Judged, *, worst: int = 0) -> np.ndarray:
    """Image, maps, true and found outlines of the median image of each modality, (H, W, 3) uint8 RGB.

    `worst` > 0 draws that many images of lowest score instead.
    """
    table = judged.table
    chosen = table.nsmallest(worst, "score") if worst else _median_of_each_modality(table)
    name = judged.task.score_name
    return figures.sheet(
        [
            pictures(
                image, judged.recipes[image.part], f"{image.modality}, {name} {image.score:.2f}"
            )
            for image in chosen.itertuples(index=False)
        ]
    )


def _median_of_each_modality(table: pd.DataFrame) -> pd.DataFrame:
    ordered = table.sort_values("score")
    middle = [part.iloc[(len(part) - 1) // 2] for _, part in ordered.groupby("modality")]
    return pd.DataFrame(middle)


def pictures(image: Any, recipe: Any, caption: str) -> list[np.ndarray]:
    """The row of one image: `image` names its files."""
    probs = maps.read_mean(image.oof, image.image_id)
    found = recipe(probs)
    pixels, truth = read_image(image.image), read_labels(image.labels)
    return figures.result_row(pixels, probs, truth, found, caption)
