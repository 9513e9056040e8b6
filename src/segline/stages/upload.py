"""Hand a submission in by the Kaggle CLI."""

from __future__ import annotations

from pathlib import Path

from segline.base import kaggle
from segline.base.errors import UserError
from segline.config.places import RunFiles
from segline.results.cost import needed


def run(run: RunFiles, submission: Path, competition: str = "") -> None:
    """Submit a finished CSV to Kaggle; `competition` is its slug there."""
    needed(submission, run, "make submit")
    if not competition:
        raise UserError(
            f"{run.name}: its config names no competition; set data.competition to the last part of the "
            f"address of the competition's page, such as airbus-ship-detection"
        )
    kaggle.competitions(
        *("submit", competition, "-f", str(submission), "-m", run.name),
        success="uccessfully submitted",
    )
