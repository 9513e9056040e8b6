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
from segline.data.layouts import Problem, Record
from segline.data.levels import Levels, Scale, stored_scale, to_rgb8
from segline.data.reader import IMAGE_SUFFIXES, Choice, Mask

MASK_SUFFIXES = (*IMAGE_SUFFIXES, ".npy", ".npz")
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
    """Files of a folder by stem, in natural order (2 before 10), and those of other formats as problems."""
    found: dict[str, Path] = {}
    others = []
    for path in sorted(place.iterdir(), key=_natural):
        if path.name.startswith(".") or path.is_dir():
            continue
        if path.suffix.lower() not in suffixes:
            others.append(Problem(path.stem, "file not read", f"{path}: no known format"))
        elif path.stem in found:
            raise UserError(f"{path}: {found[path.stem].name} has the same stem; keep one of them")
        else:
            found[path.stem] = path
    if not found:
        raise UserError(f"{place}: no files of a known format ({', '.join(suffixes)}) in it")
    return found, others


def _natural(path: Path) -> tuple:
    parts = re.split(r"(\d+)", path.stem)  # every second part is a number
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], path.suffix


def pair(images: dict[str, Path], masks: dict[str, Path]) -> dict[str, Path]:
    """The mask of every image, by the image's stem; UserError for any file without partner."""
    paired = {}
    free = dict(masks)
    for stem in images:
        mask = next((m for m in (stem, *(stem + e for e in ENDINGS)) if m in free), None)
        if mask is not None:
            paired[stem] = free.pop(mask)
    alone = [images[stem] for stem in images if stem not in paired]
    if alone or free:
        without = [f"{len(alone)} images without mask (first {alone[0]})"] if alone else []
        first = next(iter(free.values()), None)
        extra = [f"{len(free)} masks without image (first {first})"] if free else []
        raise UserError(
            f"{' and '.join(without + extra)}; an image and its mask have the same stem, such as "
            f"a.jpg and a.png or a_mask.png: rename, add or remove them"
        )
    return paired


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
    set_image(record, found.pixels, where)


def set_image(
    record: Record, stored: np.ndarray, where: object, scale: Scale | None = None
) -> None:
    """Fill `image` and `levels` from the numbers a file holds, and `data` unless they are 8-bit."""
    with naming(where):
        scale = scale or stored_scale(stored)
        record.image = to_rgb8(stored, scale)
    low, high = float(stored.min()), float(stored.max())
    if stored.dtype != np.uint8 or not record.data:
        record.data, record.suffix = encode_png(record.image), ".png"
    grey = stored.ndim == 2 or bool((stored == stored[..., :1]).all())
    bright = float(record.image.mean())
    record.levels = Levels(str(stored.dtype), 1 if grey else 3, low, high, scale, bright)


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
    found = {
        image_id: Belonging(group, modality)
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
