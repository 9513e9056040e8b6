"""Objects in mask files, several an image or in a folder a class, as the reader of `folders` takes them."""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from segline.base.errors import UserError
from segline.config.tables.data import MOST_OBJECT_CLASSES
from segline.config.write import Line
from segline.data.layouts import Key, Reading, files, object_folders
from segline.data.layouts.object_folders import ALONE, ObjectFolders
from segline.data.look import pairs
from segline.data.look.filed import folds
from segline.data.look.folder import Folder, spread
from segline.data.look.guess import Guess

SPECIMENS = 8  # images whose masks are read, to tell whether a file holds several objects
KINDS = 2  # masks an image from which on, if called alike in all, they are no objects


def look(folder: Folder) -> Guess | None:
    """Objects in the folders that `folders` reads; UserError if they are in others, None without any."""
    raw = folder.raw
    images, masks = files.folder(raw, files.TRAIN_IMAGES), files.folder(raw, files.TRAIN_MASKS)
    fit = _fit(folder, images, masks) if images and masks else None
    if fit is None or images is None or masks is None:
        _refuse_elsewhere(folder)
        return None
    stems, _ = files.by_stem(images, files.IMAGE_SUFFIXES)
    keys = fit.source.keys()
    guess = Guess(f"folders {_below(raw, images)}/ and {_below(raw, masks)}/", "instances", [])
    guess.train = [_below(raw, path) for stem, path in stems.items() if stem in fit.files]
    guess.test = _test(folder, keys)
    n_files = sum(map(len, fit.files.values()))
    reading = fit.source.reading.removeprefix("masks: ")
    why = f"{n_files} mask files of {len(fit.files)} images; {reading}"
    guess.data = [Line("source", "folders", why), *_keys(fit, masks)]
    guess.data += folds(guess, folder)
    guess.tell("masks", why)
    guess.known = [_below(raw, path) for path in [*chain(*fit.files.values()), *stems.values()]]
    _tell(guess, fit, folder)
    return guess


class Fit(NamedTuple):
    """A reading of the masks: by `classes` or without, each file one object or `several`."""

    source: ObjectFolders
    classes: tuple[str, ...]
    folders: tuple[str, ...]  # that may be classes
    several: bool

    @property
    def files(self) -> dict[str, list[Path]]:
        """The mask files of each image, by stem."""
        return {stem: [*chain(*found)] for stem, found in self.source.mask_files.items()}


def _fit(folder: Folder, images: Path, masks: Path) -> Fit | None:
    """How the reader takes the masks as objects; None if it does not, or one mask an image is all."""
    names = _class_folders(images, masks)
    fits = [_read(folder.raw, classes, names) for classes in ([names, ()] if names else [()])]
    found = next((fit for fit in fits if fit and (not fit.classes or _share(fit))), None)
    if found is None or _are_kinds(found):
        return None
    several = any(len(paths) > 1 for paths in found.files.values())
    if not several and not found.classes and pairs.of(folder) is not None:
        return None
    odd = [name for name in found.classes if re.search(r"[\s,]", name)]
    if odd:
        raise UserError(
            f"{masks / odd[0]}: masks of a class; its folder has no spaces and no commas in its name; "
            f"rename it, or make a folder of links"
        )
    return found


def _class_folders(images: Path, masks: Path) -> tuple[str, ...]:
    """The folders of masks that may be classes: two or more, none called like an image, no file beside."""
    stems = {path.stem for path in images.iterdir()}
    found = [path for path in sorted(masks.iterdir()) if not path.name.startswith(".")]
    names = tuple(path.name for path in found)
    fit = all(path.is_dir() for path in found) and not stems & set(names)
    return names if fit and 2 <= len(names) <= MOST_OBJECT_CLASSES else ()


def _share(fit: Fit) -> bool:
    """Whether an image has masks of two classes: folders that part the images are no classes."""
    return any(sum(map(bool, found)) > 1 for found in fit.source.mask_files.values())


