"""Is one run better than another? Paired over the images both scored, resampled by groups."""

from __future__ import annotations

import pandas as pd

from segline.base.console import say
from segline.base.errors import UserError
from segline.config.places import RunFiles
from segline.metrics.intervals import paired_bootstrap
from segline.results.cost import needed
from segline.results.scores import MEASURES, paired


def run(run: RunFiles, base: RunFiles) -> None:
    """Gain of one run over the run `base`, in all and by modality, with a bootstrap over groups."""
    needed(run.scores, run, "make score")
    if not base.scores.exists():
        runs = sorted(path.parent.name for path in base.folder.parent.glob("*/scores.csv"))
        raise UserError(f"{base.scores}: not there; scored runs here: {', '.join(runs) or 'none'}")
    score, both = paired(base.scores, run.scores)
    say(f"{run.name} against {base.name}, {MEASURES[score]}, paired over images")
    for name, part in [("all", both), *both.groupby("modality")]:
        if part["group"].nunique() > 1:
            say(f"  {name:<14} {_words(part)}")


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
