"""Check a submission against the sample, and against the images' sizes when they are known."""

from __future__ import annotations

from pathlib import Path

from segline.base.console import console
from segline.base.files import read_csv
from segline.config import stages
from segline.config.places import DataFiles, RunFiles
from segline.config.tables import Data
from segline.data.tables import described, shapes
from segline.results.cost import needed
from segline.submission import classes, dialect, instances


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
        console.print(f"{submission}: {dialect.checked(submission, sample, way, sizes)}")
        return
    module = classes if _is_of_classes(sample, images) else instances
    console.print(f"{submission}: {module.checked(submission, sample, sizes)}")


def _is_of_classes(sample: Path, images: Path | None) -> bool:
    """Whether the sample is one of classes, or the images are a set of class masks made here."""
    settings = DataFiles(images.parent).settings if images else None
    if settings and settings.exists():
        return stages.read(settings, Data).task != "instances"
    return classes.is_of_classes(sample)
