"""Where a data set's raw files lie, and whether it is still what would be made of them.

The content of the files decides, not their times: a file whose size and time are those listed is trusted,
any other is read once and compared by its hash. So a fresh mount or another copy rebuilds nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from segline.base.checksums import sha256
from segline.base.errors import UserError
from segline.base.files import read_text, to_json, write_text, write_text_if_changed
from segline.base.numbers import shown
from segline.config import stages
from segline.config.places import DataFiles
from segline.config.tables import Data, Table

# Of what `make data` makes of given raw files and settings: raise it whenever that changes.
DATA_VERSION = 1
PICTURES = ("images", "labels")  # folders of a data set
SHOWN = 3  # changed files in a message


class Entry(NamedTuple):
    """One raw file: its bytes, the time of its last change in ns, the SHA-256 of its content."""

    size: int
    time: int
    hash: str


class Origin(Table):
    """What a data set was made from, and the files that were made (raw.json)."""

    version: int
    settings: Data
    files: dict[str, Entry]
    made: dict[str, Entry] = Field(default={})


def folder(root: Path, data: Data, given: Path | None = None) -> tuple[Path, str]:
    """The folder of raw files, and what is generated into it, if anything.

    It is the one given now or remembered; else data/raw/<dataset>, which a download fills, or where that
    is empty and the config generates data, the folder of that generated set alone. UserError if the one
    given is not there.
    """
    own, record = root / "raw" / data.dataset, _record(root, data.dataset)
    made = _generated(root, data.generate) if data.generate else None
    if given is not None and made and given.resolve() == made.resolve():
        return made, data.generate
    if given is not None and not given.is_dir():
        raise UserError(f"raw={given}: no such folder; give the one that holds the raw files")
    if given is None and record.exists():
        kept = read_text(record).rstrip("\n")
        if not kept or "\0" in kept:
            raise UserError(
                f"{record}: expected the path of a folder of raw files, found {shown(kept)}; remove it"
            )
        given = Path(kept)
    if given is None and made and not any(_names(own)):
        return made, data.generate
    return given or own, ""


def remember(root: Path, data: Data, raw: Path) -> None:
    """Keep the folder that a data set was read from, unless it is the project's own."""
    if raw == _generated(root, data.generate) or raw == root / "raw" / data.dataset:
        _record(root, data.dataset).unlink(missing_ok=True)
    else:
        write_text_if_changed(_record(root, data.dataset), f"{raw}\n")


def refuse_overlap(raw: Path, data: DataFiles) -> None:
    """Refuse raw files inside the folder that `make data` fills, or around it."""
    ours, theirs = data.folder.resolve(), raw.resolve()
    if ours == theirs or ours in theirs.parents or theirs in ours.parents:
        raise UserError(
            f"raw={raw}: make data writes into {data.folder}, and nothing is written into a folder of raw "
            f"files; give one that neither holds it nor lies in it"
        )


def _record(root: Path, dataset: str) -> Path:
    return root / "raw" / f"{dataset}.path"


def _generated(root: Path, name: str) -> Path:
    return root / "generated" / name


def origin(raw: Path, data: DataFiles, settings: Data) -> Origin:
    """What would be read of `raw` now."""
    return _origin(raw, settings, made_from(data))


def _origin(raw: Path, settings: Data, known: Origin | None) -> Origin:
    files = _listed(raw, known.files if known else {})
    made = known.made if known else {}
    return Origin(version=DATA_VERSION, settings=settings, files=files, made=made)


def remember_origin(data: DataFiles, found: Origin) -> None:
    """Write down what the data set, which is whole now, was made from."""
    _write(data, found, _made(data, found.made))


def _write(data: DataFiles, found: Origin, made: dict[str, Entry]) -> None:
    whole = found.model_copy(update={"made": made})
    write_text(data.raw_listing, to_json(whole.model_dump(mode="json")))


def _made(data: DataFiles, known: Mapping[str, Entry]) -> dict[str, Entry]:
    """The pictures and what lies beside them, of which images.csv, which comes last, is made whole."""
    beside = (data.summary, data.sample, data.solution, data.object_classes)
    places = [path.name for path in beside if path.exists()]
    places += [f"{folder}/{name}" for folder in PICTURES for name in _names(data.folder / folder)]
    return {name: _entry(data.folder / name, known.get(name)) for name in places}


def made_from(data: DataFiles) -> Origin | None:
    """What a data set was made from; None if nobody can tell."""
    try:
        return stages.read(data.raw_listing, Origin)
    except UserError:
        return None


def changes(raw: Path, data: DataFiles, settings: Data) -> str:
    """In words, what has changed since a data set was read; '' if nothing has or nobody can tell.

    Files that were touched and hold what they held are listed again with their new times.
    """
    old = made_from(data)
    if not data.images.exists() or not raw.is_dir():
        return ""
    if old is None:
        return "it is not known what it was read from"
    if old.version != DATA_VERSION:
        return f"this version reads raw files otherwise (data version {old.version}, now {DATA_VERSION})"
    new = _origin(raw, settings, old)
    made = _made(data, old.made)
    for place, before, now in ((raw, old.files, new.files), (data.folder, old.made, made)):
        differing = sorted(
            name for name in before.keys() | now.keys() if _hash(before, name) != _hash(now, name)
        )
        if differing and (before or place == raw):  # earlier versions did not list what they made
            more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
            return f"{place}: {', '.join(differing[:SHOWN])}{more} changed"
    if old.settings != settings:
        return "its settings changed"
    if old.files != new.files or old.made != made:
        _write(data, new, made)
    return ""


def _hash(found: Mapping[str, Entry], name: str) -> str:
    return found[name].hash if name in found else ""


def _listed(raw: Path, known: Mapping[str, Entry]) -> dict[str, Entry]:
    """Every file below `raw` by its path from there; those as in `known` keep its hash unread."""
    return {name: _entry(raw / name, known.get(name)) for name in _names(raw)}


def _entry(path: Path, known: Entry | None) -> Entry:
    """One that cannot be read is listed so: who needs it says more."""
    try:
        status = path.stat()
        if known and (known.size, known.time) == (status.st_size, status.st_mtime_ns):
            return known
        return Entry(status.st_size, status.st_mtime_ns, sha256(path))
    except OSError as error:
        return Entry(-1, 0, str(error.strerror))


def _names(raw: Path) -> list[str]:
    """Paths of all files below `raw`, sorted, but hidden ones; a folder behind links counts once."""
    found, seen = [], set()
    for place, folders, names in os.walk(raw, followlinks=True):
        real = Path(place).resolve()
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(place, name).relative_to(raw).as_posix()
            for name in names
            if not name.startswith(".")
        ]
    return sorted(found)
