"""Objects in the folders of `folders`: the masks are label images, binary ones, or a file an object.

    masks/NAME.png, NAME_mask.png          one mask an image: with `data.label_masks` each value above 0
                                           is an object, else the connected pieces of a binary mask are
    masks/NAME_*.png or masks/NAME/*.png   several: each file is an object, or with `data.label_masks`
                                           may hold several

Where objects of several files overlap the smaller one keeps the pixel. An image without objects has a
black mask or an empty folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from segline.base.errors import UserError
from segline.data import object_masks
from segline.data.layouts import READING, Fault, Key, Problem, Reading, Record, files, object_rows
from segline.data.layouts.folders import Pictures
from segline.data.reader import Mask

NAMED = (
    "the masks of a.jpg are a.png or a_mask.png, or of each object a_1.png or a/1.png; an image without "
    "objects has a black mask"
)
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
        masks, others = _listed(place)
        self._masks, alone = _paired(self._pictures.train, masks)
        self._pictures.keep(self._masks)
        self._of_objects = any(self._is_of_objects(stem) for stem in self._masks)
        self.problems = [*self._pictures.problems, *others, *alone]
        self.reading = f"masks: {self._told()}"

    def _is_of_objects(self, stem: str) -> bool:
        """Whether the image's masks lie in a folder of their own, or are several."""
        paths = self._masks[stem]
        return len(paths) != 1 or paths[0].parent.name == stem

    def _told(self) -> str:
        if self._reading.label_masks:
            return "each value above 0 is an object (data.label_masks)"
        if self._of_objects:
            return "each file is an object"
        return object_masks.PIECES

    def keys(self) -> list[Key]:
        return list(self._pictures.keys())

    def load(self, key: Key) -> Record:
        record = self._pictures.read(key)
        if key.split == "train":
            self._label(record, self._masks[self._pictures.stem(key)])
        return record

    def _label(self, record: Record, paths: list[Path]) -> None:
        """Fill `labels`; an image whose truth is not whole is left out."""
        try:
            masks = [files.read_mask(path, self._reading.choice) for path in paths]
        except UserError as error:
            record.refuse("mask unreadable", str(error))
            return
        for mask, path in zip(masks, paths, strict=True):
            _check(record, mask, path)
        record.labels = self._labels(record, masks, paths)

    def _labels(self, record: Record, masks: list[Mask], paths: list[Path]) -> np.ndarray:
        assert record.image is not None
        several = self._reading.label_masks
        stored = [mask.pixels if several else mask.coloured() for mask in masks]
        if not self._of_objects:
            return object_masks.all_objects(stored[0], paths[0], several=several)
        codes: list[str] = []
        for pixels, path in zip(stored, paths, strict=True):
            found = object_rows.encoded(pixels, str(path), several=several)
            codes += [code for code in found.values() if code]
        shape = (record.image.shape[0], record.image.shape[1])
        return object_rows.join(record, codes, shape)


def _check(record: Record, mask: Mask, path: Path) -> None:
    if mask.pixels.ndim == 3 and not mask.from_image:
        raise UserError(
            f"{path}: an array of shape {mask.pixels.shape}; a mask of objects is (H, W), with "
            f"data.label_masks each value above 0 being one"
        )
    if mask.notes and not record.problems:
        record.note(*mask.notes[0])
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
    """The mask files of every image, by its stem, and a fault for every file without partner.

    An image with a mask that is called like it and further ones is a fault, too. UserError if no mask
    belongs to any image.
    """
    found: dict[str, list[Path]] = {}
    whole: dict[str, Path] = {}  # masks that are called like their image
    faults: list[Problem] = []
    for path in masks:
        stem, is_whole = _owner(path, images)
        if not stem:
            faults.append(Fault(path.stem, "mask without image", f"{path}: no image"))
            continue
        if is_whole:
            whole[stem] = path
        found.setdefault(stem, []).extend([] if path.is_dir() else [path])
    if not found:
        first, other = next(iter(images.values()), "none"), faults[0].detail if faults else "none"
        raise UserError(
            f"no mask belongs to any image (first {first}, first mask {other}); {NAMED}"
        )
    for stem, path in images.items():
        if stem not in found:
            faults.append(Fault(stem, "image without mask", f"{path}: no mask; {NAMED}"))
    for stem, path in whole.items():
        other = next((each.name for each in found[stem] if each != path), "")
        if other:
            said = (
                f"{path}: beside it there is {other}: one mask of all objects, or a file an object?"
            )
            faults.append(Fault(stem, "two kinds of masks", said))
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
