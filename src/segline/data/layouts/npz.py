"""A whole set in NumPy archives.

    train.npz (or the only other .npz)     arr_0 images, arr_1 masks; also under the names images, masks
    validation*.npz or val*.npz            optional: a fixed validation set, in the same form
    test*.npz                              optional: arr_0 images
    sample_submission.csv, solution.csv    optional; ImageId is <file's stem>-<index, four digits>

Images are (N, H, W), (N, H, W, 1), (N, H, W, 3) or (N, H, W, 4); masks (N, H, W) or (N, H, W, C),
each as `stored_masks.read_mask` takes it. Every file's own range decides its scale (`levels.scale_of`): a
training file in 0-1 and a validation file in 0-255 both become 0-255, and the data check says so.

The images of the validation file are training rows marked `validation`: fold 0 is theirs alone.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from segline.base.errors import UserError
from segline.base.reading import refusing
from segline.data import stacks
from segline.data.layouts import READING, Key, Problem, Reading, Record
from segline.data.layouts import files as _files
from segline.data.levels import Scale, scale_of
from segline.data.stacks import Choice
from segline.masks import stored_masks
from segline.masks.classes import Classes, first_pixel
from segline.masks.mask_scale import Reach
from segline.masks.mask_scale import Scale as MaskScale

NAMES = {"images": ("arr_0", "images"), "masks": ("arr_1", "masks")}
CHANNELS = (1, 3, 4)


def open_raw(raw: Path, classes: Classes, reading: Reading = READING) -> Npz:
    """Read the archives; UserError for NaNs in images, shapes that do not fit, unknown scales."""
    return Npz(raw, classes, reading)


def ids(raw: Path) -> list[Key]:
    """The images of the archives, whose masks are not read; UserError for one without images."""
    return [
        Key("test" if role == "test" else "train", f"{path.stem}-{index:04d}")
        for role, paths in _files_by_role(raw).items()
        for path in paths
        for index in range(_count(path))
    ]


def _count(path: Path) -> int:
    with refusing(path, ".npz", "save it with numpy.savez"):
        return len(
            _array(np.load(io.BytesIO(path.read_bytes()), allow_pickle=False), "images", path)
        )


@dataclass(frozen=True, eq=False)
class Archive:
    path: Path
    images: np.ndarray  # (N, H, W) or (N, H, W, C)
    masks: np.ndarray | None  # the same, with other channels; None for a test file
    scale: Scale | None  # None of channels, each of which has its own
    reaches: tuple[Reach | None, ...] = ()  # of the masks, if they have two classes

    @cached_property
    def mask_scale(self) -> MaskScale:
        return MaskScale(reach for reach in self.reaches if reach)

    @property
    def ids(self) -> list[str]:
        return [f"{self.path.stem}-{index:04d}" for index in range(len(self.images))]


class Archives:
    """The archives of a raw folder, kept in memory; `classes` are None for objects."""

    def __init__(self, raw: Path, classes: Classes | None, choice: Choice) -> None:
        self._choice = choice
        self.sample = _files.companion(raw, "sample_submission.csv")
        self.solution = _files.companion(raw, "solution.csv")
        self.problems: list[Problem] = []
        files = _files_by_role(raw)
        self._validation = [
            _read(path, classes, choice, masked=True) for path in files["validation"]
        ]
        train = [
            _read(path, classes, choice, masked=True) for path in files["train"]
        ] + self._validation
        test = [_read(path, classes, choice, masked=False) for path in files["test"]]
        self._where = {
            Key(split, image_id): (archive, index)
            for split, archives in (("train", train), ("test", test))
            for archive in archives
            for index, image_id in enumerate(archive.ids)
        }

    def keys(self) -> Sequence[Key]:
        return list(self._where)

    def load(self, key: Key) -> Record:
        archive, index = self._where[key]
        record = Record(key, place=str(archive.path), validation=archive in self._validation)
        where = f"{archive.path}[{index}]"
        _check_finite(archive.images[index], where)
        bands = bool(self._choice.bands)
        _files.set_image(record, archive.images[index], where, archive.scale, bands=bands)
        if archive.masks is not None:
            self._label(record, archive, index)
        return record

    def _label(self, record: Record, archive: Archive, index: int) -> None:
        record.labels = self.labels(archive, index)

    def labels(self, archive: Archive, index: int) -> np.ndarray:
        """The label image (H, W) int32 of one of its masks."""
        raise NotImplementedError


class Npz(Archives):
    """A `SemanticSource`."""

    def __init__(self, raw: Path, classes: Classes, reading: Reading) -> None:
        super().__init__(raw, classes, reading.choice)
        self.classes = classes

    def _label(self, record: Record, archive: Archive, index: int) -> None:
        super()._label(record, archive, index)
        reach = archive.reaches[index]
        faint = archive.mask_scale.faint(reach) if reach else ""
        if reach and faint:
            say = record.note if archive.mask_scale.is_soft(reach) else record.refuse
            say("faint mask", f"{archive.path}[{index}]: {faint}")

    def labels(self, archive: Archive, index: int) -> np.ndarray:
        assert archive.masks is not None
        reach = archive.reaches[index]
        full = archive.mask_scale.full(reach) if reach else 0.0
        with _files.naming(f"{archive.path}[{index}], mask"):
            return stored_masks.read_mask(archive.masks[index], self.classes, full=full)


def _files_by_role(raw: Path) -> dict[str, list[Path]]:
    roles: dict[str, list[Path]] = {"train": [], "validation": [], "test": []}
    for path in sorted(raw.glob("*.npz")):
        name = path.stem.lower()
        role = (
            "validation"
            if name.startswith("val")
            else "test"
            if name.startswith("test")
            else "train"
        )
        roles[role].append(path)
    if len(roles["train"]) != 1:
        found = ", ".join(path.name for path in roles["train"]) or "none"
        raise UserError(
            f"{raw}: expected one training .npz (train.npz) beside validation*.npz and test*.npz, found "
            f"{found}; rename or remove files, or give the folder as raw=DIR"
        )
    return roles


def _read(path: Path, classes: Classes | None, choice: Choice, *, masked: bool) -> Archive:
    """An archive, `masked` or of test images."""
    with refusing(path, ".npz", "save it with numpy.savez"):
        found = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        images = _array(found, "images", path)
        masks = _array(found, "masks", path) if masked else None
    images = _chosen(images, path, choice)
    if masks is not None and masks.shape[:3] != images.shape[:3]:
        raise UserError(
            f"{path}: masks of shape {masks.shape} do not fit images of {images.shape}; both begin with "
            f"(N, height, width)"
        )
    with _files.naming(path):
        low, high = _range(images)
        scale = None if choice.bands else scale_of(images.dtype, low=low, high=high)
    return Archive(path, images, masks, scale, _reaches(masks, classes))


def _reaches(masks: np.ndarray | None, classes: Classes | None) -> tuple[Reach | None, ...]:
    if masks is None or classes is None or len(classes) != 2:
        return () if masks is None else (None,) * len(masks)
    return tuple(Reach.of(mask, classes) for mask in masks)


def _array(found: np.lib.npyio.NpzFile, what: str, path: Path) -> np.ndarray:
    name = next((name for name in NAMES[what] if name in found.files), None)
    if name is None:
        raise UserError(
            f"{path}: no array {' or '.join(NAMES[what])} for the {what}, found "
            f"{', '.join(found.files) or 'none'}; save with numpy.savez(path, images, masks)"
        )
    return found[name]


def _chosen(images: np.ndarray, path: Path, choice: Choice) -> np.ndarray:
    """The images with the channels that are chosen."""
    if images.ndim == 4 and choice.channels:
        stacks.check_channels(images.shape[3], str(path), choice)
        images = stacks.of_channels(images, choice)
    _check_images(images, path, choice)
    return images


def _check_images(images: np.ndarray, path: Path, choice: Choice) -> None:
    if images.dtype.kind not in "buif":
        raise UserError(f"{path}: images hold real numbers, found {images.dtype}; convert them")
    known = (choice.bands,) if choice.bands else CHANNELS
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in known):
        raise UserError(
            f"{path}: images of shape {images.shape}; expected (N, H, W) or (N, H, W, C) with C one of "
            f"{', '.join(map(str, known))}; numpy.moveaxis brings channels to the end, data.channels names "
            f"which"
        )
    if not len(images):
        raise UserError(f"{path}: no images in it; save with numpy.savez(path, images, masks)")


def _range(images: np.ndarray) -> tuple[float, float]:
    """The least and the largest number of the images that are finite."""
    if images.dtype.kind == "f":
        finite = np.isfinite(images)
        return (
            float(images.min(initial=np.inf, where=finite)),
            float(images.max(initial=-np.inf, where=finite)),
        )
    return float(images.min()), float(images.max())


def _check_finite(image: np.ndarray, where: str) -> None:
    broken = ~np.isfinite(image) if image.dtype.kind == "f" else np.zeros(1, bool)
    if broken.any():
        raise UserError(
            f"{where}: NaN or infinite at {first_pixel(broken)}; mend it (numpy.nan_to_num)"
        )
