"""Raw competition files to one manifest, one label image a picture, a list of problems."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from rich.progress import track

from segline.base import files
from segline.base.console import console
from segline.base.errors import UserError
from segline.config.places import DataFiles, RunFiles
from segline.config.tables import Data
from segline.data import (
    fields,
    label_checks,
    object_kinds,
    raw_files,
    semantic_checks,
    sources,
    summary,
)
from segline.data.layouts import (
    ObjectSource,
    Problem,
    Reading,
    Record,
    SemanticSource,
    Source,
    dialect,
    open_raw,
    open_semantic,
)
from segline.data.modality import modality
from segline.data.tables import IMAGE_COLUMNS, SEMANTIC_COLUMNS
from segline.masks.classes import Classes, of_data
from segline.submission import classes as class_submission
from segline.submission import dialect as dialect_submission
from segline.submission import kinds as kinds_submission

THREADS = 2
BATCH = 24  # pictures in flight, so that memory does not grow with the data set
PICTURES = ("images", "labels")
Examined = tuple[Record, dict | None]  # a record and its row; None if it cannot be used


def run(run: RunFiles) -> None:
    """Decode and check the raw files; write images.csv and what it names.

    The folder they were read from is remembered, and what was in it.
    """
    raw = Path(run.raw.read_text().rstrip("\n"))
    listing = raw_files.listing(raw)  # before reading: what changes meanwhile is read again
    ingest(raw, run.data, run.settings(Data))
    files.write_json(run.data.raw_listing, listing)
    raw_files.remember(run.root, run.data.folder.name, raw)


def ingest(raw: Path, data: DataFiles, settings: Data, root: Path | None = None) -> None:
    """Read the raw folder `raw` into the data set's folder.

    Writes `images/`, `labels/`, the sample submission, the solution (if there is one), the list of
    problems, the summary and, last, images.csv, whose paths are relative to `root` (the current folder by
    default). Pictures that cannot be used are listed and left out; UserError when no training picture is
    left, and for whatever `semantic_checks` refuses, before anything is replaced.
    """
    classes = of_data(settings)
    opened = _opened(raw, settings, classes)
    if isinstance(opened, ObjectSource):
        console.print(opened.reading)
    examine = partial(semantic_checks.examined, classes=classes) if classes else _examined
    with _replacing_pictures(data) as new:
        found = _ingest(opened, examine, new, data.folder, root or Path.cwd())
        if classes:
            found.problems += semantic_checks.check(found.rows, found.problems, raw)
        elif not any(row["split"] == "train" for row in found.rows):
            _write_problems(data, found)
            raise UserError(f"{raw}: no training image can be used; see {data.problems}")
        images = _manifest(found, classes, settings.object_classes)
        sample = _sample(opened, images, settings, classes)
    _write_companions(opened, data, sample)
    found.problems += _unlike(_listed(sample, settings), images)
    _write_problems(data, found)
    shown = summary.summarise(
        images, found.problems, data_hash=found.data_hash(), of_objects=classes is None
    )
    if classes and isinstance(opened, SemanticSource):
        shown |= semantic_checks.summarise(found.rows, opened.classes)
    console.print(summary.table(shown, title=str(raw)))
    if found.problems:
        console.print(f"each problem: {data.problems}")
    if settings.object_classes:
        kinds = object_kinds.table(found.kinds, settings.object_classes)
        shown |= object_kinds.summarise(kinds, settings.object_classes)
        console.print(object_kinds.told(shown))
        files.write_csv(data.object_classes, kinds)
    else:
        data.object_classes.unlink(missing_ok=True)
    files.write_json(data.summary, shown)
    files.write_csv(data.images, images)


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
    with tempfile.TemporaryDirectory(dir=out, prefix=".new-") as name:
        new = Path(name)
        yield new
        data.images.unlink(missing_ok=True)
        for folder in PICTURES:
            shutil.rmtree(out / folder, ignore_errors=True)
            (new / folder).mkdir(exist_ok=True)
            (new / folder).rename(out / folder)


@dataclass
class Found:
    """What is kept of the pictures once they are written: small things only."""

    rows: list[dict] = field(default_factory=list)
    borders: list[fields.Borders] = field(default_factory=list)
    looks: list[np.ndarray] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    pixels: dict[bytes, int] = field(default_factory=dict)  # hash of pixels -> first row with them
    copies: list[tuple[int, int]] = field(default_factory=list)  # rows with the same pixels
    content: list[str] = field(default_factory=list)
    kinds: dict[str, np.ndarray] = field(default_factory=dict)  # the classes of an image's objects

    def data_hash(self) -> str:
        """16 hexadecimal digits over ids, image bytes and labels, in any order of reading."""
        text = "\n".join(sorted(self.content))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _ingest(
    source: Source, examine: Callable[[Record], Examined], new: Path, out: Path, root: Path
) -> Found:
    """Read all pictures into the folder `new`; the rows name them as they will lie in `out`."""
    found = Found(problems=list(source.problems))
    total = len(source.keys())
    records = track(_loaded(source, examine), "reading", total, console=console, transient=True)
    for record, row in records:
        found.problems += record.problems
        if row is not None:
            _keep(found, record, row, new)
            for column in ("image", "labels"):
                row[column] = _relative(out / row[column], root) if row[column] else ""
    return found


def _loaded(source: Source, examine: Callable[[Record], Examined]) -> Iterator[Examined]:
    with ThreadPoolExecutor(THREADS) as pool:
        keys = source.keys()
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH]
            yield from pool.map(lambda key: examine(source.load(key)), batch)


def _examined(record: Record) -> Examined:
    """The record and its row of the manifest, still without paths; None if it cannot be used."""
    if record.image is None:
        return record, None
    if record.labels is not None:
        if not record.labels.any():
            record.note("image without objects", "kept, with an empty label image")
        for kind, detail in label_checks.odd_objects(record.labels):
            record.note(kind, detail)
    return record, {
        "image_id": record.key.image_id,
        "split": record.key.split,
        "height": record.image.shape[0],
        "width": record.image.shape[1],
        "n_objects": 0 if record.labels is None else int(record.labels.max()),
        "modality": record.modality or modality(record.image),
        "group": record.group,
        "validation": int(record.validation),
    }


def _keep(found: Found, record: Record, row: dict, new: Path) -> None:
    assert record.image is not None
    row |= {"image": f"images/{record.key.image_id}{record.suffix}", "labels": ""}
    files.write_bytes(new / row["image"], record.data)
    digest = hashlib.sha256(record.data).hexdigest()
    if record.labels is not None:
        suffix = files.labels_suffix(row["n_objects"])
        row["labels"] = f"labels/{record.key.image_id}{suffix}"
        files.write_labels(new / row["labels"], record.labels)
        digest += hashlib.sha256(record.labels.astype("<i4").tobytes()).hexdigest()
    if record.kinds is not None:
        found.kinds[record.key.image_id] = record.kinds
        digest += hashlib.sha256(record.kinds.astype("<i4").tobytes()).hexdigest()
    found.content.append(f"{record.key.split}/{record.key.image_id} {digest}")
    _note_copy(found, record)
    found.rows.append(row)
    found.borders.append(fields.borders(record.image))
    found.looks.append(sources.features(record.image))


def _note_copy(found: Found, record: Record) -> None:
    assert record.image is not None
    pixels = hashlib.sha256(repr(record.image.shape).encode() + record.image.tobytes()).digest()
    first = found.pixels.setdefault(pixels, len(found.rows))
    if first < len(found.rows):
        found.copies.append((first, len(found.rows)))
        detail = f"same pixels as {found.rows[first]['image_id']}"
        found.problems.append(Problem(record.key.image_id, "duplicate image", detail))


def _relative(path: Path, root: Path) -> str:
    """Path from `root` if it lies inside, else the whole path."""
    path, root = path.resolve(), root.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _manifest(
    found: Found, classes: Classes | None, object_classes: tuple[str, ...]
) -> pd.DataFrame:
    table = pd.DataFrame(found.rows)
    if object_classes:
        present = object_kinds.strata(table["image_id"], found.kinds, object_classes)
        table["stratum"] = np.where(table["split"] == "train", present, "")
    if classes:
        table["stratum"] = semantic_checks.strata(found.rows, classes)
    if (table["group"] != "").any():  # who names groups knows better than the borders
        table["group"] = table["group"].where(table["group"] != "", table["image_id"])
    else:
        members = fields.assign(found.borders, joined=found.copies)
        table["group"] = _names(list(table["image_id"]), members)
    table["source"] = sources.names(sources.assign(np.array(found.looks), table["group"]), table)
    fixed = ("validation",) if (table["validation"] > 0).any() else ()
    if object_classes:
        fixed = ("stratum", *fixed)
    return table[list(IMAGE_COLUMNS + (SEMANTIC_COLUMNS if classes else fixed))]


def _names(image_ids: list[str], members: np.ndarray) -> list[str]:
    """A group is called after the first of its images in alphabetical order."""
    first: dict[int, str] = {}
    for image_id, group in sorted(zip(image_ids, members.tolist(), strict=True)):
        first.setdefault(group, image_id)
    return [first[group] for group in members.tolist()]


def _sample(
    source: Source, images: pd.DataFrame, settings: Data, classes: Classes | None
) -> pd.DataFrame:
    """The sample submission: the source's, or one made from the test images."""
    if settings.described and isinstance(source, dialect.Described):
        test = images.loc[images["split"] == "test", "image_id"]
        return dialect_submission.sample(source.sample_table, test, settings.described)
    if source.sample is not None:
        wanted = kinds_submission.columns(settings.object_classes)
        wanted = class_submission.columns(len(classes)) if classes else wanted
        return files.read_csv(source.sample, wanted, dtype=str)
    test_ids = list(images.loc[images["split"] == "test", "image_id"])
    if classes:
        return class_submission.empty(test_ids, classes)
    rows = pd.DataFrame({"ImageId": sorted(test_ids), "ClassId": 1, "EncodedPixels": "1 1"})
    return rows[[*kinds_submission.columns(settings.object_classes)]]


def _write_companions(source: Source, data: DataFiles, sample: pd.DataFrame) -> None:
    files.write_csv(data.sample, sample)
    if source.solution is None:
        data.solution.unlink(missing_ok=True)
    else:
        files.copy(source.solution, data.solution)


def _listed(sample: pd.DataFrame, settings: Data) -> set[str]:
    """The images of the sample submission."""
    if settings.described:
        return set(dialect_submission.image_ids(sample, settings.described, "sample submission"))
    return set(sample["ImageId"])


def _unlike(listed: set[str], images: pd.DataFrame) -> list[Problem]:
    """Where the sample submission and the test images differ."""
    test_ids = set(images.loc[images["split"] == "test", "image_id"])
    return [
        *(
            Problem(i, "missing in sample submission", "test image")
            for i in sorted(test_ids - listed)
        ),
        *(
            Problem(i, "sample row without image", "no usable test image")
            for i in sorted(listed - test_ids)
        ),
    ]


def _write_problems(data: DataFiles, found: Found) -> None:
    files.write_csv(data.problems, pd.DataFrame(found.problems, columns=list(Problem._fields)))
