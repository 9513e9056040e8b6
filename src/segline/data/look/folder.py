"""What lies in an unknown folder: families of files, and tables with their headers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

import pandas as pd

from segline.base.errors import UserError
from segline.data.layouts.place import Place
from segline.data.reader import IMAGE_SUFFIXES
from segline.submission import rows

PICTURES = (*IMAGE_SUFFIXES, ".dcm")
ARRAYS = (".npy", ".npz")
TABLES = (".csv", ".jsonl")
LARGEST_TABLE = 2 * 10**8  # bytes; of a larger one the header is told, and no more
MANY = 3  # folders alike from which on they are one family
ROLE = re.compile(r"train|test|val|image|img|mask|label|annot|seg|truth|gt|target|scan|pic", re.I)
MASK = re.compile(
    r"mask|label|annot|truth|segment|manual|target|(?:^|[/_-])(?:gt|seg)(?:[/_-]|$)", re.I
)
TEST = re.compile(r"(?:^|[/_. -]|stage\d+)test|test(?:[/_. -]|$)", re.I)
VALIDATION = re.compile(r"(?:^|[/_. -])val(?:id|idation)?(?:[/_. -]|$)", re.I)


@dataclass(frozen=True)
class Family:
    """Files of one ending in one folder, or in folders alike; `*` stands for what differs."""

    folder: str
    suffix: str
    names: Sequence[str] = field(repr=False)

    @property
    def stems(self) -> dict[str, str]:
        """File by its id: the stem, the folder's name where all files are called alike, or both."""
        if self.by_folder:
            return {self._part(name): name for name in self.names}
        if self.template:
            return {f"{self._part(name)}_{stem(name)}": name for name in self.names}
        return {stem(name): name for name in self.names}

    def _part(self, name: str) -> str:
        """What stands for the last `*` of the folder."""
        place = self.folder.split("/")
        return name.split("/")[len(place) - 1 - place[::-1].index("*")]

    @cached_property
    def template(self) -> str:
        """How a dialect makes the id of folder and stem, where neither alone tells; else ''."""
        if "*" not in self.folder or self.by_folder:
            return ""
        n_stems = len({stem(name) for name in self.names})
        return "{folder}_{id}" if n_stems < len(self.names) else ""

    @cached_property
    def by_folder(self) -> bool:
        """Whether the folder's name tells one image from another, not the file's."""
        return "*" in self.folder and len({stem(name) for name in self.names}) == 1

    @property
    def is_mask(self) -> bool:
        return bool(MASK.search(self.folder)) or (
            self.by_folder and bool(MASK.search(stem(self.names[0])))
        )

    @property
    def is_test(self) -> bool:
        return bool(TEST.search(self.folder))

    @property
    def is_validation(self) -> bool:
        return bool(VALIDATION.search(self.folder))

    def pattern(self, before: str = "", after: str = "") -> str:
        """The path of its files as a dialect writes it; `before` and `after` surround the id."""
        folder = "/".join(part if part == "*" else plain(part) for part in self.folder.split("/"))
        suffix = plain(self.suffix) if self.suffix != ".*" else self.suffix
        if self.by_folder:
            head, _, tail = folder.rpartition("*")
            file = plain(stem(self.names[0])) + suffix
            return f"{head}{{id}}{tail}/{file}"
        if self.template:
            head, _, tail = folder.rpartition("*")
            folder = f"{head}{{folder}}{tail}"
        file = f"{plain(before)}{{id}}{plain(after)}{suffix}"
        return f"{folder}/{file}" if folder else file

    def __str__(self) -> str:
        return f"{self.folder or '.'}/*{self.suffix}: {len(self.names)}"


def plain(part: str) -> str:
    """Part of a path in which what a pattern reads otherwise, or refuses, is any text.

    >>> plain("a{b}c")
    'a*b*c'
    """
    return re.sub(r"[{}*\\\n\r]+", "*", part)


@dataclass(frozen=True)
class TableFile:
    """A table: its name, number of rows, and the text of its cells (none of a huge one)."""

    name: str
    n_rows: int
    cells: pd.DataFrame

    @property
    def is_sample(self) -> bool:
        return "sample" in PurePosixPath(self.name).name.lower()

    @property
    def is_of_training(self) -> bool:
        """Whether it may tell the masks of training images: neither a sample nor a solution."""
        return not self.is_sample and "solution" not in PurePosixPath(self.name).name.lower()


