"""Where a data set's raw files lie, and whether they are those that it was read from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from segline.base.errors import UserError
from segline.base.files import read_json, write_text_if_changed


def folder(root: Path, dataset: str, given: Path | None = None) -> tuple[Path, bool]:
    """The folder of raw files, and whether it is the project's own, which may be filled.

    That is the one given now or remembered; else data/raw/<dataset>, which a download or a generator
    fills. UserError if the one given is not there.
    """
    own, record = root / "raw" / dataset, _record(root, dataset)
    if given is not None and not given.is_dir():
        raise UserError(f"raw={given}: no such folder; give the one that holds the raw files")
    if given is None and record.exists():
        given = Path(record.read_text().rstrip("\n"))
    return (own, True) if given is None or given == own else (given, False)


def remember(root: Path, dataset: str, raw: Path) -> None:
    """Keep the folder that a data set was read from, unless it is the project's own."""
    if raw != root / "raw" / dataset:
        write_text_if_changed(_record(root, dataset), f"{raw}\n")


def _record(root: Path, dataset: str) -> Path:
    return root / "raw" / f"{dataset}.path"


def listing(raw: Path) -> dict[str, Any]:
    """Size in bytes and time of change in ns of every file below a folder, by its path from there."""
    found = {}
    for place, folders, names in os.walk(raw):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            status = path.stat()
            found[path.relative_to(raw).as_posix()] = [status.st_size, status.st_mtime_ns]
    return found


def changed(raw: Path, path: Path) -> bool:
    """Whether the files of `raw` are others than those listed at `path`; not so where either is gone."""
    return raw.is_dir() and path.exists() and listing(raw) != read_json(path)
