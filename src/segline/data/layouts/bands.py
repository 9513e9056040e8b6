"""Pictures that are no picture files: channels in files of their own, NumPy arrays, DICOM."""

from __future__ import annotations

import importlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segline.base.errors import UserError
from segline.base.reading import refusing
from segline.config.tables.dialect import Channel, Dialect
from segline.data.layouts import Record, files
from segline.data.layouts.place import Picture, Place
from segline.data.stacks import Choice


def read(record: Record, picture: Picture, place: Place, dialect: Dialect, choice: Choice) -> None:
    """Fill `data`, `image` and `levels` of a record; UserError for what cannot be read."""
    where = place.raw / picture.name
    if dialect.channels:
        files.set_image(record, _stacked(picture, place, dialect), where)
        return
    with place.file(picture.name) as path:
        suffix = path.suffix.lower()
        if suffix in (".dcm", ".npy"):
            found = _dicom(path, where) if suffix == ".dcm" else _framed(path, dialect.frame)
            files.set_image(record, found, where)
        else:
            files.read_image(record, path, choice)


def _stacked(picture: Picture, place: Place, dialect: Dialect) -> np.ndarray:
    """Channels as (H, W, C) uint8, each between its own `low` and `high`."""
    cache: dict[str, np.ndarray] = {}

    def layer(name: str) -> np.ndarray:
        if name not in cache:
            cache[name] = _layer(picture, place, dialect, name)
        return cache[name]

    return np.dstack([_scaled(channel, layer) for channel in _three(dialect.channels)])


def _three(channels: Sequence[Channel]) -> Sequence[Channel]:
    """One channel is grey, in all three; two repeat the first."""
    return channels if len(channels) == 3 else (*channels, channels[0], channels[0])[:3]


def _scaled(channel: Channel, layer) -> np.ndarray:
    values = layer(channel.file)
    if channel.minus:
        values = values - layer(channel.minus)
    share = (values - channel.low) / (channel.high - channel.low)
    return np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)


def _layer(picture: Picture, place: Place, dialect: Dialect, name: str) -> np.ndarray:
    if name not in picture.names:
        raise UserError(
            f"{place.raw / picture.name}: beside it there is no {name}, which data.dialect.channels "
            f"needs; found {', '.join(list(picture.names)[:5])}"
        )
    with place.file(picture.names[name]) as path:
        if path.suffix.lower() == ".npy":
            return _framed(path, dialect.frame).astype(np.float32)
        found = files.read_mask(path, Choice()).pixels
    return (found if found.ndim == 2 else found.mean(axis=2)).astype(np.float32)


def _framed(path: Path, frame: int | None) -> np.ndarray:
    """An array (H, W) or (H, W, T), of which `frame` is taken."""
    with refusing(path, "array", "save it with numpy.save"):
        found = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        return found if frame is None or found.ndim == 2 else found[..., frame]


def _dicom(path: Path, where: Path) -> np.ndarray:
    """The pixels of a DICOM file, bright where it is displayed bright."""
    try:
        pydicom = importlib.import_module("pydicom")  # an extra: the core does without it
    except ImportError:
        raise UserError(
            f"{where}: DICOM needs pydicom; install it with pip install 'segline[dicom]'"
        ) from None
    try:
        found = pydicom.dcmread(path)
        pixels = found.pixel_array
    except Exception as error:  # its decoders raise of every kind
        raise UserError(f"{where}: not a readable DICOM file ({error})") from None
    inverted = getattr(found, "PhotometricInterpretation", "") == "MONOCHROME1"
    return pixels.max() - pixels if inverted else pixels
