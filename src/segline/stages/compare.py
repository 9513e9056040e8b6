"""Is one run better than another? Paired over the images both scored, resampled by groups."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from segline.console import console
from segline.scores import MEASURES, paired
from segline.uncertainty import paired_bootstrap


def run(*, base: Path, other: Path) -> None:
    """Print the gain of `other` over `base` (two scores.csv), in all and by modality."""
    score, both = paired(base, other)
    runs = f"{other.parent.name} against {base.parent.name}"
    console.print(f"{runs}, {MEASURES[score]}, paired over images")
    for name, part in [("all", both), *both.groupby("modality")]:
        if part["group"].nunique() > 1:
            console.print(f"  {name:<14} {_words(part)}")


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
