"""Pictures that are no picture files: channels in files of their own, frames of NumPy arrays."""

from __future__ import annotations

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
        stacked = _stacked(picture, place, dialect)
        files.set_image(record, stacked, where, bands=stacked.shape[2] != 3)
        return
    with place.file(picture.name) as path:
        if dialect.frame is not None and path.suffix.lower() == ".npy":
            files.set_image(record, _framed(path, dialect.frame), where)
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
    """One channel is grey, in all three; two repeat the first; more stay as they are."""
    return channels if len(channels) >= 3 else (*channels, channels[0], channels[0])[:3]


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