class Folder:
    """A raw folder; zips count as folders of their names."""

    def __init__(self, raw: Path) -> None:
        self.raw = raw
        self.place = Place(raw)
        self.families = families(self.place.names)

    @cached_property
    def tables(self) -> list[TableFile]:
        names = [name for name in self.place.names if name.lower().endswith(TABLES)]
        return [table for name in names if (table := self._table(name)) is not None]

    def _table(self, name: str) -> TableFile | None:
        """None for a file that is no table."""
        try:
            with self.place.file(name) as path:
                if self.place.size(name) > LARGEST_TABLE and path.suffix.lower() == ".csv":
                    header = pd.read_csv(path, nrows=0, dtype=str)
                    return TableFile(name, -1, header.rename(columns=str.strip))
                found = rows.read(path, self.raw / name)
        except (UserError, ValueError):
            return None
        return TableFile(name, len(found), found)

    @property
    def pictures(self) -> list[Family]:
        return [family for family in self.families if family.suffix in (*PICTURES, ".*")]

    def is_numbered(self, family: Family) -> bool:
        """Whether its files are some of several in their folders that differ in a number: 1.png, 2.png."""
        if not family.by_folder:
            return False
        here = [f for f in self.families if (f.folder, f.suffix) == (family.folder, family.suffix)]
        own = _unnumbered(family)
        return "#" in own and sum(_unnumbered(each) == own for each in here) > 1

    @property
    def archives(self) -> list[Family]:
        return [family for family in self.families if family.suffix in ARRAYS]


def _unnumbered(family: Family) -> str:
    return re.sub(r"\d+", "#", stem(family.names[0]))


def families(names: Iterable[str]) -> list[Family]:
    """Pictures and arrays by folder and ending, the largest family first."""
    by_folder: dict[str, dict[str, list[str]]] = {}
    wanted = [name for name in names if _suffix(name) in (*PICTURES, *ARRAYS)]
    called = _called(sorted({name.rpartition("/")[0] for name in wanted}))
    for name in wanted:
        folder = by_folder.setdefault(called[name.rpartition("/")[0]], {})
        folder.setdefault(_suffix(name), []).append(name)
    found = []
    for place, by_suffix in by_folder.items():
        found += _joined(place, by_suffix)
    return sorted(found, key=lambda family: (-len(family.names), family.folder))


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 (of many names, and fast)


def stem(name: str) -> str:
    return os.path.splitext(name.rpartition("/")[2])[0]  # noqa: PTH122


def _joined(folder: str, by_suffix: dict[str, list[str]]) -> list[Family]:
    """One family of files of several endings, if no two have one stem; else one an ending."""
    files = [name for names in by_suffix.values() for name in names]
    stems = {stem(name) for name in files}
    alone = len(stems) == len(files) and not any("." in each for each in stems)
    if len(by_suffix) > 1 and alone and "*" not in folder:
        by_suffix = {".*": files}
    return [
        Family(folder, suffix, sorted(part))
        for suffix, names in by_suffix.items()
        for part in _by_stem(folder, names)
    ]


def _by_stem(folder: str, names: list[str]) -> list[list[str]]:
    """Of folders alike, one an image, each with the same few files, those called alike; else all."""
    stems: dict[str, list[str]] = {}
    for name in names:
        stems.setdefault(stem(name), []).append(name)
    return (
        list(stems.values()) if folder.endswith("*") and 2 * len(stems) <= len(names) else [names]
    )


def _called(folders: Sequence[str]) -> dict[str, str]:
    """What each folder's family is called: its own path, or one with `*` if many are alike."""
    alike: dict[tuple[str, ...], list[list[str]]] = {}
    for folder in folders:
        parts = folder.split("/")
        key = tuple(part if ROLE.search(part) else "*" for part in parts)
        alike.setdefault(key, []).append(parts)
    found: dict[str, str] = {}
    for members in alike.values():
        if len(members) < MANY:
            found |= {"/".join(parts): "/".join(parts) for parts in members}
            continue
        values = [set(column) for column in zip(*members, strict=True)]
        name = "/".join(min(each) if len(each) == 1 else "*" for each in values)
        found |= {"/".join(parts): name for parts in members}
    return found


def spread(items: Sequence, n: int) -> list:
    """At most `n` of the items, evenly from the first to the last.

    >>> spread("abcdef", 3)
    ['a', 'c', 'f']
    """
    if len(items) <= n:
        return list(items)
    return [items[round(i * (len(items) - 1) / (n - 1))] for i in range(n)]
