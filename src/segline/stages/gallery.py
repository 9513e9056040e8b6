"""A picture of out-of-fold results: of each modality the median image, or the worst images of all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from segline import figures, maps, tasks
from segline.console import console
from segline.files import read_image, read_json, read_labels, write_image
from segline.scores import read_scored


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
    """Draw image, maps, true and found outlines; `worst` > 0 draws that many images of lowest score."""
    task = tasks.of(read_json(thresholds).get("task"))
    table = read_scored(images, folds, oof, scores=scores, score=task.score)
    table = table.rename(columns={task.score: "score"})
    chosen = table.nsmallest(worst, "score") if worst else _median_of_each_modality(table)
    made = task.recipes(thresholds, second)
    rows = [
        pictures(image, made[image.part], f"{image.modality}, {task.score_name} {image.score:.2f}")
        for image in chosen.itertuples(index=False)
    ]
    write_image(out, figures.sheet(rows))
    console.print(f"wrote {out} ({len(rows)} images)")


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
