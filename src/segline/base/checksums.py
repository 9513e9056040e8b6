"""SHA-256 of files, and lists of them beside what is shipped."""

from __future__ import annotations

import hashlib
from pathlib import Path

from segline.base.errors import UserError


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sums(sums: Path) -> None:
    """Refuse files that differ from the list `sums` beside them (`sha256sum`'s format)."""
    if not sums.exists():
        raise UserError(f"{sums}: no such file; there are no shipped weights of this name")
    for line in sums.read_text().splitlines():
        expected, name = line.split(maxsplit=1)
        path = sums.parent / name.strip()
        if not path.exists():
            raise UserError(f"{path}: listed in {sums} but not there; check it out again")
        if sha256(path) != expected:
            raise UserError(f"{path}: differs from {sums}; check it out again")