def _read(raw: Path, classes: tuple[str, ...], folders: tuple[str, ...]) -> Fit | None:
    """The reading of a file as one object or several, whichever fails on fewer images."""
    tried: list[tuple[int, bool, Fit]] = []
    for several in (False, True):
        try:
            source = object_folders.open_raw(
                raw, Reading(label_masks=several, object_classes=classes)
            )
        except UserError:
            return None
        fit = Fit(source, classes, folders, several)
        n_alone = sum(problem.kind == ALONE for problem in source.problems)
        if sum(map(len, fit.files.values())) <= n_alone:
            return None
        listed = source.keys()
        keys = spread([key for key in listed if key.split == "train"], SPECIMENS)
        n_refused = sum(not _reads(source, key) for key in keys)
        if 2 * n_refused <= len(keys):
            tried.append((n_refused, several, fit))
    return min(tried)[-1] if tried else None


def _reads(source: ObjectFolders, key: Key) -> bool:
    try:
        return source.load(key).labels is not None
    except UserError:
        return False


def _are_kinds(fit: Fit) -> bool:
    """Whether all images have files that are called alike, without numbers, such as cells and nuclei."""
    rests = {
        tuple(sorted(path.stem.removeprefix(stem) for path in paths))
        for stem, paths in fit.files.items()
    }
    first = next(iter(rests), ())
    alike = len(rests) == 1 and len(first) >= KINDS and not fit.classes
    return alike and not any(re.search(r"\d", rest) for rest in first)


def _keys(fit: Fit, masks: Path) -> list[Line]:
    lines = []
    if fit.classes:
        why = f"the folders in {masks.name}/; classes of pixels instead need one mask file an image"
        lines.append(Line("object_classes", list(fit.classes), why))
    elif fit.folders:
        why = f"object_classes = [{', '.join(fit.folders)}] if they are classes; no image is in two"
        lines.append(Line("", None, why))
    if fit.several:
        lines.append(Line("label_masks", True, "files of several values, each an object"))
    return lines


def _test(folder: Folder, keys: list[Key]) -> list[str]:
    place = files.folder(folder.raw, files.TEST_IMAGES)
    if place is None or not any(key.split == "test" for key in keys):
        return []
    found, _ = files.by_stem(place, files.IMAGE_SUFFIXES)
    return [_below(folder.raw, path) for path in found.values()]


def _tell(guess: Guess, fit: Fit, folder: Folder) -> None:
    """What the reader cannot use, but for masks without image, which are told with all unused files."""
    problems = [problem for problem in fit.source.problems if problem.kind != ALONE]
    for kind, n in Counter(problem.kind for problem in problems).items():
        first = next(problem.detail for problem in problems if problem.kind == kind)
        guess.tell(kind, f"{n}, first {first.replace(f'{folder.raw}/', '')}")
    sample = next((table for table in folder.tables if table.is_sample), None)
    wanted = ["ImageId", *(["ClassId"] if fit.classes else []), "EncodedPixels"]
    if sample is not None and (
        sample.name != "sample_submission.csv" or not set(wanted) <= set(sample.cells.columns)
    ):
        said = (
            f"{sample.name}; the source folders takes sample_submission.csv of {','.join(wanted)}"
        )
        guess.tell("not read", said)


def _refuse_elsewhere(folder: Folder) -> None:
    """UserError for numbered masks in a folder an image that `folders` does not find."""
    found = pairs.of(folder, numbered=True)
    if found is not None and folder.is_numbered(found.masks) and pairs.of(folder) is None:
        raise UserError(
            f"{folder.raw}: {found.masks.folder} holds several masks an image, a file an object, which the "
            f"layout folders reads as masks/NAME/1.png beside images/NAME.png, with classes as "
            f"masks/CLASS/NAME/1.png of two or more classes; call them so, or make a folder of links"
        )


def _below(raw: Path, path: Path) -> str:
    return path.relative_to(raw).as_posix()
