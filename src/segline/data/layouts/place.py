"""A raw folder as it was downloaded: its files, and those in its zips, found by path patterns."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import zipfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from segline.base import leftovers
from segline.base.errors import UserError
from segline.base.reading import refusing
from segline.data import archives

_TOKEN = re.compile(r"(\*\*/|\*|\{\w+\})")


@dataclass
class Picture:
    """One image: the fields of its path, and its file, or one for each `{channel}`."""

    fields: dict[str, str]
    names: dict[str, str] = field(default_factory=dict)  # by channel, '' where there is one file
    folder: str = ""  # what of the path is the same for all
    others: list[tuple[str, str]] = field(default_factory=list)  # files of the same name, in pairs

    @property
    def name(self) -> str:
        return next(iter(self.names.values()))


class Place:
    """Files by their path below `raw`; a zip counts as a folder of its name.

    A file that is also unpacked is read from the folder: somebody unpacked it on purpose.
    """

    def __init__(self, raw: Path) -> None:
        self.raw = raw
        self._zips: dict[str, tuple[zipfile.ZipFile, str]] = {}  # name -> archive, member
        self.names = sorted(_files_of(raw))
        for name in [name for name in self.names if name.lower().endswith(".zip")]:
            self._add_zip(name)

    def _add_zip(self, name: str) -> None:
        archive = archives.opened(self.raw / name)
        unpacked = set(self.names)
        for path, member in sorted(archives.members(archive).items()):
            inside = f"{name[: -len('.zip')]}/{path}"
            if not _is_hidden(path) and inside not in unpacked:
                self._zips[inside] = (archive, member)
                self.names.append(inside)

    def pictures(
        self, patterns: Sequence[str], template: str, without: Collection[str] = ()
    ) -> dict[str, Picture]:
        """Images by id in natural order, of the first pattern that any file fits."""
        for pattern in patterns:
            expression = _expression(pattern)
            found: dict[str, Picture] = {}
            for name in self.names:
                match = expression.fullmatch(name)
                if match and name not in without:
                    _add(found, match, name, template, pattern)
            if found:
                return dict(sorted(found.items(), key=lambda item: natural(item[0])))
        return {}

    def twins(self, picture: Picture) -> list[tuple[str, str]]:
        """Pairs of files of a picture that are both it and do not hold the same bytes."""
        return [pair for pair in picture.others if self._bytes(pair[0]) != self._bytes(pair[1])]

    def _bytes(self, name: str) -> bytes:
        with self.file(name) as path:
            return path.read_bytes()

    def named(self, names: Iterable[str]) -> str | None:
        """The file of the first of these file names, that in the uppermost folder."""
        for wanted in names:
            found = [name for name in self.names if PurePosixPath(name).name == wanted]
            if found:
                return min(found, key=lambda name: (name in self._zips, name.count("/")))
        return None

    def size(self, name: str) -> int:
        """Bytes of a file."""
        if name in self._zips:
            archive, member = self._zips[name]
            return archive.getinfo(member).file_size
        return (self.raw / name).stat().st_size

    def folders(self) -> str:
        """The folders and files at the top, for messages."""
        top = sorted({name.split("/")[0] + ("/" if "/" in name else "") for name in self.names})
        return ", ".join(top[:8]) + (", ..." if len(top) > 8 else "") if top else "nothing"

    @contextlib.contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """A path to read the file from; that of a zip is unpacked for the time of the block."""
        if name not in self._zips:
            yield self.raw / name
            return
        archive, member = self._zips[name]
        with tempfile.TemporaryDirectory(prefix=leftovers.prefix("segline")) as folder:
            path = Path(folder) / ("file" + PurePosixPath(name).suffix)
            with refusing(f"{self.raw}/{name}", "file"):
                data = archive.read(member)
            path.write_bytes(data)
            try:
                yield path
            except UserError as error:
                raise UserError(str(error).replace(str(path), str(self.raw / name))) from None


def _files_of(raw: Path) -> Iterator[str]:
    for place, folders, names in os.walk(raw):
        folders[:] = [folder for folder in folders if not _is_hidden(folder)]
        for name in names:
            if not _is_hidden(name):
                yield Path(place, name).relative_to(raw).as_posix()


def _is_hidden(name: str) -> bool:
    return name.startswith("__MACOSX") or PurePosixPath(name).name.startswith(".")


def _expression(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression of the end of a path."""
    seen: set[str] = set()
    parts = []
    for token in _TOKEN.split(pattern):
        if token == "**/":
            parts.append("(?:.*/)?")
        elif token == "*":
            parts.append("[^/]*")
        elif not token.startswith("{"):
            parts.append(re.escape(token))
        elif token in seen:
            parts.append(f"(?P={token[1:-1]})")
        else:
            seen.add(token)
            parts.append(f"(?P<{token[1:-1]}>[^/]+?)")
    return re.compile("(?:.*/)?" + "".join(parts), re.IGNORECASE)


def _add(
    found: dict[str, Picture], match: re.Match[str], name: str, template: str, pattern: str
) -> None:
    fields = match.groupdict()
    channel = fields.pop("channel", "")
    folder = _TOKEN.split(pattern)[0].rpartition("/")[0]
    picture = found.setdefault(template.format(**fields), Picture(fields, folder=folder))
    first = picture.names.setdefault(channel, name)
    if first != name:
        picture.others.append((first, name))


def natural(text: str) -> list[tuple[int, str]]:
    """A key that sorts 2 before 10.

    >>> sorted(["a10", "a2"], key=natural)
    ['a2', 'a10']
    """
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]
