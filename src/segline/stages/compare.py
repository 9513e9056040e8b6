"""Is one run better than another? Paired over the images both scored, resampled by groups."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from segline.console import console
from segline.errors import UserError
from segline.files import read_csv
from segline.uncertainty import paired_bootstrap

MEASURES = {"dice": "mean Dice", "ap": "mAP"}  # columns of scores.csv; class masks have the first


def run(*, base: Path, other: Path) -> None:
    """Print the gain of `other` over `base` (two scores.csv), in all and by modality."""
    both = _paired(base, other)
    measure = MEASURES[both.attrs["score"]]
    console.print(f"{other.parent.name} against {base.parent.name}, {measure}, paired over images")
    for name, part in [("all", both), *both.groupby("modality")]:
        if part["group"].nunique() > 1:
            console.print(f"  {name:<14} {_words(part)}")


def _paired(base: Path, other: Path) -> pd.DataFrame:
    common = ("image_id", "group", "modality")
    left, right = (read_csv(path, common, dtype={"group": str}) for path in (base, other))
    score = next((name for name in MEASURES if name in left and name in right), None)
    if score is None:
        raise UserError(f"{base} and {other} have no score in common; compare runs of one task")
    both = left[[*common, score]].merge(right[["image_id", score]], on="image_id")
    if both.empty:
        raise UserError(f"{base} and {other} have no image in common; compare runs of one fold")
    both["gain"] = both[f"{score}_y"] - both[f"{score}_x"]
    both.attrs["score"] = score
    return both


def _words(part: pd.DataFrame) -> str:
    found = paired_bootstrap(part["gain"], part["group"])
    if found.low > 0:
        verdict = "better"
    elif found.high < 0:
        verdict = "worse"
    else:
        verdict = "no difference shown"
    return (
        f"{found.difference:+.4f}  95 % interval {found.low:+.4f} to {found.high:+.4f}: {verdict} "
        f"({found.n_images} images, {found.n_groups} groups)"
    )
