"""Raw competition files to one manifest, one label image a picture, a list of problems."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from segline.base import files, leftovers
from segline.base.console import console, say
from segline.config import claims, stages
from segline.config.places import DataFiles, RunFiles, maker
from segline.config.tables import Data
from segline.data import (
    companions,
    faults,
    identity,
    intake,
    object_kinds,
    raw_files,
    semantic_checks,
    summary,
)
from segline.data.intake import Found
from segline.data.layouts import (
    ObjectSource,
    Reading,
    SemanticSource,
    Source,
    dialect,
    open_raw,
    open_semantic,
)
from segline.masks.classes import Classes, of_data


def _asked(run: RunFiles) -> tuple[Path, Data]:
    """The folder of raw files, and how they are to be read."""
    raw = Path(files.read_text(run.raw).rstrip("\n"))
    return raw, stages.read(run.data.settings, Data)


def _is_fresh(run: RunFiles) -> bool:
    """Whether Make would not call this stage."""
    raw, settings = _asked(run)
    return run.data.images.exists() and not raw_files.changes(raw, run.data, settings)


@claims.makes_data(_is_fresh)
def run(run: RunFiles) -> None:
    """Decode and check the raw files; write images.csv and what it names.

    The folder they were read from is remembered, and what was in it.
    """
    raw, settings = _asked(run)
    changes = raw_files.changes(raw, run.data, settings)
    if changes:
        say(f"{run.data.folder} is made again: {changes}")
    origin = raw_files.origin(raw, run.data, settings)  # what changes meanwhile is read again

    def remember() -> None:
        raw_files.remember_origin(run.data, origin)
        raw_files.remember(run.root, settings, raw)

    with identity.time_kept_if_same(run.data, origin):
        ingest(raw, run.data, settings, when_read=remember)


def ingest(
    raw: Path,
    data: DataFiles,
    settings: Data,
    root: Path | None = None,
    when_read: Callable[[], None] = lambda: None,
) -> None:
    """Read the raw folder `raw` into the data set's folder.

    Writes `images/`, `labels/`, the sample submission, the solution (if there is one), the list of
    problems, the summary and, last, images.csv, whose paths are relative to `root` (the current folder by
    default). UserError for faulty files, which are listed, or if they are left out (`strict` is off) when
    no training picture is left; and for whatever `semantic_checks` refuses, before anything is replaced.
    """
    classes = of_data(settings)
    opened = _opened(raw, settings, classes)
    if isinstance(opened, ObjectSource):
        console.print(opened.reading)
    examine = partial(semantic_checks.examined, classes=classes) if classes else intake.examined
    with _replacing_pictures(data) as new:
        found = intake.read(opened, examine, new, data.folder, root or Path.cwd())
        usable = [row["image_id"] for row in found.rows if row["split"] == "train"]
        faults.refuse(found.problems, usable, data.faults, raw, strict=settings.strict)
        if classes:
            found.problems += semantic_checks.check(found.rows, found.problems, raw)
        images = intake.manifest(found, classes, settings)
        sample = companions.sample(opened, images, settings, classes)
        found.problems += companions.unlisted(sample, opened, images, found.problems, settings)
    companions.write(opened, data, sample)
    faults.write(data.problems, found.problems)
    shown = _summary(found, images, opened, classes)
    kinds = object_kinds.table(found.kinds, settings.object_classes)
    if settings.object_classes:
        shown |= object_kinds.summarise(kinds, settings.object_classes)
    console.print(summary.table(shown, title=str(raw)))
    if found.problems:
        say(f"each problem: {data.problems}")
    if settings.object_classes:
        console.print(object_kinds.told(shown))
        files.write_csv(data.object_classes, kinds, seal=maker(data.object_classes))
    else:
        files.remove(data.object_classes)
    files.remove(data.faults)
    files.write_json(data.summary, shown, seal=maker(data.summary))
    when_read()  # before the set counts as made
    files.write_csv(data.images, images, seal=maker(data.images))


def _summary(
    found: Found, images: pd.DataFrame, source: Source, classes: Classes | None
) -> dict[str, Any]:
    """What summary.json holds, but for classes of objects."""
    shown = summary.summarise(
        images, found.problems, data_hash=found.data_hash(), of_objects=classes is None
    )
    if classes and isinstance(source, SemanticSource):
        shown |= semantic_checks.summarise(found.rows, source.classes)
    return shown | {"train_hash": found.train_hash(images)}


def _opened(raw: Path, settings: Data, classes: Classes | None) -> Source:
    reading, name = Reading.of(settings), settings.source
    if settings.described:
        return dialect.open_raw(raw, settings.described, classes, reading.choice)
    return open_semantic(name, raw, classes, reading) if classes else open_raw(name, raw, reading)


@contextlib.contextmanager
def _replacing_pictures(data: DataFiles) -> Iterator[Path]:
    """Yield a folder for new `images` and `labels`; they replace the old ones if the block succeeds."""
    out = data.folder
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=leftovers.prefix("new")) as name:
        new = Path(name)
        yield new
        files.remove(data.images)
        for folder in raw_files.PICTURES:
            shutil.rmtree(out / folder, ignore_errors=True)
            (new / folder).mkdir(exist_ok=True)
            (new / folder).rename(out / folder)
