"""Hand a submission in by the Kaggle CLI."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from segline.base.errors import UserError
from segline.config.places import RunFiles
from segline.results.cost import needed

COMPETITION = "data-science-bowl-2018"


def run(run: RunFiles, submission: Path) -> None:
    """Submit a finished CSV to Kaggle."""
    needed(submission, run, "make submit")
    if shutil.which("kaggle") is None:
        raise UserError("no kaggle command; pip install kaggle and put your token in ~/.kaggle")
    command = ["kaggle", "competitions", "submit", "-c", COMPETITION]
    answer = subprocess.run([*command, "-f", str(submission), "-m", run.name])
    if answer.returncode:
        raise UserError(f"{' '.join(command)}: failed with status {answer.returncode}")
