"""Stage: raw competition files to one manifest, one label image a picture, a list of problems."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from rich.progress import track

from segline import checks, files, groups
from segline.console import console
from segline.errors import UserError
from segline.manifest import IMAGE_COLUMNS
from segline.modality import modality
from segline.sources import Problem, Record, Source, open_raw
from segline.stages import _data_summary

THREADS = 2
BATCH = 24  # pictures in flight, so that memory does not grow with the data set


def run(*, raw: Path, out: Path, source: str, root: Path | None = None) -> None:
    """Read the raw folder `raw` (layout `source`) into the folder `out`.

    Writes `images/`, `labels/`, `sample_submission.csv`, `solution.csv` (if there is one),
    `problems.csv`, `summary.json` and, last, `images.csv`, whose paths are relative to `root` (the
    current folder by default). Pictures that cannot be used are listed and left out; UserError
    when no training picture is left.
    """
    opened = open_raw(source, raw)
    found = _ingest(opened, out, root or Path.cwd())
    if not any(row["split"] == "train" for row in found.rows):
        raise UserError(f"{raw}: no training image can be used; see {_write_problems(out, found)}")
    images = _manifest(found)
    _forget_old_files(out, images)
    found.problems += _copy_companions(opened, out, images)
    listed = _write_problems(out, found)
    summary = _data_summary.summarise(images, found.problems, data_hash=found.data_hash())
    console.print(_data_summary.table(summary, title=str(raw)))
    if found.problems:
        console.print(f"each problem: {listed}")
    files.write_json(out / "summary.json", summary)
    files.write_csv(out / "images.csv", images)


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


def _ingest(source: Source, out: Path, root: Path) -> Found:
    found = Found(problems=list(source.problems))
    records = track(
        _loaded(source), "reading", total=len(source.keys()), console=console, transient=True
    )
    for record, row in records:
        found.problems += record.problems
        if row is not None:
            _keep(found, record, row, out, root)
    return found


def _loaded(source: Source) -> Iterator[tuple[Record, dict | None]]:
    with ThreadPoolExecutor(THREADS) as pool:
        keys = source.keys()
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH]
            yield from pool.map(lambda key: _examined(source.load(key)), batch)


def _examined(record: Record) -> tuple[Record, dict | None]:
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


def _keep(found: Found, record: Record, row: dict, out: Path, root: Path) -> None:
    assert record.image is not None
    image_path = out / "images" / f"{record.key.image_id}{record.suffix}"
    files.write_bytes(image_path, record.data)
    row |= {"image": _relative(image_path, root), "labels": ""}
    digest = hashlib.sha256(record.data).hexdigest()
    if record.labels is not None:
        suffix = files.labels_suffix(row["n_objects"])
        labels_path = out / "labels" / f"{record.key.image_id}{suffix}"
        files.write_labels(labels_path, record.labels)
        row["labels"] = _relative(labels_path, root)
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


def _manifest(found: Found) -> pd.DataFrame:
    table = pd.DataFrame(found.rows)
    members = groups.assign(found.borders, joined=found.copies)
    table["group"] = _names(list(table["image_id"]), members)
    return table[list(IMAGE_COLUMNS)]


def _names(image_ids: list[str], members: np.ndarray) -> list[str]:
    """A group is called after the first of its images in alphabetical order."""
    first: dict[int, str] = {}
    for image_id, group in sorted(zip(image_ids, members.tolist(), strict=True)):
        first.setdefault(group, image_id)
    return [first[group] for group in members.tolist()]


def _forget_old_files(out: Path, images: pd.DataFrame) -> None:
    """Remove pictures of an earlier run that the manifest no longer lists."""
    for folder, column in (("images", "image"), ("labels", "labels")):
        known = {Path(path).name for path in images[column]}
        for path in (out / folder).iterdir():
            if path.name not in known:
                path.unlink()


def _copy_companions(source: Source, out: Path, images: pd.DataFrame) -> list[Problem]:
    """Copy the sample submission and the solution; list where the sample and the images differ."""
    test_ids = list(images.loc[images["split"] == "test", "image_id"])
    if source.sample is None:
        sample = pd.DataFrame({"ImageId": sorted(test_ids), "EncodedPixels": "1 1"})
    else:
        sample = files.read_csv(source.sample, ("ImageId", "EncodedPixels"), dtype=str)
    files.write_csv(out / "sample_submission.csv", sample)
    if source.solution is None:
        (out / "solution.csv").unlink(missing_ok=True)
    else:
        files.write_bytes(out / "solution.csv", source.solution.read_bytes())
    listed = list(dict.fromkeys(sample["ImageId"]))
    unlisted, absent = set(test_ids) - set(listed), set(listed) - set(test_ids)
    return [
        *(Problem(i, "missing in sample submission", "test image") for i in sorted(unlisted)),
        *(Problem(i, "sample row without image", "no usable test image") for i in sorted(absent)),
    ]


def _write_problems(out: Path, found: Found) -> Path:
    path = out / "problems.csv"
    files.write_csv(path, pd.DataFrame(found.problems, columns=list(Problem._fields)))
    return path
