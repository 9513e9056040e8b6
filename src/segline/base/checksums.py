"""SHA-256 of files, and lists of them beside what is shipped."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from segline.base.errors import UserError
from segline.base.files import write_text


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_sums(sums: Path) -> dict[str, str]:
    """SHA-256 by name from a list in `sha256sum`'s format; empty without the file."""
    lines = sums.read_text().splitlines() if sums.exists() else []
    pairs = (line.split(maxsplit=1) for line in lines if line.strip())
    return {name.strip(): digest for digest, name in pairs}


def write_sums(sums: Path, known: Mapping[str, str]) -> None:
    write_text(sums, "".join(f"{known[name]}  {name}\n" for name in sorted(known)))


def check_sums(sums: Path) -> None:
    """Refuse files that differ from the list `sums` beside them (`sha256sum`'s format)."""
    if not sums.exists():
        raise UserError(f"{sums}: no such file; there are no shipped weights of this name")
    for name, expected in read_sums(sums).items():
        path = sums.parent / name
        if not path.exists():
            raise UserError(f"{path}: listed in {sums} but not there; check it out again")
        if sha256(path) != expected:
            raise UserError(f"{path}: differs from {sums}; check it out again")
