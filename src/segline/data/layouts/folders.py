"""Images and masks in two folders, paired by stem.

    images/  masks/  test_images/     or    train_images/  train_masks/  test_images/
                                      or    train/images/  train/masks/  test/images/
    groups.csv                        optional: image_id,group[,modality], image_id being the stem;
                                      it names every training image, test images if wanted
    sample_submission.csv             optional, as is solution.csv

Test images are optional. Images are PNG, JPEG, TIFF, BMP or WebP of 8 or 16 bit; what a mask file may
hold is told in `stored_masks.read_mask`; .npy and .npz files hold one array. A palette image's classes are
its palette indices. Masks in colours are looked up in `data.colours`; without those the colours of
all masks together, sorted by red, green and blue, are the classes.

If a training and a test image have the same stem, every training image is called `train_<stem>`.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from pathlib import Path

from segline.data.layouts import READING, Key, Problem, Reading, Record, files
from segline.data.layouts.survey import Survey, plain
from segline.data.stacks import Choice
from segline.masks.classes import Classes
from segline.masks.stored_masks import read_mask


def open_raw(raw: Path, classes: Classes, reading: Reading = READING) -> Folders:
    """List and pair the files; UserError for a missing folder or a file without partner."""
    return Folders(raw, classes, reading)


class Pictures:
    """Training and test images of a raw folder, read one at a time."""

    def __init__(self, raw: Path, train: Path, test: Path | None, choice: Choice) -> None:
        self._choice = choice
        self.sample = files.companion(raw, "sample_submission.csv")
        self.solution = files.companion(raw, "solution.csv")
        self.problems: list[Problem] = []
        self.train, others = files.by_stem(train, files.IMAGE_SUFFIXES)
        self.problems += others
        self.test: dict[str, Path] = {}
        if test is not None:
            self.test, others = files.by_stem(test, files.IMAGE_SUFFIXES)
            self.problems += others
        self._groups = files.read_groups(raw, self.train)
        self._prefix = "train_" if self.train.keys() & self.test.keys() else ""

    def keys(self) -> Sequence[Key]:
        train = [Key("train", self._prefix + stem) for stem in self.train]
        return train + [Key("test", stem) for stem in self.test]

    def keep(self, stems: Container[str]) -> None:
        """Leave out the training images that are not among `stems`."""
        self.train = {stem: path for stem, path in self.train.items() if stem in stems}

    def stem(self, key: Key) -> str:
        return key.image_id.removeprefix(self._prefix) if key.split == "train" else key.image_id

    def read(self, key: Key) -> Record:
        """The record of an image, still without labels."""
        stem = self.stem(key)
        path = (self.train if key.split == "train" else self.test)[stem]
        record = Record(key, place=str(path.parent))
        if stem in self._groups and (key.split == "train" or not self._prefix):
            record.group, record.modality = self._groups[stem]
        files.read_image(record, path, self._choice)
        return record


class Folders:
    """A `SemanticSource`."""

    def __init__(self, raw: Path, classes: Classes, reading: Reading) -> None:
        train = files.needed_folder(raw, files.TRAIN_IMAGES)
        place = files.needed_folder(raw, files.TRAIN_MASKS)
        test = files.folder(raw, files.TEST_IMAGES)
        self._pictures = Pictures(raw, train, test, reading.choice)
        masks, others = files.by_stem(place, files.MASK_SUFFIXES)
        self._masks, alone = files.pair(self._pictures.train, masks)
        self._pictures.keep(self._masks)
        self.sample, self.solution = self._pictures.sample, self._pictures.solution
        self._choice = reading.choice
        self._survey = Survey.of(list(self._masks.values()), classes, reading.choice)
        self.problems = [*self._pictures.problems, *others, *alone]
        self.classes = classes
        if not classes.colours:
            self.classes = replace(classes, colours=self._survey.colours_of_classes(place, classes))
        self._by_colour = bool(classes.colours)

    def keys(self) -> Sequence[Key]:
        return self._pictures.keys()

    def load(self, key: Key) -> Record:
        record = self._pictures.read(key)
        if key.split == "train":
            path = self._masks[self._pictures.stem(key)]
            mask = files.read_mask(path, self._choice)
            pixels = plain(mask, self.classes, by_colour=self._by_colour)
            with files.naming(path):
                full = self._survey.full(path)
                record.labels = read_mask(pixels, self.classes, full=full)
            record.note_once(mask.notes)
            files.check_shapes(record, record.labels, path)
            faint = self._survey.faint(path)
            if faint:
                say = record.note if self._survey.may_be_empty(path) else record.refuse
                say("faint mask", f"{path}: {faint}")
        return record
