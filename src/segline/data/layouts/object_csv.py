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
from segline.base.errors import UserError
from segline.data.layouts import READING, Key, Reading, Record, object_rows
from segline.data.layouts import files as _files
from segline.data.layouts.folders import Pictures
from segline.data.layouts.rle_csv import TABLE, check_paired, class_number
from segline.submission import kinds

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
        self.problems = self._pictures.problems
        self._classes = reading.object_classes
        self._rows = _read_rows(raw / TABLE, self._pictures.train, self._classes)
        self.reading = f"{TABLE}: each row is an object"

    def keys(self) -> list[Key]:
        return list(self._pictures.keys())

    def load(self, key: Key) -> Record:
        try:
            record = self._pictures.read(key)
        except UserError as error:
            record = Record(key)
            record.note("image unreadable", str(error))
            return record
        if key.split == "train":
            assert record.image is not None
            shape = (record.image.shape[0], record.image.shape[1])
            given = self._rows[self._pictures.stem(key)]
            codes = [code for _, code in given]
            places = object_rows.valid_places(record, codes, shape)
            numbers = [given[place][0] for place in places] if self._classes else []
            record.labels = object_rows.join(record, [codes[n] for n in places], shape, numbers)
        return record


def _read_rows(path: Path, images: dict[str, Path], classes: tuple[str, ...]) -> Rows:
    table = files.read_csv(path, kinds.columns(classes), dtype=str)
    stems = {image.name: stem for stem, image in images.items()} | {stem: stem for stem in images}
    rows: Rows = {}
    unknown = []
    names = table["ClassId"] if classes else [""] * len(table)
    cells = zip(table["ImageId"], names, table["EncodedPixels"], strict=True)
    for line, (image_id, name, code) in enumerate(cells, start=2):
        if image_id not in stems:
            unknown.append(f"line {line}: {image_id}")
            continue
        found = rows.setdefault(stems[image_id], [])
        if code.strip():
            where = f"{path}, line {line}"
            found.append((class_number(name, classes, where) if classes else 0, code.strip()))
    check_paired(path, unknown, [image for stem, image in images.items() if stem not in rows])
    return rows
