"""Objects in the folders of `folders`: the masks are label images, binary ones, or a file an object.

    masks/NAME.png, NAME_mask.png          one mask an image: with `data.label_masks` each value above 0
                                           is an object, else the connected pieces of a binary mask are
    masks/NAME_*.png or masks/NAME/*.png   several: each file is an object, or with `data.label_masks`
                                           may hold several

With `data.object_classes` each class has a folder of these, `masks/CLASS/...`; an image without mask there
has no object of that class.

Where objects of several files overlap the smaller one keeps the pixel. An image without objects has a
black mask or an empty folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from segline.base.errors import UserError
from segline.data import object_masks
from segline.data.layouts import READING, Fault, Key, Problem, Reading, Record, files, object_rows
from segline.data.layouts.folders import Pictures
from segline.data.reader import Mask
from segline.masks import rle

NAMED = (
    "the masks of a.jpg are a.png or a_mask.png, or of each object a_1.png or a/1.png; an image without "
    "objects has a black mask"
)
ALONE, TWO_KINDS = "mask without image", "two kinds of masks"
SEPARATORS = "_-. "  # between an image's name and what an object's file has after it


def open_raw(raw: Path, reading: Reading = READING) -> ObjectFolders:
    """List and pair the files; UserError for a missing folder or if no mask belongs to any image."""
    return ObjectFolders(raw, reading)


class ObjectFolders:
    """An `ObjectSource`."""

    def __init__(self, raw: Path, reading: Reading) -> None:
        train = files.needed_folder(raw, files.TRAIN_IMAGES)
        place = files.needed_folder(raw, files.TRAIN_MASKS)
        test = files.folder(raw, files.TEST_IMAGES)
        self._pictures, self._reading = Pictures(raw, train, test, reading.choice), reading
        self.sample, self.solution = self._pictures.sample, self._pictures.solution
        self.problems = [*self._pictures.problems]
        self._classes = reading.object_classes
        names = self._classes or ("",)
        if self._classes:
            _check_folders(place, names)
        paired = {name: self._of_class(place / name) for name in names}
        self._pictures.keep(self._usable(paired))
        images = self._pictures.train
        self._masks = {stem: [paired[name].get(stem, []) for name in names] for stem in images}
        self._of_objects = [any(map(_of_objects, found.items())) for found in paired.values()]
        told = dict.fromkeys(self._told(of_objects) for of_objects in self._of_objects)
        self.reading = f"masks: {' or '.join(told)}"

    def _of_class(self, place: Path) -> dict[str, list[Path]]:
        """The mask files of one class by their image's stem; what is wrong with others is noted."""
        masks, others = _listed(place)
        paired, faults = _paired(self._pictures.train, masks)
        self.problems += others + faults
        return paired

    def _usable(self, paired: dict[str, dict[str, list[Path]]]) -> set[str]:
        """The images that have a mask and no fault; UserError if none has a mask."""
        images, known = self._pictures.train, set().union(*paired.values())
        alone = [fault for fault in self.problems if fault.kind == ALONE]
        if not known:
            first, other = next(iter(images.values()), "none"), alone[0].detail if alone else "none"
            raise UserError(
                f"no mask belongs to any image (first {first}, first mask {other}); {NAMED}"
            )
        named = {fault.image_id for fault in self.problems if fault.kind == TWO_KINDS}
        self.problems += [
            Fault(stem, "image without mask", f"{path}: no mask; {NAMED}")
            for stem, path in images.items()
            if stem not in known | named
        ]
        return known - named

    def _told(self, of_objects: bool) -> str:
        if self._reading.label_masks:
            return "each value above 0 is an object (data.label_masks)"
        return "each file is an object" if of_objects else object_masks.PIECES

    def keys(self) -> list[Key]:
        return list(self._pictures.keys())

    @property
    def mask_files(self) -> dict[str, list[list[Path]]]:
        """Of each image, by stem, its mask files by class (one list without classes)."""
        return self._masks

    def load(self, key: Key) -> Record:
        record = self._pictures.read(key)
        if key.split == "train":
            self._label(record, self._masks[self._pictures.stem(key)])
        return record

    def _label(self, record: Record, paths: list[list[Path]]) -> None:
        """Fill `labels` from the files of each class; an image whose truth is not whole is left out."""
        try:
            masks = [[files.read_mask(path, self._reading.choice) for path in of] for of in paths]
        except UserError as error:
            record.refuse("mask unreadable", str(error))
            return
        for mask, path in zip(chain(*masks), chain(*paths), strict=True):
            _check(record, mask, path)
        record.labels = self._labels(record, masks, paths)

    def _labels(
        self, record: Record, masks: list[list[Mask]], paths: list[list[Path]]
    ) -> np.ndarray:
        assert record.image is not None
        if not self._classes and not self._of_objects[0]:
            return self._whole(masks[0][0], paths[0][0])
        codes: list[str] = []
        kinds: list[int] = []
        for number, of_objects in enumerate(self._of_objects):
            for mask, path in zip(masks[number], paths[number], strict=True):
                found = self._codes(mask, path, of_objects=of_objects)
                codes += found
                kinds += [number + 1] * len(found) if self._classes else []
        shape = (record.image.shape[0], record.image.shape[1])
        return object_rows.join(record, codes, shape, kinds)

    def _stored(self, mask: Mask) -> np.ndarray:
        return mask.pixels if self._reading.label_masks else mask.coloured()

    def _whole(self, mask: Mask, path: Path) -> np.ndarray:
        several = self._reading.label_masks
        return object_masks.all_objects(self._stored(mask), path, several=several)

    def _codes(self, mask: Mask, path: Path, *, of_objects: bool) -> list[str]:
        """RLE of the objects of one file."""
        if not of_objects:
            return rle.encode_labels(self._whole(mask, path))
        several = self._reading.label_masks
        found = object_rows.encoded(self._stored(mask), str(path), several=several)
        return [code for code in found.values() if code]


