"""The raw files of the 2018 Data Science Bowl, as zips or as the folders that unpacking them gives.

    stage1_train.zip or stage1_train/       <id>/images/<id>.png and <id>/masks/*.png
    stage1_train_labels.csv                 ImageId,EncodedPixels: the truth, one row a mask; without
                                            it the masks are
    stage1_test.zip or stage1_test/         <id>/images/<id>.png
    stage1_sample_submission.csv            optional, as is stage1_solution.csv

Where both a zip and a folder are there, the folder is read: somebody unpacked it on purpose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segline.base import files
from segline.base.errors import UserError
from segline.base.reading import UnknownFormatError
from segline.data import object_masks, reader
from segline.data.archives import Place
from segline.data.layouts import READING, Key, Problem, Reading, Record
from segline.data.layouts.files import decode_image
from segline.masks import labels, rle

SPLITS = {"train": "stage1_train", "test": "stage1_test"}
LABELS = "stage1_train_labels.csv"
SUPPLY = "`make download`, `make download source=kaggle` or `make data raw=DIR`"


def open_raw(raw: Path, reading: Reading = READING) -> Dsb2018:
    """Open a raw folder; UserError naming what is missing and the commands that can supply it."""
    names = list(SPLITS.values())
    missing = [f"{n}.zip" for n in names if not _place(raw, n).exists()]
    if missing:
        raise UserError(f"{raw}: missing {', '.join(missing)}; supply with {SUPPLY}")
    return Dsb2018(raw, reading)


def _place(raw: Path, name: str) -> Path:
    return raw / name if (raw / name).is_dir() else raw / f"{name}.zip"


class Dsb2018:
    """A `Source`. Files are listed at once and read one image at a time."""

    def __init__(self, raw: Path, reading: Reading) -> None:
        self._reading = reading
        self.sample = _if_there(raw / "stage1_sample_submission.csv")
        self.solution = _if_there(raw / "stage1_solution.csv")
        self._members = {split: Members(_place(raw, name)) for split, name in SPLITS.items()}
        train = self._members["train"].images
        if not (raw / LABELS).is_file() and not self._members["train"].masks:
            raise UserError(f"{raw}: neither {LABELS} nor masks; supply with {SUPPLY}")
        self._rles = _read_labels(raw / LABELS) if (raw / LABELS).is_file() else None
        self.problems = [
            Problem(image_id, "labels without image", f"{len(rles)} rows in {LABELS}")
            for image_id, rles in (self._rles or {}).items()
            if image_id not in train
        ]

    def keys(self) -> Sequence[Key]:
        return [Key(split, name) for split, m in self._members.items() for name in sorted(m.images)]

    def load(self, key: Key) -> Record:
        members = self._members[key.split]
        name = members.images[key.image_id]
        record = Record(key)
        try:
            decode_image(record, members.read(name), name, self._reading.choice)
        except UserError as error:
            record.note("image unreadable", str(error))
            return record
        if key.split == "train":
            self._label(record)
        return record

    def _label(self, record: Record) -> None:
        assert record.image is not None
        shape = (record.image.shape[0], record.image.shape[1])
        masks = self._masks(record, shape)
        rows = None if self._rles is None else self._rles.get(record.key.image_id)
        if rows is None and masks and self._rles is not None:
            record.note("not in the label CSV", f"{len(masks)} PNG masks are used")
        given = list(masks.values()) if rows is None else _valid(record, rows, shape)
        if rows is not None and masks:
            _compare(record, given, masks, shape)
        record.labels = _join(record, given, shape)

    def _masks(self, record: Record, shape: tuple[int, int]) -> dict[str, str]:
        """RLE by name of the masks; unreadable ones are noted."""
        members = self._members[record.key.split]
        found: dict[str, str] = {}
        for name in sorted(members.masks.get(record.key.image_id, ())):
            file = Path(name).name
            try:
                mask = reader.mask(members.read(name), file, self._reading.choice)
                _check_shape(mask.pixels, shape, file)
            except UnknownFormatError:
                record.note("mask unreadable", f"{file}: not a readable image")
            except UserError as error:
                record.note("mask unreadable", str(error))
            else:
                found |= self._objects(record, mask.coloured(), name)
        return found

    def _objects(self, record: Record, mask: np.ndarray, name: str) -> dict[str, str]:
        """RLE by name of the objects of a mask; UserError if nothing else tells them."""
        try:
            return _encoded(mask, name, several=self._reading.label_masks)
        except UserError as error:
            if self._rles is None:
                raise
            record.note("mask unreadable", str(error))
            return {}


class Members:
    """Image and mask files of a zip or folder, by image id; the layout may lie deeper inside."""

    def __init__(self, path: Path) -> None:
        self._place = Place(path, f"supply with {SUPPLY}")
        self.images: dict[str, str] = {}
        self.masks: dict[str, list[str]] = {}
        for name in self._place.names():
            image_id, folder, file = ("", "", *name.split("/"))[-3:]
            if file.startswith(".") or name.startswith("__MACOSX") or not Path(file).suffix:
                continue
            if folder == "images":
                self.images.setdefault(image_id, name)
            elif folder == "masks":
                self.masks.setdefault(image_id, []).append(name)
        if not self.images:
            raise UserError(f"{path}: no <id>/images/<id>.png in it; supply with {SUPPLY}")

    def read(self, name: str) -> bytes:
        return self._place.read(name)


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _read_labels(path: Path) -> dict[str, list[str]]:
    columns = ("ImageId", "EncodedPixels")
    table = files.read_csv(path, columns, dtype=dict.fromkeys(columns, str))
    return {str(name): list(rows) for name, rows in table.groupby("ImageId")["EncodedPixels"]}


def _encoded(mask: np.ndarray, name: str, *, several: bool) -> dict[str, str]:
    file = Path(name).name
    if not several:
        return {file: rle.encode(object_masks.one_object(mask, name))}
    numbered = labels.relabel(object_masks.several_objects(mask, name))
    codes = rle.encode_labels(numbered)
    return {f"{file}, object {number}": code for number, code in enumerate(codes, 1)}


def _check_shape(mask: np.ndarray, shape: tuple[int, int], name: str) -> None:
    if mask.shape[:2] != shape:
        raise UserError(
            f"{name}: {mask.shape[0]}x{mask.shape[1]}, the image is {shape[0]}x{shape[1]}"
        )


def _valid(record: Record, rows: list[str], shape: tuple[int, int]) -> list[str]:
    """The rows that decode to at least one pixel; the others are noted with the codec's message."""
    try:
        rle.decode_labels(rows, shape, overlap="smaller")
    except ValueError:
        rows = [row for n, row in enumerate(rows, 1) if _decodes(record, n, row, shape)]
    return [row for row in rows if row.strip()]


