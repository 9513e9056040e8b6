"""What the semantic layouts share: finding, pairing and reading image and mask files."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from segline.base import files
from segline.base.errors import UserError
from segline.base.reading import refusing
from segline.data import reader
from segline.data.layouts import Fault, Problem, Record
from segline.data.levels import Levels, Scale, each_channel8, stored_scale, to_rgb8
from segline.data.reader import IMAGE_SUFFIXES, Choice, Mask
from segline.submission import ids

MASK_SUFFIXES = (*IMAGE_SUFFIXES, ".npz")
TRAIN_IMAGES = ("images", "train_images", "train/images")
TRAIN_MASKS = ("masks", "train_masks", "train/masks")
TEST_IMAGES = ("test_images", "test/images")
ENDINGS = ("_mask", "_segmentation")  # a mask's stem may be its image's stem and one of these


def folder(raw: Path, names: Iterable[str]) -> Path | None:
    """The first of the folders `names` that is in `raw`."""
    return next((raw / name for name in names if (raw / name).is_dir()), None)


def needed_folder(raw: Path, names: Iterable[str]) -> Path:
    found = folder(raw, names)
    if found is None:
        raise UserError(f"{raw}: no folder {' or '.join(names)}; give the raw folder as raw=DIR")
    return found


def companion(raw: Path, name: str) -> Path | None:
    return raw / name if (raw / name).is_file() else None


def by_stem(place: Path, suffixes: tuple[str, ...]) -> tuple[dict[str, Path], list[Problem]]:
    """Files of a folder by stem, in natural order (2 before 10), and those not taken as problems.

    Those are files of other formats, and faults: files of which others have the stem.
    """
    found: dict[str, Path] = {}
    others: list[Problem] = []
    several: dict[str, list[Path]] = {}
    for path in sorted(place.iterdir(), key=natural):
        if path.name.startswith(".") or path.is_dir():
            continue
        if path.suffix.lower() not in suffixes:
            others.append(Problem(path.stem, "file not read", f"{path}: no known format"))
        else:
            several.setdefault(path.stem, []).append(path)
            found[path.stem] = path
    for stem, paths in several.items():
        if len(paths) > 1:
            del found[stem]
            names = ", ".join(path.name for path in paths[:-1])
            others.append(Fault(stem, "several files", f"{paths[-1]}: {names} has the same stem"))
    if not several:
        raise UserError(f"{place}: no files of a known format ({', '.join(suffixes)}) in it")
    return found, others


def natural(path: Path) -> tuple:
    """A key that sorts 2 before 10."""
    parts = re.split(r"(\d+)", path.stem)  # every second part is a number
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], path.suffix


def pair(images: dict[str, Path], masks: dict[str, Path]) -> tuple[dict[str, Path], list[Problem]]:
    """The mask of every image, by the image's stem, and a fault for every file without partner.

    UserError if no mask belongs to any image.
    """
    paired = {}
    free = dict(masks)
    for stem in images:
        mask = next((m for m in (stem, *(stem + e for e in ENDINGS)) if m in free), None)
        if mask is not None:
            paired[stem] = free.pop(mask)
    alone = {stem: path for stem, path in images.items() if stem not in paired}
    if not paired:
        first, other = next(iter(images.values()), "none"), next(iter(masks.values()), "none")
        raise UserError(
            f"no mask belongs to any image (first {first}, first mask {other}); an image and its mask "
            f"have the same stem, such as a.jpg and a.png or a_mask.png"
        )
    return paired, [
        *(Fault(stem, "image without mask", f"{path}: no mask") for stem, path in alone.items()),
        *(Fault(stem, "mask without image", f"{path}: no image") for stem, path in free.items()),
    ]


@contextlib.contextmanager
def naming(place: object) -> Iterator[None]:
    """Turn a ValueError of the block into a UserError that begins with `place`."""
    try:
        yield
    except ValueError as error:
        raise UserError(f"{place}: {error}") from None


def read_image(record: Record, path: Path, choice: Choice) -> None:
    """Fill `data`, `suffix`, `image` and `levels` of a record from an image file.

    8-bit files keep their bytes if any viewer sees the same in them; others are stored as the 8-bit
    PNG that `levels.to_rgb8` makes: deeper integers as 16 bit, floats by the scale of their range.
    """
    decode_image(record, path.read_bytes(), path, choice)


def decode_image(record: Record, data: bytes, where: object, choice: Choice) -> None:
    """The same of the bytes of a file whose place is `where`."""
    found = reader.picture(data, where, choice)
    record.data = data if found.whole else b""
    record.suffix = Path(str(where)).suffix.lower()
    for note in found.notes:
        record.note(*note)
    set_image(record, found.pixels, where, bands=bool(choice.bands))


def set_image(
    record: Record,
    stored: np.ndarray,
    where: object,
    scale: Scale | None = None,
    *,
    bands: bool = False,
) -> None:
    """Fill `image` and `levels` from the numbers a file holds, and `data` unless they are 8-bit.

    `bands` are channels that are no colours: (H, W, C), kept as a NumPy array.
    """
    if bands:
        _set_bands(record, stored, where)
        return
    with naming(where):
        scale = scale or stored_scale(stored)
        record.image = to_rgb8(stored, scale)
    low, high = float(stored.min()), float(stored.max())
    if stored.dtype != np.uint8 or not record.data:
        record.data, record.suffix = encode_png(record.image), ".png"
    grey = stored.ndim == 2 or bool((stored == stored[..., :1]).all())
    bright = float(record.image.mean())
    record.levels = Levels(str(stored.dtype), 1 if grey else 3, low, high, scale, bright)


def _set_bands(record: Record, stored: np.ndarray, where: object) -> None:
    with naming(where):
        record.image = each_channel8(stored)
    file = io.BytesIO()
    np.save(file, record.image)
    record.data, record.suffix = file.getvalue(), ".npy"
    scale: Scale = "0-255" if stored.dtype == np.uint8 else "each channel"
    low, high = float(stored.min()), float(stored.max())
    bright = float(record.image.mean())
    record.levels = Levels(str(stored.dtype), stored.shape[2], low, high, scale, bright)


def encode_png(image: np.ndarray) -> bytes:
    """The PNG file of an image (H, W, 3) uint8 RGB; grey ones in one channel."""
    grey = bool((image == image[..., :1]).all())
    stored = image[..., 0] if grey else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".png", np.ascontiguousarray(stored))[1].tobytes()


def read_mask(path: Path, choice: Choice) -> Mask:
    """The numbers of a mask file: (H, W), (H, W, 3) RGB, or (H, W, C) from .npy and .npz."""
    if path.suffix.lower() in (".npy", ".npz"):
        return Mask(_read_array(path), from_image=False)
    return reader.mask(path.read_bytes(), path, choice)


def _read_array(path: Path) -> np.ndarray:
    with refusing(path, "array", "save it with numpy.save"):
        found = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        if isinstance(found, np.ndarray):
            return found
        if len(found.files) != 1:
            raise UserError(f"{path}: {len(found.files)} arrays in it; a mask file holds one")
        return found[found.files[0]]


def check_shapes(record: Record, labels: np.ndarray, where: object) -> None:
    assert record.image is not None
    (height, width), (rows, columns) = record.image.shape[:2], labels.shape
    if (height, width) != (rows, columns):
        turned = any(problem.kind == reader.TURNED for problem in record.problems)
        why = "; the image has an orientation tag, which is ignored" if turned else ""
        raise UserError(
            f"{where}: the mask is {rows}x{columns}, its image {height}x{width} (height x width){why}; "
            f"export both at one size"
        )


class Belonging(NamedTuple):
    group: str = ""
    modality: str = ""


def read_groups(raw: Path, known: Iterable[str]) -> dict[str, Belonging]:
    """Group and modality of images by stem, from `groups.csv` if there is one.

    Columns `image_id,group` and, if wanted, `modality`. UserError unless all of `known` have a group.
    """
    path = raw / "groups.csv"
    if not path.is_file():
        return {}
    table = files.read_csv(path, ("image_id", "group"), dtype=str)
    modalities = table["modality"] if "modality" in table else [""] * len(table)
    known = list(known)
    names = ids.respelt(set(table["image_id"]), known, path)
    found = {
        names[image_id]: Belonging(group, modality)
        for image_id, group, modality in zip(
            table["image_id"], table["group"], modalities, strict=True
        )
    }
    missing = [stem for stem in known if not found.get(stem, Belonging()).group]
    if missing:
        raise UserError(
            f"{path}: {len(missing)} training images have no group (first {missing[0]}); list every "
            f"image by its stem, or remove the file"
        )
    return found
