"""Stage: raw competition files to one manifest, one label image a picture, a list of problems."""

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

from segline import checks, class_submission, files, groups
from segline.classes import Classes, from_settings
from segline.console import console
from segline.errors import UserError
from segline.manifest import IMAGE_COLUMNS, SEMANTIC_COLUMNS
from segline.modality import modality
from segline.sources import Problem, Record, SemanticSource, Source, open_raw, open_semantic
from segline.stages import _data_summary, _semantic_data

THREADS = 2
BATCH = 24  # pictures in flight, so that memory does not grow with the data set
PICTURES = ("images", "labels")
Examined = tuple[Record, dict | None]  # a record and its row; None if it cannot be used


def run(
    *, raw: Path, out: Path, source: str, params: Path | None = None, root: Path | None = None
) -> None:
    """Read the raw folder `raw` (layout `source`) into the folder `out`.

    Writes `images/`, `labels/`, `sample_submission.csv`, `solution.csv` (if there is one),
    `problems.csv`, `summary.json` and, last, `images.csv`, whose paths are relative to `root` (the
    current folder by default). `params`, a JSON of the config's table `data`, says what semantic
    masks mean. Pictures that cannot be used are listed and left out; UserError when no training
    picture is left, and for whatever `_semantic_data` refuses, before anything of `out` is replaced.
    """
    classes = from_settings(files.read_json(params)) if params else None
    opened = open_semantic(source, raw, classes) if classes else open_raw(source, raw)
    examine = partial(_semantic_data.examined, classes=classes) if classes else _examined
    with _replacing_pictures(out) as new:
        found = _ingest(opened, examine, new, out, root or Path.cwd())
        if classes:
            found.problems += _semantic_data.check(found.rows, found.problems, raw)
        elif not any(row["split"] == "train" for row in found.rows):
            listed = _write_problems(out, found)
            raise UserError(f"{raw}: no training image can be used; see {listed}")
        images = _manifest(found, classes)
        sample = _sample(opened, images, classes)
    _write_companions(opened, out, sample)
    found.problems += _unlike(sample, images)
    listed = _write_problems(out, found)
    summary = _data_summary.summarise(images, found.problems, data_hash=found.data_hash())
    if isinstance(opened, SemanticSource):
        summary |= _semantic_data.summarise(found.rows, opened.classes)
    console.print(_data_summary.table(summary, title=str(raw)))
    if found.problems:
        console.print(f"each problem: {listed}")
    files.write_json(out / "summary.json", summary)
    files.write_csv(out / "images.csv", images)


@contextlib.contextmanager
def _replacing_pictures(out: Path) -> Iterator[Path]:
    """Yield a folder for new `images` and `labels`; they replace those of `out` if the block succeeds."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".new-") as name:
        new = Path(name)
        yield new
        (out / "images.csv").unlink(missing_ok=True)
        for folder in PICTURES:
            shutil.rmtree(out / folder, ignore_errors=True)
            (new / folder).mkdir(exist_ok=True)
            (new / folder).rename(out / folder)


@dataclass
class Found:
    """What is kept of the pictures once they are written: small things only."""

    rows: list[dict] = field(default_factory=list)
    borders: list[groups.Borders] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    pixels: dict[bytes, int] = field(default_factory=dict)  # hash of pixels -> first row with them
    copies: list[tuple[int, int]] = field(default_factory=list)  # rows with the same pixels
    content: list[str] = field(default_factory=list)

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
        for kind, detail in checks.odd_objects(record.labels):
            record.note(kind, detail)
    return record, {
        "image_id": record.key.image_id,
        "split": record.key.split,
        "height": record.image.shape[0],
        "width": record.image.shape[1],
        "n_objects": 0 if record.labels is None else int(record.labels.max()),
        "modality": modality(record.image),
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
    found.content.append(f"{record.key.split}/{record.key.image_id} {digest}")
    _note_copy(found, record)
    found.rows.append(row)
    found.borders.append(groups.borders(record.image))


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


def _manifest(found: Found, classes: Classes | None) -> pd.DataFrame:
    table = pd.DataFrame(found.rows)
    if classes:
        table["stratum"] = _semantic_data.strata(found.rows, classes)
    if classes and (table["group"] != "").any():  # groups.csv knows better than the borders
        table["group"] = table["group"].where(table["group"] != "", table["image_id"])
    else:
        members = groups.assign(found.borders, joined=found.copies)
        table["group"] = _names(list(table["image_id"]), members)
    return table[list(IMAGE_COLUMNS + SEMANTIC_COLUMNS if classes else IMAGE_COLUMNS)]


def _names(image_ids: list[str], members: np.ndarray) -> list[str]:
    """A group is called after the first of its images in alphabetical order."""
    first: dict[int, str] = {}
    for image_id, group in sorted(zip(image_ids, members.tolist(), strict=True)):
        first.setdefault(group, image_id)
    return [first[group] for group in members.tolist()]


def _sample(source: Source, images: pd.DataFrame, classes: Classes | None) -> pd.DataFrame:
    """The sample submission: the source's, or one made from the test images."""
    if source.sample is not None:
        wanted = class_submission.columns(len(classes)) if classes else ("ImageId", "EncodedPixels")
        return files.read_csv(source.sample, wanted, dtype=str)
    test_ids = list(images.loc[images["split"] == "test", "image_id"])
    if classes:
        return class_submission.empty(test_ids, classes)
    return pd.DataFrame({"ImageId": sorted(test_ids), "EncodedPixels": "1 1"})


def _write_companions(source: Source, out: Path, sample: pd.DataFrame) -> None:
    files.write_csv(out / "sample_submission.csv", sample)
    if source.solution is None:
        (out / "solution.csv").unlink(missing_ok=True)
    else:
        files.copy(source.solution, out / "solution.csv")


def _unlike(sample: pd.DataFrame, images: pd.DataFrame) -> list[Problem]:
    """Where the sample submission and the test images differ."""
    test_ids = set(images.loc[images["split"] == "test", "image_id"])
    listed = set(sample["ImageId"])
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


def _write_problems(out: Path, found: Found) -> Path:
    path = out / "problems.csv"
    files.write_csv(path, pd.DataFrame(found.problems, columns=list(Problem._fields)))
    return path
