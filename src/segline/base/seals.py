"""A checksum beside each file that a later stage reads: NAME.sum, which `sha256sum -c` takes as well.

    # segline 1, 2041 bytes, make tune
    <SHA-256>  thresholds.json

The bytes of the file stay as its format wants them, and are checked before a parser sees them. A seal is
removed before its file is replaced and written after: one that is there belongs to the file, and a file
that a kill left without is whole, since files are renamed into place. Files without a seal (of earlier
versions, or of the user) are read all the same; what they hold is checked by whoever reads them.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
from pathlib import Path
from typing import NamedTuple

from segline.base.errors import UserError

VERSION = 1  # of what sealed files hold; one more whenever an older reader would misread them
ENDING = ".sum"
LONGEST = 255  # bytes of a name
_TEXT = re.compile(r"# segline (\d+), (\d+) bytes, ([^\n]*)\n([0-9a-f]{64})  [^\n]*\n")


class Seal(NamedTuple):
    """What a file was when it was written, and the command that makes it."""

    version: int
    size: int
    maker: str
    digest: str


def beside(path: Path) -> Path:
    return path.with_name(path.name + ENDING)


def text(path: Path, maker: str) -> str:
    """The content of the seal of a file that is whole now."""
    digest, size = _digest(path), path.stat().st_size
    return f"# segline {VERSION}, {size} bytes, {maker}\n{digest}  {path.name}\n"


def remove(path: Path) -> None:
    """Remove the seal of a file, if it has one."""
    with contextlib.suppress(FileNotFoundError):
        if _may_have(path):
            beside(path).unlink()


def _may_have(path: Path) -> bool:
    """Whether there is a name, and it leaves room for that of a seal: `.` and `/` have none."""
    return bool(path.name) and len(os.fsencode(beside(path).name)) <= LONGEST


def of(path: Path) -> Seal | None:
    """The seal of a file, None without one; UserError if it is none of ours."""
    if not _may_have(path):
        return None
    try:
        found = _TEXT.fullmatch(beside(path).read_text(errors="replace"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"{beside(path)}: {error.strerror}; remove it") from None
    if found is None:
        raise UserError(f"{beside(path)}: no checksum as segline writes it; remove it and {path}")
    version, size, maker, digest = found.groups()
    return Seal(int(version), int(size), maker, digest)


def check(path: Path) -> None:
    """Refuse a file that is not as it was sealed. One without seal, or not there, passes."""
    seal = of(path)
    if seal is None or not path.is_file():
        return
    fault = _fault(path, seal)
    if fault and of(path) == seal:  # otherwise it was replaced meanwhile
        raise UserError(
            f"{path}: {fault}; remove it, and {seal.maker} makes it again "
            f"(to use it as it is, remove {beside(path).name})"
        )


def _fault(path: Path, seal: Seal) -> str:
    """How a file differs from its seal, '' if it does not."""
    if seal.version != VERSION:
        return f"expected format {VERSION}, found {seal.version}, of another version of segline"
    status = path.stat()
    if status.st_size != seal.size:
        return f"damaged or changed: expected {seal.size} bytes, found {status.st_size}"
    found = _digest_at(path, status.st_ino, status.st_size, status.st_mtime_ns)
    if found != seal.digest:
        return f"damaged or changed: expected SHA-256 {seal.digest[:16]}, found {found[:16]}"
    return ""


@functools.lru_cache(maxsize=256)
def _digest_at(path: Path, inode: int, size: int, mtime_ns: int) -> str:
    """The same as `_digest`, once for a file that is read image by image."""
    return _digest(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
