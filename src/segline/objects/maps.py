"""Probability maps in HDF5: 8 bit, compressed, one data set an image, written atomically."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from segline.base import hdf5
from segline.base.errors import UserError
from segline.base.files import store_array
from segline.config.places import maker
from segline.masks.targets import Channel


class Origin(NamedTuple):
    """What maps were made from: hashes of the net, of the settings and of the images; '' if not known."""

    model: str = ""
    settings: str = ""
    images: str = ""


UNKNOWN = Origin()


def write(path: Path, maps: Iterable[tuple[str, np.ndarray]], origin: Origin = UNKNOWN) -> None:
    """Write (image_id, probabilities (H, W, n_outputs) in 0..1) pairs, rounded to 1/255."""
    with hdf5.writing(path, seal=maker(path)) as (file, check):
        file.attrs.update(origin._asdict())
        for image_id, probs in maps:
            store_array(file, image_id, rounded(probs))
            check()


def origin(path: Path) -> Origin:
    """What the maps of a file were made from."""
    with _opened(path) as file:
        return Origin(**{name: str(file.attrs.get(name, "")) for name in Origin._fields})


def rounded(probs: np.ndarray) -> np.ndarray:
    """Probabilities in 0..1 as they are stored: uint8, in steps of 1/255."""
    return np.rint(np.clip(probs, 0, 1) * 255).astype(np.uint8)


def foreground(probs: np.ndarray) -> np.ndarray:
    """Probability (H, W) uint8 of any object, from a map (H, W, n) uint8 of objects."""
    return 255 - np.ascontiguousarray(probs[..., Channel.BACKGROUND])


def ids(path: Path) -> list[str]:
    with _opened(path) as file:
        return sorted(file)


def read(path: Path, image_id: str) -> np.ndarray:
    """The map of one image, (H, W, n_outputs) uint8."""
    with _opened(path) as file:
        if image_id not in file:
            raise UserError(f"{path}: no map of image {image_id}; predict again")
        found = file[image_id][()]
    if not isinstance(found, np.ndarray) or found.ndim != 3 or found.dtype != np.uint8:
        raise UserError(
            f"{path}: expected maps (height, width, channels) uint8, found another kind for "
            f"{image_id}; remove it, and {maker(path)} makes it again"
        )
    return found


def read_mean(paths: Sequence[Path], image_id: str) -> np.ndarray:
    """The mean over several files of one image's map, rounded to uint8."""
    found = [read(path, image_id).astype(np.uint16) for path in paths]
    for path, probs in zip(paths, found, strict=True):
        if probs.shape != found[0].shape:
            raise UserError(
                f"{path}: maps of {probs.shape[2]} channels and {paths[0]}: of {found[0].shape[2]}; blend "
                f"runs with the same outputs and predict.other_scales"
            )
    total = sum(found)
    return np.rint(total / len(paths)).astype(np.uint8)


def _opened(path: Path) -> AbstractContextManager[h5py.File]:
    return hdf5.reading(path, maker=maker(path))
