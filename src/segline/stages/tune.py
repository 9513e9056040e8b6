"""Thresholds by the competition's metric on out-of-fold maps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from segline import maps, tuning
from segline.config import read_stage
from segline.console import console
from segline.files import read_labels, write_json
from segline.manifest import read_out_of_fold
from segline.workers import pooled

OPTIONS = ("fill_holes", "surface")


def run(*, params: Path, images: Path, folds: Path, oof: Sequence[Path], out: Path) -> None:
    """Write `final` thresholds (from all images) and, for each part, those from the other parts."""
    settings = read_stage(params)
    axes = {name: settings[name] for name in tuning.Thresholds._fields}
    table = read_out_of_fold(images, folds, oof)
    options = {name: settings[name] for name in OPTIONS}
    scores = _scores(table, axes, options)
    names = tuning.parts(table, unseen=settings["unseen"])
    tuned = {
        name: tuning.best(scores[tuning.fitted_on(names, name)], axes)
        for name in ("final", *np.unique(names))
    }
    final = tuned.pop("final")
    write_json(
        out,
        {
            "final": final._asdict(),
            "parts": {part: choice._asdict() for part, choice in tuned.items()},
            "options": options,
            "unseen": settings["unseen"],
            "n_images": len(table),
        },
    )
    console.print(f"tuned on {len(table)} out-of-fold images: {_words(final)}")
    for part, choice in tuned.items():
        console.print(f"  without {part}: {_words(choice)}")


def _scores(table: pd.DataFrame, axes: dict, options: dict) -> np.ndarray:
    """mAP of every image (rows) under every choice (columns)."""
    score = partial(_image_scores, choices=tuning.grid(axes), options=options)
    jobs = list(zip(table["image_id"], table["labels"], table["oof"], strict=True))
    return np.array(pooled(score, jobs))


def _image_scores(
    job: tuple[str, str, list[Path]], choices: Sequence[tuning.Thresholds], options: dict
) -> np.ndarray:
    image_id, labels_path, map_paths = job
    truth, probs = read_labels(labels_path), maps.read_mean(map_paths, image_id)
    return tuning.grid_scores(truth, probs, choices, **options)


def _words(choice: tuning.Thresholds) -> str:
    return ", ".join(f"{name} {value}" for name, value in choice._asdict().items())
