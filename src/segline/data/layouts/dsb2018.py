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
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from segline.base import files
from segline.base.errors import UserError
from segline.base.reading import UnknownFormatError
from segline.data import reader
from segline.data.archives import Place
from segline.data.layouts import READING, Fault, Key, Problem, Reading, Record, object_rows
from segline.data.layouts.files import decode_image
from segline.masks import rle
from segline.submission import ids

SPLITS = {"train": "stage1_train", "test": "stage1_test"}
LABELS = "stage1_train_labels.csv"
NO_PICTURES = ("thumbs.db", "desktop.ini")  # that systems leave in folders of pictures
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
        self._rles = _read_labels(raw / LABELS, train) if (raw / LABELS).is_file() else None
        self.problems: list[Problem] = [
            *(
                Fault(image_id, "labels without image", f"{len(rles)} rows in {LABELS}")
                for image_id, rles in (self._rles or {}).items()
                if image_id not in train
            ),
            *(
                Fault(image_id, "masks without image", f"{len(names)} of them (first {names[0]})")
                for image_id, names in self._members["train"].masks.items()
                if image_id not in train
            ),
        ]
        if self._rles == {}:
            said = f"{raw / LABELS}: a header and no rows; is it complete?"
            self.problems.append(Fault("", "no labels", said))

    def keys(self) -> Sequence[Key]:
        return [Key(split, name) for split, m in self._members.items() for name in sorted(m.images)]

    def load(self, key: Key) -> Record:
        members = self._members[key.split]
        name, *others = members.images[key.image_id]
        record = Record(key)
        if others:
            record.refuse("several images", f"{name} and {', '.join(others)}: which of them?")
            return record
        try:
            decode_image(record, members.read(name), name, self._reading.choice)
        except UserError as error:
            record.refuse("image unreadable", str(error))
            return record
        if key.split == "train":
            self._label(record)
        return record

    def _label(self, record: Record) -> None:
        assert record.image is not None
        shape = (record.image.shape[0], record.image.shape[1])
        rows = None if self._rles is None else self._rles.get(record.key.image_id)
        masks = self._masks(record, shape, are_truth=rows is None)
        if rows is None and not masks and record.image is not None:
            record.refuse("image without masks", self._lacking())
        given = list(masks.values()) if rows is None else object_rows.valid(record, rows, shape)
        if record.image is None:
            return
        if rows is None and self._rles is not None:
            record.note("not in the label CSV", f"{len(masks)} PNG masks are used")
        if rows is not None and masks:
            _compare(record, given, masks, shape)
        record.labels = object_rows.join(record, given, shape)

    def _lacking(self) -> str:
        csv = "" if self._rles is None else f" and no row in {LABELS}"
        return f"no mask files{csv}; one without objects has a row with an empty EncodedPixels"

    def _masks(self, record: Record, shape: tuple[int, int], *, are_truth: bool) -> dict[str, str]:
        """RLE by name of the masks; an unreadable one is noted, or a fault if they are the truth."""
        note = record.refuse if are_truth else record.note
        members = self._members[record.key.split]
        found: dict[str, str] = {}
        for name in sorted(members.masks.get(record.key.image_id, ())):
            try:
                mask = reader.mask(members.read(name), name, self._reading.choice)
                _check_shape(mask.pixels, shape, name)
                codes = object_rows.encoded(
                    mask.coloured(), name, several=self._reading.label_masks
                )
            except UnknownFormatError:
                note("mask unreadable", f"{name}: {_no_image(name)}")
            except UserError as error:
                note("mask unreadable", str(error))
            else:
                record.note_once(mask.notes)
                found |= codes
        return found


class Members:
    """Image and mask files of a zip or folder, by image id; the layout may lie deeper inside."""

    def __init__(self, path: Path) -> None:
        self._place = Place(path, f"supply with {SUPPLY}")
        self.images: dict[str, list[str]] = {}
        self.masks: dict[str, list[str]] = {}
        for name in self._place.names():
            image_id, folder, file = ("", "", *name.split("/"))[-3:]
            if _is_hidden(name) or not Path(file).suffix or file.lower() in NO_PICTURES:
                continue
            if folder == "images":
                self.images.setdefault(image_id, []).append(name)
            elif folder == "masks":
                self.masks.setdefault(image_id, []).append(name)
        if not self.images:
            raise UserError(f"{path}: no <id>/images/<id>.png in it; supply with {SUPPLY}")

    def read(self, name: str) -> bytes:
        return self._place.read(name)


def _no_image(name: str) -> str:
    if name.lower().endswith((".npy", ".npz")):
        return "a NumPy array; the masks of this layout are image files, so save it as PNG or TIFF"
    return "not a readable image"


def _is_hidden(name: str) -> bool:
    return name.startswith("__MACOSX") or any(part.startswith(".") for part in name.split("/"))


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _read_labels(path: Path, images: Iterable[str]) -> dict[str, list[str]]:
    columns = ("ImageId", "EncodedPixels")
    table = files.read_csv(path, columns, dtype=dict.fromkeys(columns, str))
    names = ids.respelt(set(table["ImageId"]), images, path)
    return {names[name]: list(rows) for name, rows in table.groupby("ImageId")["EncodedPixels"]}


def _check_shape(mask: np.ndarray, shape: tuple[int, int], name: str) -> None:
    if mask.shape[:2] != shape:
        raise UserError(
            f"{name}: {mask.shape[0]}x{mask.shape[1]}, the image is {shape[0]}x{shape[1]}"
        )


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