def _of_objects(masks: tuple[str, list[Path]]) -> bool:
    """Whether the masks of an image lie in a folder of their own, or are several."""
    stem, paths = masks
    return len(paths) != 1 or paths[0].parent.name == stem


def _check_folders(place: Path, classes: Sequence[str]) -> None:
    """Refuse a class without folder, and what lies beside the folders of the classes."""
    found = [path.name for path in sorted(place.iterdir()) if not path.name.startswith(".")]
    missing = [name for name in classes if not (place / name).is_dir()]
    foreign = [name for name in found if name not in classes]
    if missing or foreign:
        lacking = f"no folder {missing[0]}" if missing else f"{foreign[0]} is no class"
        raise UserError(
            f"{place}: {lacking}; with data.object_classes it holds a folder of masks for each class "
            f"({', '.join(classes)}) and nothing else; found {', '.join(found) or 'nothing'}"
        )


def _check(record: Record, mask: Mask, path: Path) -> None:
    if mask.pixels.ndim == 3 and not mask.from_image:
        raise UserError(
            f"{path}: an array of shape {mask.pixels.shape}; a mask of objects is (H, W), with "
            f"data.label_masks each value above 0 being one"
        )
    record.note_once(mask.notes)
    files.check_shapes(record, mask.pixels[..., 0] if mask.pixels.ndim == 3 else mask.pixels, path)


def _listed(place: Path) -> tuple[list[Path], list[Problem]]:
    """Mask files of a folder and of those in it, in natural order; empty folders, too."""
    found: list[Path] = []
    others: list[Problem] = []
    for path in sorted(place.iterdir(), key=files.natural):
        if path.name.startswith("."):
            continue
        inside = sorted(path.iterdir(), key=files.natural) if path.is_dir() else [path]
        known = [each for each in inside if each.suffix.lower() in files.MASK_SUFFIXES]
        found += known or ([path] if path.is_dir() else [])
        others += [
            Problem(each.stem, "file not read", f"{each}: no known format")
            for each in inside
            if each not in known and not each.name.startswith(".")
        ]
    return found, others


def _paired(
    images: dict[str, Path], masks: Iterable[Path]
) -> tuple[dict[str, list[Path]], list[Problem]]:
    """The mask files of the images, by their stem, and a fault for every file without image.

    An image with a mask that is called like it and further ones is a fault, too.
    """
    found: dict[str, list[Path]] = {}
    whole: dict[str, Path] = {}  # masks that are called like their image
    faults: list[Problem] = []
    for path in masks:
        stem, is_whole = _owner(path, images)
        if not stem:
            faults.append(Fault(path.stem, ALONE, f"{path}: no image"))
            continue
        if is_whole:
            whole[stem] = path
        found.setdefault(stem, []).extend([] if path.is_dir() else [path])
    for stem, path in whole.items():
        other = next((each.name for each in found[stem] if each != path), "")
        if other:
            said = (
                f"{path}: beside it there is {other}: one mask of all objects, or a file an object?"
            )
            faults.append(Fault(stem, TWO_KINDS, said))
            del found[stem]
    return found, faults


def _owner(path: Path, images: dict[str, Path]) -> tuple[str, bool]:
    """The stem of the image that a mask belongs to ('' without), and whether it is called like it."""
    if path.is_dir() or path.parent.name in images:
        stem = path.name if path.is_dir() else path.parent.name
        return (stem if stem in images else ""), False
    stem = path.stem
    for ending in ("", *files.ENDINGS):
        if stem.endswith(ending) and stem.removesuffix(ending) in images:
            return stem.removesuffix(ending), True
    cuts = (number for number in range(len(stem) - 1, 0, -1) if stem[number] in SEPARATORS)
    return next((stem[:cut] for cut in cuts if stem[:cut] in images), ""), False
