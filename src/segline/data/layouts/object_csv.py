"""Objects in an image folder and a CSV of run-length encoded masks (see `rle`), a row an object.

    train.csv                    ImageId,EncodedPixels; with `data.object_classes`
                                 ImageId,ClassId,EncodedPixels
    train_images/ (or images/, train/images/), test_images/ (or test/images/)
    groups.csv, sample_submission.csv, solution.csv     optional, as in `folders`

ImageId is an image's stem or file name. An image without objects has a row with an empty EncodedPixels.
Where rows overlap the smaller object keeps the pixel. ClassId is a class's number, 1 and up, or its name.
"""

from __future__ import annotations

from pathlib import Path

from segline.base import files
from segline.data.layouts import READING, Fault, Key, Problem, Reading, Record, object_rows
from segline.data.layouts import files as _files
from segline.data.layouts.folders import Pictures
from segline.data.layouts.rle_csv import TABLE, class_number, without_rows
from segline.submission import ids, kinds

Rows = dict[
    str, list[tuple[int, str]]
]  # by an image's stem: class (0 without) and RLE of its objects


def open_raw(raw: Path, reading: Reading = READING) -> ObjectCsv:
    """List the images and read the CSV; UserError for unpaired ones."""
    return ObjectCsv(raw, reading)


class ObjectCsv:
    """An `ObjectSource`."""

    def __init__(self, raw: Path, reading: Reading) -> None:
        train = _files.needed_folder(raw, _files.TRAIN_IMAGES)
        test = _files.folder(raw, _files.TEST_IMAGES)
        self._pictures = Pictures(raw, train, test, reading.choice)
        self.sample, self.solution = self._pictures.sample, self._pictures.solution
        self._classes = reading.object_classes
        self._rows, faults = _read_rows(raw / TABLE, self._pictures.train, self._classes)
        self.problems = [*self._pictures.problems, *faults]
        self.reading = f"{TABLE}: each row is an object"

    def keys(self) -> list[Key]:
        return list(self._pictures.keys())

    def load(self, key: Key) -> Record:
        record = self._pictures.read(key)
        if key.split == "train":
            self._label(record, self._rows.get(self._pictures.stem(key)))
        return record

    def _label(self, record: Record, given: list[tuple[int, str]] | None) -> None:
        if given is None or record.image is None:  # a fault that is listed already
            record.image = None
            return
        shape = (record.image.shape[0], record.image.shape[1])
        codes = [code for _, code in given]
        places = object_rows.valid_places(record, codes, shape)
        if record.image is not None:
            numbers = [given[place][0] for place in places] if self._classes else []
            record.labels = object_rows.join(record, [codes[n] for n in places], shape, numbers)


def _read_rows(
    path: Path, images: dict[str, Path], classes: tuple[str, ...]
) -> tuple[Rows, list[Problem]]:
    """The objects of each image by its stem, and a fault for every row or image left alone."""
    table = files.read_csv(path, kinds.columns(classes), dtype=str)
    stems = ids.matched(table["ImageId"], images, path)
    rows: Rows = {}
    faults: list[Problem] = []
    names = table["ClassId"] if classes else [""] * len(table)
    cells = zip(table["ImageId"], names, table["EncodedPixels"], strict=True)
    for line, (image_id, name, code) in enumerate(cells, start=2):
        where = f"{path}, line {line}"
        if image_id not in stems:
            faults.append(Fault(image_id, "row without image", f"{where}: no image {image_id}"))
            continue
        found = rows.setdefault(stems[image_id], [])
        if code.strip():
            found.append((class_number(name, classes, where) if classes else 0, code.strip()))
    return rows, faults + without_rows(images, rows)
