"""Any competition that a dialect describes (`config.tables.dialect`), for objects and for class masks.

The folder is the download as it is: folders or zips, named as the dialect says. Masks come from the table
of texts, or from files where there is none; order and base are checked before the first image is read.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from segline.base.errors import UserError
from segline.config.tables.dialect import Dialect
from segline.data.layouts import Fault, Key, Problem, Record, bands, files, overlaps, self_check
from segline.data.layouts.place import Picture, Place
from segline.data.stacks import Choice
from segline.masks import classes as class_images
from segline.masks import codecs, labels
from segline.masks.classes import Classes
from segline.masks.stored_masks import read_mask
from segline.submission import ids, rows
from segline.submission.rows import Row

SPECIMENS = 24  # images on which order and base are checked
LARGEST_SPECIMEN = 10**8  # bytes of an image file that is read for it


def open_raw(
    raw: Path, dialect: Dialect, classes: Classes | None, choice: Choice | None = None
) -> Described:
    """List the images, read the table and check how it is written; UserError naming what is wrong."""
    return Described(raw, dialect, classes, choice or Choice())


def _classed(table: pd.DataFrame, dialect: Dialect, where: str) -> pd.DataFrame:
    """Rows without class and mask, of an image without any of the classes, as without the first of them."""
    columns = rows.columns_of(table, dialect.columns, where)
    if dialect.rows != "class" or not columns.class_column:
        return table
    nothing = {"", dialect.empty_written, *dialect.empty}
    masks, values = (table[name].str.strip() for name in (columns.mask, columns.class_column))
    filled = values.mask((values == "") & masks.isin(nothing), dialect.values[0])
    return table.assign(**{columns.class_column: filled})


class Described:
    """A `Source`; of class masks a `SemanticSource`."""

    def __init__(
        self, raw: Path, dialect: Dialect, classes: Classes | None, choice: Choice
    ) -> None:
        self._choice = choice
        self._dialect, self._place = dialect, Place(raw)
        self.classes = classes  # type: ignore[assignment]  # None for objects, where nobody asks
        sample = self._place.named(dialect.sample)  # its columns are the competition's
        self.sample = raw / sample if sample else None
        self.solution = files.companion(raw, "solution.csv")
        self.sample_table = self._read(sample) if sample else None
        self._masks = self._place.pictures(dialect.masks, dialect.id)
        masks = {mask.name for mask in self._masks.values()}  # a pattern of images may fit them too
        train = self._place.pictures(dialect.images, dialect.id, without=masks)
        if not train:
            raise UserError(
                f"{raw}: no training images {' or '.join(dialect.images)}, in a folder or a zip; found "
                f"{self._place.folders()}; give the download as raw=DIR, or name data.dialect.images"
            )
        self._test = self._place.pictures(dialect.test_images, dialect.of_test)
        self.problems: list[Problem] = []
        self._where, self._rows = self._read_rows(train)
        if self._rows is None and dialect.objects:
            raise UserError(
                f"{raw}: classes of objects need a table, one of {', '.join(dialect.table)}; found "
                f"{self._place.folders()}"
            )
        if self._rows is None:
            self.problems += [
                Fault(image_id, "mask without image", f"{raw / mask.name}: no image {image_id}")
                for image_id, mask in self._masks.items()
                if image_id not in train
            ]
        self._train = self._listed(train)
        self._prefix = "train_" if self._train.keys() & self._test.keys() else ""
        if dialect.check and self._rows is not None:
            self_check.check(self.specimens(), dialect, self._where)

    def keys(self) -> Sequence[Key]:
        train = [Key("train", self._prefix + image_id) for image_id in self._train]
        return train + [Key("test", image_id) for image_id in self._test]

    def load(self, key: Key) -> Record:
        is_train = key.split == "train"
        image_id = key.image_id.removeprefix(self._prefix) if is_train else key.image_id
        picture = (self._train if is_train else self._test)[image_id]
        record = self._picture(key, picture)
        given = [picture, self._masks[image_id]] if is_train and self._rows is None else [picture]
        twins = [pair for each in given for pair in self._place.twins(each)]
        if twins:
            record.refuse("several files", f"{' and '.join(twins[0])}: which of them?")
        if is_train and record.image is not None:
            record.labels = self._labels(record, image_id)
        return record

    def _picture(self, key: Key, picture: Picture) -> Record:
        """The record of an image; one that cannot be read is refused."""
        record = Record(key, place=str(self._place.raw / picture.folder))
        found = re.search(self._dialect.group, key.image_id) if self._dialect.group else None
        if found and key.split == "train":
            record.group = found.group(1)
        try:
            bands.read(record, picture, self._place, self._dialect, self._choice)
        except UserError as error:
            if ".dcm" in picture.name and "pydicom" in str(error):
                raise
            record.refuse("image unreadable", str(error))
        return record

    def _read(self, name: str) -> pd.DataFrame:
        with self._place.file(name) as path:
            return rows.read(path, self._place.raw / name)

    def _read_rows(self, train: dict[str, Picture]) -> tuple[str, dict[str, list[Row]] | None]:
        """The rows of every training image, None if masks are files; rows without image are noted."""
        name = self._place.named(self._dialect.table)
        if name is None:
            if not self._masks:
                wanted = " or ".join((*self._dialect.table, *self._dialect.masks))
                raise UserError(
                    f"{self._place.raw}: no masks: {wanted} is not there; found {self._place.folders()}; "
                    f"name data.dialect.table or masks"
                )
            return "", None
        where = str(self._place.raw / name)
        table = _classed(self._read(name), self._dialect, where)
        given = rows.of(table, self._dialect.columns, self._dialect, where)
        ids.check_spelt_once(((row.written, row.image_id) for row in given), where)
        names = ids.respelt({row.image_id for row in given}, train, where)
        found: dict[str, list[Row]] = {}
        for row in given:
            found.setdefault(names[row.image_id], []).append(row)
        self.problems += [
            Fault(image_id, "labels without image", f"{len(alone)} rows in {where}")
            for image_id, alone in found.items()
            if image_id not in train
        ]
        return where, found

    def _listed(self, train: dict[str, Picture]) -> dict[str, Picture]:
        """The images whose masks are known; the others are noted."""
        listed: set[str] = set(self._masks if self._rows is None else self._rows)
        if not listed & train.keys():
            example, image = next(iter(listed), "none"), next(iter(train))
            raise UserError(
                f"{self._where or self._place.raw}: no mask belongs to any of {len(train)} training images "
                f"(first {image}, first mask {example}); name data.dialect.id or columns"
            )
        if self._dialect.unlisted == "empty" and self._rows is not None:
            return train
        absent = [image_id for image_id in train if image_id not in listed]
        if self._rows is None:
            said = "no mask file"
            self.problems += [Fault(i, "image without mask", said) for i in absent]
        else:  # as `unlisted` says
            said = "no row in the table, left out"
            self.problems += [Problem(i, "image without label", said) for i in absent]
        return {image_id: train[image_id] for image_id in train if image_id in listed}

    def _labels(self, record: Record, image_id: str) -> np.ndarray:
        assert record.image is not None
        height, width = record.image.shape[:2]
        if self._rows is None:
            return self._of_file(record, image_id)
        given = self._masked(image_id)
        with files.naming(f"{self._where}: image {image_id}"):
            if self.classes is None:
                return self._objects(record, given, (height, width))
            channels = [
                self._joined(given, number, (height, width))
                for number in range(1, len(self.classes))
            ]
            return self._classes(record, channels)

    def _masked(self, image_id: str) -> list[Row]:
        """The rows of an image that hold a mask; of a cell with several objects one each."""
        given = [row for row in (self._rows or {}).get(image_id, []) if row.text]
        if self._dialect.written not in (
            "",
            self._dialect.codec,
        ):  # then cells are joined there alone
            return given
        return [
            row._replace(text=text) for row in given for text in rows.apart(row.text, self._dialect)
        ]

    def _joined(self, given: list[Row], number: int, shape: tuple[int, int]) -> np.ndarray:
        """The mask (H, W) of one class: of all its rows together."""
        texts = [row.text for row in given if row.number in (number, 0)]
        return codecs.decode_labels(texts, shape, self._dialect, overlap="smaller") > 0

    def _objects(self, record: Record, given: list[Row], shape: tuple[int, int]) -> np.ndarray:
        """Labels 1..n of a row an object; of a row an image or class, of its connected pieces."""
        texts = [row.text for row in given]
        rule = "raise" if self._dialect.overlap == "refuse" else "smaller"
        found = codecs.decode_labels(texts, shape, self._dialect, overlap=rule)  # type: ignore[arg-type]
        if self._dialect.rows != "object":
            return labels.split_components(found > 0)
        overlap_px = codecs.count_overlaps(texts, shape, self._dialect)
        kinds = [row.number for row in given] if self._dialect.classes else []
        return overlaps.tidied(
            record, found, n_masks=len(texts), overlap_px=overlap_px, kinds=kinds
        )

    def _classes(self, record: Record, channels: list[np.ndarray]) -> np.ndarray:
        assert self.classes is not None
        if not self.classes.exclusive:
            return class_images.from_channels(np.dstack(channels))
        crowded = np.sum(channels, axis=0) > 1
        if crowded.any() and self._dialect.overlap == "refuse":
            raise ValueError(
                f"classes overlap at {class_images.first_pixel(crowded)}; mend the masks, "
                f'or data.dialect.overlap = "smaller", or data.exclusive = false'
            )
        if crowded.any():
            record.note("overlapping masks", f"{crowded.sum()} px, given to the smaller class")
        return labels.from_masks(channels)

    def _of_file(self, record: Record, image_id: str) -> np.ndarray:
        picture = self._masks[image_id]
        where = self._place.raw / picture.name
        with self._place.file(picture.name) as path:
            mask = files.read_mask(path, self._choice)
        record.note_once(mask.notes)
        with files.naming(where):
            found = self._file_labels(mask.pixels)
        files.check_shapes(record, found, where)
        return found

    def _file_labels(self, mask: np.ndarray) -> np.ndarray:
        """A mask file of two values whatever they are, of class indices or of object numbers."""
        flat = mask[..., 0] if mask.ndim == 3 and (mask == mask[..., :1]).all() else mask
        values = np.unique(flat)
        two = flat.ndim == 2 and (len(values) == 1 or (len(values) == 2 and not values[0]))
        if self.classes is not None:
            is_binary = two and len(self.classes) == 2
            return read_mask(flat > 0 if is_binary else mask, self.classes)
        return labels.split_components(flat > 0) if two else labels.relabel(flat)

    def specimens(self) -> list[self_check.Specimen]:
        """Images with masks, spread over the set."""
        rows_of = self._rows or {}
        masked = [i for i in self._train if any(row.text for row in rows_of.get(i, []))]
        step = max(len(masked) // SPECIMENS, 1)
        found = [self._specimen(image_id) for image_id in masked[::step][:SPECIMENS]]
        return [each for each in found if each is not None]

    def _specimen(self, image_id: str) -> self_check.Specimen | None:
        if self._place.size(self._train[image_id].name) > LARGEST_SPECIMEN:
            return None
        record = self._picture(Key("train", image_id), self._train[image_id])
        if record.image is None:
            return None
        texts = [row.text for row in self._masked(image_id)]
        grey = record.image.mean(axis=2)
        mask = None
        with contextlib.suppress(UserError):  # whoever loads the image says so
            mask = self._of_file(record, image_id) > 0 if image_id in self._masks else None
        return self_check.Specimen(image_id, texts, (grey.shape[0], grey.shape[1]), grey, mask)
