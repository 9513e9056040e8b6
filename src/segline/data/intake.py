"""Pictures of a raw folder, written one by one, and what is kept of them: rows, content, looks."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from rich.progress import track

from segline.base import files
from segline.base.console import console
from segline.base.errors import UserError
from segline.config.tables import Data
from segline.data import groups, identity, label_checks, object_kinds, semantic_checks, sources
from segline.data.groups import Looks
from segline.data.layouts import Key, Problem, Record, Source
from segline.data.modality import modality
from segline.data.tables import IMAGE_COLUMNS, SEMANTIC_COLUMNS
from segline.masks.classes import Classes

THREADS = 2
BATCH = 24  # pictures in flight, so that memory does not grow with the data set
Examined = tuple[Record, dict | None]  # a record and its row; None if it cannot be used


@dataclass
class Found:
    """What is kept of the pictures once they are written: small things only."""

    rows: list[dict] = field(default_factory=list)
    looks: Looks = field(default_factory=Looks)
    features: list[np.ndarray] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    content: list[str] = field(default_factory=list)
    kinds: dict[str, np.ndarray] = field(default_factory=dict)  # the classes of an image's objects

    def data_hash(self) -> str:
        """16 hexadecimal digits over ids, image bytes and labels, in any order of reading."""
        return identity.digest(self.content)

    def train_hash(self, images: pd.DataFrame) -> str:
        """The same of training images and all that the table `images` says of them but paths."""
        told = images[images["split"] == "train"].drop(columns=["image", "labels"])
        rows = told.to_csv(index=False).splitlines()
        return identity.digest([*rows, *(x for x in self.content if x.startswith("train/"))])


def read(
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
        n_keys = Counter(key.image_id for key in keys)
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH]
            yield from pool.map(lambda key: examine(_record(source, key, n_keys)), batch)


def _record(source: Source, key: Key, n_keys: Counter[str]) -> Record:
    """What the source holds under a key; refused if it cannot be read or has the id of a test image."""
    try:
        record = source.load(key)
    except UserError as error:
        record = Record(key)
        record.refuse("cannot be read", str(error))
    if key.split == "train" and n_keys[key.image_id] > 1:
        record.refuse("id of a test image", "a training and a test image are called so; rename one")
    return record


def examined(record: Record) -> Examined:
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
    copied = found.looks.add(record.image)
    if copied is not None:
        said = f"same pixels as {found.rows[copied]['image_id']}"
        found.problems.append(Problem(record.key.image_id, "duplicate image", said))
    found.rows.append(row)
    found.features.append(sources.features(record.image))


def _relative(path: Path, root: Path) -> str:
    """Path from `root` if it lies inside, else the whole path."""
    path, root = path.resolve(), root.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def manifest(found: Found, classes: Classes | None, settings: Data) -> pd.DataFrame:
    """images.csv of what was found; near copies in different groups are added to its problems."""
    table = pd.DataFrame(found.rows)
    if settings.object_classes:
        present = object_kinds.strata(table["image_id"], found.kinds, settings.object_classes)
        table["stratum"] = np.where(table["split"] == "train", present, "")
    if classes:
        table["stratum"] = semantic_checks.strata(found.rows, classes)
    table["group"], leaks = groups.grouped(table, found.looks, n_folds=settings.n_folds)
    found.problems += leaks
    table["source"] = sources.names(sources.assign(np.array(found.features), table["group"]), table)
    fixed = ("validation",) if (table["validation"] > 0).any() else ()
    if settings.object_classes:
        fixed = ("stratum", *fixed)
    return table[list(IMAGE_COLUMNS + (SEMANTIC_COLUMNS if classes else fixed))]
