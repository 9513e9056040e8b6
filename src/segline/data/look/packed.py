"""Masks that are files, but not one an image: DSB2018's folders of objects, and NumPy archives."""

from __future__ import annotations

import zipfile
import zlib

import numpy as np

from segline.base.errors import UserError
from segline.config.write import Line
from segline.data.layouts import npz as layout
from segline.data.look import masks
from segline.data.look.filed import as_source, of_classes, of_objects
from segline.data.look.folder import Family, Folder, spread, stem
from segline.data.look.guess import Guess

DSB2018 = ("stage1_train", "stage1_test")  # as `data.layouts.dsb2018` wants them


def dsb2018(folder: Folder) -> Guess | None:
    """Folders of an image each with a mask file an object; UserError if they are called otherwise."""
    images = [f for f in folder.pictures if f.folder.endswith("*/images") or _ends(f, "images")]
    objects = [f for f in folder.pictures if _ends(f, "masks")]
    train = next((f for f in images if any(_sibling(f, o) for o in objects)), None)
    if train is None:
        return None
    mask = next(o for o in objects if _sibling(train, o))
    top = train.folder.split("/")[0]
    test = [f for f in images if f.folder.split("/")[0] == DSB2018[1]]
    if top != DSB2018[0] or not test:
        raise UserError(
            f"{folder.raw}: {train.folder} and {mask.folder} hold an object a file, which the layout "
            f"dsb2018 reads from the folders {DSB2018[0]} and {DSB2018[1]}, found "
            f"{folder.place.folders()}; call them so, or make a folder of links to them"
        )
    guess = Guess(f"dsb2018, folders {train.folder} and {mask.folder}", "instances", train.names)
    guess.test = [name for family in test for name in family.names]
    guess.data = [Line("source", "dsb2018", f"{len(mask.names)} mask files, one an object")]
    seen = masks.look(folder.place, mask.names)
    guess.areas = seen.areas
    guess.per_image = len(mask.names) / len(train.names)
    guess.known = [name for family in objects for name in family.names]
    several = [n for n in seen.per_image if n > 1]
    if seen.of_objects and several:
        guess.data.append(Line("label_masks", True, f"up to {max(several)} values in a mask file"))
    guess.tell("masks", f"{len(mask.names)} files {mask.folder}/*{mask.suffix}: a file an object")
    guess.tell("values", seen.told)
    known = {name.split("/")[-3] for name in mask.names}
    alone = [name for name in train.names if name.split("/")[-3] not in known]
    if alone:
        guess.tell("without mask", f"{len(alone)} images, first {alone[0]}")
    return guess


def _ends(family: Family, name: str) -> bool:
    return family.folder.split("/")[-1] == name and family.folder.count("/") >= 2


def _sibling(images: Family, objects: Family) -> bool:
    """Whether the two are side by side, with more than one mask an image somewhere."""
    return images.folder.rpartition("/")[0] == objects.folder.rpartition("/")[0] and len(
        objects.names
    ) > len(images.names)


def npz(folder: Folder) -> Guess | None:
    """A training archive with images and masks at the top, as the source `npz` reads."""
    found = {stem(name): name for name in folder.place.names if name.endswith(".npz")}
    train = next((path for name, path in found.items() if name.lower().startswith("train")), None)
    if train is None or "/" in train:
        return None
    images, arrays = _arrays(folder, train)
    if arrays is None:
        return None
    seen = masks.Seen(len(arrays))
    for mask in spread(list(arrays), masks.MASKS):
        seen.n_read += 1
        seen.dtypes[str(mask.dtype)] += 1
        masks.add(seen, mask, is_array=True)
    guess = _of_archive(folder, seen)
    guess.layout = f"NumPy archives {', '.join(found.values())}"
    guess.data = [Line("source", "npz", f"{train} holds images {images} and masks"), *guess.data]
    guess.tell("values", seen.told)
    guess.known = list(found.values())
    keys = layout.ids(folder.raw)
    guess.train = [key.image_id for key in keys if key.split == "train"]
    guess.test = [key.image_id for key in keys if key.split == "test"]
    return guess


def _of_archive(folder: Folder, seen: masks.Seen) -> Guess:
    if not seen.of_objects:
        return of_classes(folder, seen)
    guess = of_objects(seen)
    as_source(guess)
    return guess


def _arrays(folder: Folder, name: str) -> tuple[str, np.ndarray | None]:
    """The shape of the images, and the masks, of an archive; None if it has none."""
    try:
        with folder.place.file(name) as path, np.load(path, allow_pickle=False) as found:
            images, masks = (
                next((found[name] for name in layout.NAMES[what] if name in found.files), None)
                for what in ("images", "masks")
            )
    except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise UserError(f"{folder.raw / name}: not a readable .npz ({error})") from None
    if images is None or masks is None or masks.shape[:3] != images.shape[:3]:
        return "", None
    return f"{images.shape} {images.dtype}", masks
