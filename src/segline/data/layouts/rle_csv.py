"""An image folder and a CSV of run-length encoded masks (see `rle`).

    train.csv                    ImageId,EncodedPixels; or for more than two classes
                                 ImageId,ClassId,EncodedPixels
    train_images/ (or images/, train/images/), test_images/ (or test/images/)
    groups.csv, sample_submission.csv, solution.csv     optional, as in `folders`

ImageId is an image's stem or file name. ClassId is the class's index, 1 and up, or its name. An empty
EncodedPixels means that the class is not in the image; every training image has a row. Several rows
of one class are joined.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from pathlib import Path

import numpy as np

from segline.base import files
from segline.base.errors import UserError
from segline.data.layouts import READING, Fault, Key, Problem, Reading, Record
from segline.data.layouts import files as _files
from segline.data.layouts.folders import Pictures
from segline.masks import classes as semantic
from segline.masks import rle
from segline.masks.classes import Classes
from segline.submission import classes as class_submission
from segline.submission import ids

TABLE = "train.csv"


def open_raw(raw: Path, classes: Classes, reading: Reading = READING) -> RleCsv:
    """List the images and read the CSV; UserError for unpaired ones or an unknown class."""
    return RleCsv(raw, classes, reading)


class RleCsv:
    """A `SemanticSource`."""

    def __init__(self, raw: Path, classes: Classes, reading: Reading) -> None:
        self.classes = classes
        train = _files.needed_folder(raw, _files.TRAIN_IMAGES)
        self._pictures = Pictures(
            raw, train, _files.folder(raw, _files.TEST_IMAGES), reading.choice
        )
        self.sample, self.solution = self._pictures.sample, self._pictures.solution
        self._path = raw / TABLE
        self._rows, alone = _read_rows(self._path, classes, self._pictures.train)
        self._pictures.keep(self._rows)
        self.problems = [*self._pictures.problems, *alone]

    def keys(self) -> Sequence[Key]:
        return self._pictures.keys()

    def load(self, key: Key) -> Record:
        record = self._pictures.read(key)
        if key.split == "train":
            assert record.image is not None
            height, width = record.image.shape[:2]
            stem = self._pictures.stem(key)
            channels = np.zeros((height, width, len(self.classes) - 1), bool)
            for number, encoded in self._rows[stem]:
                with _files.naming(f"{self._path}: image {stem}, {self.classes.names[number]}"):
                    channels[..., number - 1] |= rle.decode(encoded, (height, width))
            record.labels = self._joined(channels, stem)
        return record

    def _joined(self, channels: np.ndarray, stem: str) -> np.ndarray:
        if not self.classes.exclusive:
            return semantic.from_channels(channels)
        crowded = channels.sum(axis=2) > 1
        if crowded.any():
            names = [self.classes.names[c + 1] for c in np.flatnonzero(channels[crowded][0])]
            raise UserError(
                f"{self._path}: image {stem}: {' and '.join(names)} overlap at "
                f"{semantic.first_pixel(crowded)}; mend the masks, or if classes may overlap, "
                f'set="data.exclusive=false"'
            )
        return np.where(channels.any(axis=2), channels.argmax(axis=2) + 1, 0).astype(np.int32)


Rows = dict[str, list[tuple[int, str]]]  # stem -> (class index, RLE), '' where it is absent


def _read_rows(path: Path, classes: Classes, images: dict[str, Path]) -> tuple[Rows, list[Problem]]:
    """The rows of the images, and a fault for every row without image and every image without row."""
    table = files.read_csv(path, class_submission.columns(len(classes)), dtype=str)
    class_ids = table["ClassId"] if "ClassId" in table else ["1"] * len(table)
    stems = ids.matched(table["ImageId"], images, path)
    rows: Rows = {}
    faults: list[Problem] = []
    cells = zip(table["ImageId"], class_ids, table["EncodedPixels"], strict=True)
    for line, (image_id, class_id, encoded) in enumerate(cells, start=2):
        if image_id not in stems:
            where = f"{path}, line {line}: no image {image_id}"
            faults.append(Fault(image_id, "row without image", where))
            continue
        found = rows.setdefault(stems[image_id], [])
        if class_id.strip() or encoded.strip():  # else an image without any of the classes
            number = class_number(class_id, classes.names[1:], f"{path}, line {line}")
            found.append((number, encoded.strip()))
    if not rows:
        raise UserError(
            f"{path}: none of its {len(table)} rows belongs to any of {len(images)} images (first "
            f"{next(iter(images.values()), 'none')}); ImageId is an image's stem or file name"
        )
    return rows, faults + without_rows(images, rows)


def without_rows(images: Mapping[str, Path], rows: Container[str]) -> list[Problem]:
    """A fault for every image of `images`, by stem, that has no row."""
    said = "one without objects has a row with an empty cell"
    return [
        Fault(stem, "image without row", f"{image}: {said}")
        for stem, image in images.items()
        if stem not in rows
    ]


def class_number(text: str, names: Sequence[str], where: str) -> int:
    """The number from 1 of one of the classes `names`, given as such or by name; UserError for others."""
    number = names.index(text) + 1 if text in names else int(text) if text.isdecimal() else 0
    if not 1 <= number <= len(names):
        raise UserError(
            f"{where}: ClassId {text!r} is neither 1..{len(names)} nor one of {', '.join(names)}; name "
            f"every class in data.classes, the background first, or of objects in data.object_classes"
        )
    return number
