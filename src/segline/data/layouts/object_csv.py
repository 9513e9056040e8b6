"""Objects in an image folder and a CSV of run-length encoded masks (see `rle`), a row an object.

    train.csv                    ImageId,EncodedPixels
    train_images/ (or images/, train/images/), test_images/ (or test/images/)
    groups.csv, sample_submission.csv, solution.csv     optional, as in `folders`

ImageId is an image's stem or file name. An image without objects has a row with an empty EncodedPixels.
Where rows overlap the smaller object keeps the pixel.
"""

from __future__ import annotations

from pathlib import Path

from segline.base import files
from segline.data.layouts import READING, Fault, Key, Problem, Reading, Record, object_rows
from segline.data.layouts import files as _files
from segline.data.layouts.folders import Pictures
from segline.data.layouts.rle_csv import TABLE, without_rows
from segline.submission import ids

COLUMNS = ("ImageId", "EncodedPixels")


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
        self._rows, faults = _read_rows(raw / TABLE, self._pictures.train)
        self.problems = [*self._pictures.problems, *faults]
        self.reading = f"{TABLE}: each row is an object"

    def keys(self) -> list[Key]:
        return list(self._pictures.keys())

    def load(self, key: Key) -> Record:
        record = self._pictures.read(key)
        if key.split == "train":
            self._label(record, self._rows.get(self._pictures.stem(key)))
        return record

    def _label(self, record: Record, rows: list[str] | None) -> None:
        if rows is None or record.image is None:  # a fault that is listed already
            record.image = None
            return
        shape = (record.image.shape[0], record.image.shape[1])
        kept = object_rows.valid(record, rows, shape)
        if record.image is not None:
            record.labels = object_rows.join(record, kept, shape)


def _read_rows(path: Path, images: dict[str, Path]) -> tuple[dict[str, list[str]], list[Problem]]:
    """RLE of the objects of each image by its stem, and a fault for every row or image left alone."""
    table = files.read_csv(path, COLUMNS, dtype=str)
    stems = ids.matched(table["ImageId"], images, path)
    rows: dict[str, list[str]] = {}
    faults: list[Problem] = []
    cells = zip(table["ImageId"], table["EncodedPixels"], strict=True)
    for line, (image_id, code) in enumerate(cells, start=2):
        if image_id in stems:
            rows.setdefault(stems[image_id], []).extend([code.strip()] if code.strip() else [])
        else:
            where = f"{path}, line {line}: no image {image_id}"
            faults.append(Fault(image_id, "row without image", where))
    return rows, faults + without_rows(images, rows)
