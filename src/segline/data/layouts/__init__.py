"""Sources: each module reads one raw layout.

A new layout is one file here with a function `open_raw(raw: Path, reading: Reading) -> Source`, or for
semantic masks `open_raw(raw: Path, classes: Classes, reading: Reading) -> Source`, and one line in
`INSTANCES` or `SEMANTIC` of `config.names`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, Self, runtime_checkable

import numpy as np

from segline.base.errors import UserError
from segline.config.names import INSTANCES, SEMANTIC
from segline.config.tables import Data
from segline.data.levels import Levels
from segline.data.stacks import Choice
from segline.masks.classes import Classes


class Reading(NamedTuple):
    """What a config says of the files: the choice of pages and channels, what a mask file holds, and the
    names of objects' classes."""

    choice: Choice = Choice()
    label_masks: bool = False
    object_classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: Data) -> Self:
        return cls(Choice.of(data), data.label_masks, data.object_classes)


READING = Reading()


class Problem(NamedTuple):
    """Something about one image that a person should know; `kind` is the heading it counts under."""

    image_id: str
    kind: str
    detail: str


class Fault(Problem):
    """One for which an image, or its mask, cannot be used: refused unless `data.strict` is off."""


class Key(NamedTuple):
    """Names one picture; `split` is train or test."""

    split: str
    image_id: str


@dataclass
class Record:
    """One picture as the source holds it. Without `image` it could not be used; `problems` say why.

    `place` is the file or folder that `levels` of semantic sets are compared with, `validation` marks a
    fixed validation set, `group` and `modality` are what a file says of them. `kinds` are the classes of
    the objects 1..n, if they have any.
    """

    key: Key
    data: bytes = b""  # the image file, unchanged if it is 8 bit
    suffix: str = ".png"
    image: np.ndarray | None = None  # (H, W, 3) uint8 RGB
    labels: np.ndarray | None = None  # (H, W) int32: 1..n without gaps, or classes; None for test
    problems: list[Problem] = field(default_factory=list)
    place: str = ""
    levels: Levels | None = None
    validation: bool = False
    group: str = ""
    modality: str = ""
    kinds: np.ndarray | None = None  # (n,) int, from 1

    def note(self, kind: str, detail: str) -> None:
        self.problems.append(Problem(self.key.image_id, kind, detail))

    def note_once(self, notes: Iterable[tuple[str, str]]) -> None:
        """Note each pair (kind, detail) whose kind is not noted yet, as of many masks of one image."""
        for kind, detail in notes:
            if all(problem.kind != kind for problem in self.problems):
                self.note(kind, detail)

    def refuse(self, kind: str, detail: str) -> None:
        """Note a fault; the image cannot be used."""
        self.problems.append(Fault(self.key.image_id, kind, detail))
        self.image = self.labels = None


class Source(Protocol):
    """A raw data set. `load` may be called from several threads at once.

    It notes faults of the picture in the record, or raises a UserError, which is one too.
    """

    sample: Path | None  # sample submission, if the layout has one
    solution: Path | None  # solution in the official format, if there is one
    problems: list[Problem]  # those found while opening, before any image is read

    def keys(self) -> Sequence[Key]: ...

    def load(self, key: Key) -> Record: ...


@runtime_checkable
class SemanticSource(Source, Protocol):
    classes: Classes  # as given, with the colours found in the masks


@runtime_checkable
class ObjectSource(Source, Protocol):
    reading: str  # in words: what of the masks was taken for an object


def open_raw(name: str, raw: Path, reading: Reading = READING) -> Source:
    """Open the folder `raw` as the layout `name`; UserError if either is not there."""
    return importlib.import_module(_module(name, INSTANCES)).open_raw(raw, reading)


def open_semantic(
    name: str, raw: Path, classes: Classes, reading: Reading = READING
) -> SemanticSource:
    """The same for a layout of semantic masks."""
    return importlib.import_module(_module(name, SEMANTIC)).open_raw(raw, classes, reading)


def _module(name: str, known: dict[str, str]) -> str:
    if name not in known:
        raise UserError(f"source {name!r} is not known; known are {', '.join(known)}")
    return known[name]