def _decodes(record: Record, number: int, row: str, shape: tuple[int, int]) -> bool:
    try:
        rle.decode(row, shape)
    except ValueError as error:
        record.note("invalid RLE", f"row {number} of the image: {error}")
        return False
    return True


def _compare(
    record: Record, rows: list[str], masks: dict[str, str], shape: tuple[int, int]
) -> None:
    """Note each mask that only the CSV or only the PNG files have."""
    if Counter(rows) == Counter(masks.values()):
        return
    rows = [rle.encode(rle.decode(row, shape)) for row in rows]  # one spelling a mask
    left = Counter(rows)
    kind = "CSV and PNG masks differ"
    for name, code in masks.items():
        if left[code]:
            left[code] -= 1
        elif code:
            record.note(kind, f"{name} ({_n_pixels(code)} px) is not in the CSV")
    for code in left.elements():
        record.note(kind, f"the mask of {_n_pixels(code)} px at {code.split()[0]} has no PNG")


def _n_pixels(code: str) -> int:
    return sum(int(length) for length in code.split()[1::2])


def _join(record: Record, rows: list[str], shape: tuple[int, int]) -> np.ndarray:
    """Labels (H, W) int32, 1..n; where masks overlap the smaller object keeps the pixel."""
    joined = rle.decode_labels(rows, shape, overlap="smaller")
    overlap_px = rle.count_overlaps(rows, shape)
    if overlap_px:
        record.note("overlapping masks", f"{overlap_px} px, given to the smaller object")
    hidden = len(rows) - np.count_nonzero(labels.sizes(joined)[1:])
    if hidden:
        record.note("mask hidden by others", f"{hidden} masks have no pixel left")
    return labels.relabel(joined)
