"""Zip files, and folders read alike; what a zip cannot give is said with its true reason."""

from __future__ import annotations

import zipfile
from pathlib import Path

from segline.base.errors import UserError
from segline.base.reading import refusing

KNOWN_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
METHODS = {1: "shrink", 6: "implode", 9: "deflate64", 93: "zstandard", 98: "PPMd", 99: "AES"}
ENCRYPTED = 1  # the flag's bit
# Pictures of one colour shrink 1,000 times, but no set of them does, and a small one harms nobody.
BOMB_BYTES, BOMB_RATIO = 2**30, 100


class Place:
    """A folder, or a zip file as if it were one."""

    def __init__(self, path: Path, remedy: str) -> None:
        self._path = path
        self._zip = None if path.is_dir() else opened(path, remedy)
        self._stored = members(self._zip) if self._zip else {}

    def names(self) -> list[str]:
        """Paths of all files, with slashes, from the folder or in the order of the zip."""
        if self._zip:
            return list(self._stored)
        found = (path for path in self._path.rglob("*") if path.is_file())
        return sorted(path.relative_to(self._path).as_posix() for path in found)

    def read(self, name: str) -> bytes:
        """UserError for a file that is damaged."""
        with refusing(f"{self._path}/{name}", "file"):
            if self._zip:
                return self._zip.read(self._stored[name])
            return (self._path / name).read_bytes()


def opened(path: Path, remedy: str = "") -> zipfile.ZipFile:
    """A zip whose every file can be unpacked; UserError with the true reason if not.

    A zip bomb is refused by the size that it declares. The true size cannot be larger: reading a member
    ends at its declared size, and its checksum fails.
    """
    with refusing(path, "zip", f"is it complete? {remedy}".rstrip()):
        archive = zipfile.ZipFile(path)
        for info in archive.infolist():
            _check(info, path)
    declared = sum(info.file_size for info in archive.infolist())
    if declared > max(BOMB_BYTES, BOMB_RATIO * path.stat().st_size):
        raise UserError(
            f"{path}: {path.stat().st_size:,} bytes that declare to unpack to {declared:,}; it is no "
            f"set of pictures but a zip bomb, and not read"
        )
    return archive


def members(archive: zipfile.ZipFile) -> dict[str, str]:
    """The files of a zip: path with slashes -> the name that it is stored by."""
    found: dict[str, str] = {}
    for info in archive.infolist():
        found.setdefault(info.filename.replace("\\", "/"), info.filename)
    return {path: name for path, name in found.items() if not path.endswith("/")}


def _check(info: zipfile.ZipInfo, path: Path) -> None:
    """Refuse a zip that Python cannot unpack, before any file of it is missed one by one."""
    unpack = f"unpack it yourself into the folder {path.with_suffix('')}"
    if info.flag_bits & ENCRYPTED:
        raise UserError(f"{path}: {info.filename} is encrypted; {unpack}")
    if info.compress_type not in KNOWN_METHODS and not info.is_dir():
        method = METHODS.get(info.compress_type, f"method {info.compress_type}")
        raise UserError(
            f"{path}: {info.filename} is packed by {method}, which Python cannot unpack; {unpack}"
        )
