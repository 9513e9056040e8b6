"""What a run's scores.csv says, beside the maps that were scored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from segline.files import read_csv
from segline.manifest import read_out_of_fold


def read_scored(
    images: Path, folds: Path, oof: Sequence[Path], *, scores: Path, score: str
) -> pd.DataFrame:
    """The rows of `read_out_of_fold` that `scores`, a scores.csv, has too, with its `score` and `part`."""
    columns = ["image_id", score, "part"]
    found = read_csv(scores, tuple(columns), dtype={"image_id": str})[columns]
    return read_out_of_fold(images, folds, oof).merge(found, on="image_id")
