"""Check a submission against the sample, and against the images' sizes when they are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segline.base.files import read_csv
from segline.config import stages
from segline.config.places import DataFiles, RunFiles
from segline.config.tables import Data
from segline.data.tables import described, shapes
from segline.results.cost import needed
from segline.results.messages import say
from segline.submission import classes, dialect, instances, kinds


def run(
    submission: Path, sample: Path, images: Path | None = None, run: RunFiles | None = None
) -> None:
    """Check a submission CSV against the sample (and the images' sizes).

    Prints one line, or names the first fault. With `run`, a missing file comes with what making it costs.
    """
    if run:
        needed(submission, run, "make submit")
        needed(sample, run, "make data", trains=False)
    sizes = shapes(read_csv(images, ("image_id", "height", "width"))) if images else None
    if images and (way := described(images)):
        say(f"{submission}: {dialect.checked(submission, sample, way, sizes)}")
        return
    module = _module(sample, images)
    say(f"{submission}: {module.checked(submission, sample, sizes)}")


def _module(sample: Path, images: Path | None) -> Any:
    """What checks a submission: as the set that was made here says, or as the sample looks."""
    settings = DataFiles(images.parent).settings if images else None
    if settings and settings.exists():
        data = stages.read(settings, Data)
        of_objects = kinds if data.object_classes else instances
        return of_objects if data.task == "instances" else classes
    if kinds.is_sample(sample):
        return kinds
    return classes if classes.is_of_classes(sample) else instances
