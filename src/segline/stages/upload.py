"""Hand a submission in by the Kaggle CLI."""

from __future__ import annotations

from pathlib import Path

from segline.base import kaggle
from segline.config.places import RunFiles
from segline.results.cost import needed

COMPETITION = "data-science-bowl-2018"


def run(run: RunFiles, submission: Path) -> None:
    """Submit a finished CSV to Kaggle."""
    needed(submission, run, "make submit")
    kaggle.competitions(
        *("submit", COMPETITION, "-f", str(submission), "-m", run.name),
        success="uccessfully submitted",
    )
