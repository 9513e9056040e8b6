"""HDF5 files: written through Python's own files, checked before the library sees them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from segline.base import seals
from segline.base.files import replacing
from segline.base.reading import refusing


class Writing(NamedTuple):
    """An HDF5 file that is being written; `check` raises if the disk has refused some of it."""

    file: h5py.File
    check: Callable[[], None]


class _Steady:
    """A file of which HDF5 never hears that a write failed, since it would not survive that.

    The first failure is kept in `fault`, also one that a signal raised in the midst of it. From there on
    nothing is written.
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self.fault: BaseException | None = None
        self.read, self.readinto = file.read, file.readinto
        self.seek, self.tell = file.seek, file.tell  # which write nothing: the file has no buffer

    def write(self, data: bytes) -> int:
        self._kept(self._write, memoryview(data).cast("B"))
        return len(data)

    def _write(self, left: memoryview) -> None:
        while left:
            left = left[self._file.write(left) :]

    def truncate(self, size: int) -> None:
        self._kept(self._file.truncate, size)

    def flush(self) -> None:
        """Nothing waits to be written."""

    def check(self) -> None:
        """Raise the first failure, if there was one."""
        if self.fault is not None:
            raise self.fault

    def _kept(self, work: Callable[[Any], Any], argument: Any) -> None:
        if self.fault is None:
            try:
                work(argument)
            except BaseException as error:
                self.fault = error


@contextlib.contextmanager
def writing(path: Path, *, seal: str = "") -> Iterator[Writing]:
    """Yield an open HDF5 file, which becomes `path` when the block succeeds (`files.replacing`)."""
    with replacing(path, seal=seal) as temporary, temporary.open("w+b", buffering=0) as raw:
        steady = _Steady(raw)
        with h5py.File(steady, "w") as file:
            yield Writing(file, steady.check)
        steady.check()


@contextlib.contextmanager
def reading(path: Path, what: str = "HDF5 file", maker: str = "") -> Iterator[h5py.File]:
    """Yield the file at `path`, open; UserError for whatever is wrong with it, naming what makes it."""
    remedy = f"remove it, and {maker} makes it again" if maker else "remove it and make it again"
    with refusing(path, what, remedy):
        seals.check(path)
        with h5py.File(path, "r") as file:
            yield file
