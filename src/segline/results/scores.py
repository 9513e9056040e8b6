"""What runs' scores.csv and cv.json say: beside the maps, against another run, by kind of image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from segline.base.errors import UserError
from segline.base.files import read_csv, read_json
from segline.base.reading import refusing
from segline.config.places import RunFiles
from segline.objects import out_of_fold

MEASURES = {"dice": "mean Dice", "ap": "mAP"}  # columns of scores.csv; class masks have the first
REMEDY = "remove it, and make score makes it again"
KINDS = {  # what tables call modalities that share a column
    "fluorescence": ("fluorescence",),
    "tissue": ("tissue_light", "tissue_purple"),
    "brightfield": ("brightfield",),
}


def read_cv(path: Path) -> dict[str, Any]:
    """cv.json; UserError for one that has no mean score."""
    return read_json(path, {"mean": (float, int)})


def _read_scores(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """scores.csv; UserError for one that is cut off."""
    table = read_csv(path, columns)
    with refusing(path, "table of scores", REMEDY):
        return table.astype(dict.fromkeys(table.columns.intersection([*MEASURES]), float))


def read_scored(run: RunFiles, *, score: str) -> pd.DataFrame:
    """The rows of `out_of_fold.read` that a run's scores.csv has too, with its `score` and `part`."""
    columns = ["image_id", score, "part"]
    found = _read_scores(run.scores, tuple(columns))[columns]
    return out_of_fold.read(run.data, run.judged_maps("oof")).merge(found, on="image_id")


def paired(base: Path, other: Path) -> tuple[str, pd.DataFrame]:
    """The score that both scores.csv have, and their common images with the gain of `other` over `base`."""
    common = ["image_id", "group", "modality"]
    left, right = (_read_scores(path, tuple(common)) for path in (base, other))
    score = next((name for name in MEASURES if name in left and name in right), None)
    if score is None:
        raise UserError(f"{base} and {other} have no score in common; compare runs of one task")
    both = left[[*common, score]].merge(right[["image_id", score]], on="image_id")
    if both.empty:
        raise UserError(f"{base} and {other} have no image in common; compare runs of one fold")
    return score, both.assign(gain=both[f"{score}_y"] - both[f"{score}_x"])


def means_by_kind(modalities: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The mean score over the images of each of `KINDS`, `-` without any, from `mean` and `n_images`.

    >>> light, purple = {"mean": 0.5, "n_images": 1}, {"mean": 0.8, "n_images": 2}
    >>> means_by_kind({"tissue_light": light, "tissue_purple": purple})
    ['-', '0.700', '-']
    """
    return [
        _pooled_mean([modalities[name] for name in names if name in modalities])
        for names in KINDS.values()
    ]


def _pooled_mean(parts: list[Mapping[str, Any]]) -> str:
    n_images = sum(part["n_images"] for part in parts)
    if not n_images:
        return "-"
    return f"{sum(part['mean'] * part['n_images'] for part in parts) / n_images:.3f}"


def mean_and_error(found: Mapping[str, Any]) -> str:
    """`mean` and, where there is one, `standard_error` of a cv.json or a part of it."""
    error = found["standard_error"]
    return f"{found['mean']:.3f}" + ("" if error is None else f" ± {error:.3f}")
