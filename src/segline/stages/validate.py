"""Check a submission against the sample, and against the images' sizes when they are known."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from segline.base.console import say
from segline.config.places import RunFiles
from segline.config.tables import Data
from segline.data.tables import described, read_shapes, settings_of
from segline.results.cost import needed
from segline.submission import classes, dialect, instances, kinds

Checker = Callable[[Path, Path, instances.Shapes | None], str]


def run(
    submission: Path, sample: Path, images: Path | None = None, run: RunFiles | None = None
) -> None:
    """Check a submission CSV against the sample (and the images' sizes).

    Prints one line, or names the first fault. With `run`, a missing file comes with what making it costs.
    """
    if run:
        needed(submission, run, "make submit")
        needed(sample, run, "make data", trains=False)
    sizes = read_shapes(images) if images else None
    if images and (way := described(images)):
        say(f"{submission}: {dialect.checked(submission, sample, way, sizes)}")
        return
    say(f"{submission}: {_checker(sample, images, run)(submission, sample, sizes)}")


def _checker(sample: Path, images: Path | None, run: RunFiles | None) -> Checker:
    """What checks a submission: as the set that was made here says, or as the sample looks."""
    data = _settings(images, run)
    if data and data.task != "instances":
        return classes.checked
    if data and data.object_classes:
        return partial(kinds.checked, n_classes=len(data.object_classes))
    if data:
        return instances.checked
    if kinds.is_sample(sample):
        return kinds.checked
    return classes.checked if classes.is_of_classes(sample) else instances.checked


def _settings(images: Path | None, run: RunFiles | None) -> Data | None:
    """Those that the images were read by, else the run's."""
    found = settings_of(images) if images else None
    return run.settings(Data) if run and not found else found
