"""Is one run better than another? Paired over the images both scored, resampled by groups."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from segline.console import console
from segline.errors import UserError
from segline.files import read_csv
from segline.uncertainty import paired_bootstrap


def run(*, base: Path, other: Path) -> None:
    """Print the gain of `other` over `base` (two scores.csv), in all and by modality."""
    both = _paired(base, other)
    console.print(f"{other.parent.name} against {base.parent.name}, mAP, paired over images")
    for name, part in [("all", both), *both.groupby("modality")]:
        if part["group"].nunique() > 1:
            console.print(f"  {name:<14} {_words(part)}")


def _paired(base: Path, other: Path) -> pd.DataFrame:
    columns = ("image_id", "group", "modality", "ap")
    left, right = (read_csv(path, columns, dtype={"group": str}) for path in (base, other))
    both = left[list(columns)].merge(right[["image_id", "ap"]], on="image_id")
    if both.empty:
        raise UserError(f"{base} and {other} have no image in common; compare runs of one fold")
    return both.assign(gain=both["ap_y"] - both["ap_x"])


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
