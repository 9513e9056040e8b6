"""Sources: each module reads one raw layout.

A new layout is one file here with a function `open_raw(raw: Path) -> Source`, and one line in
`SOURCES`.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from segline.errors import UserError

SOURCES = {
    "dsb2018": "segline.sources.dsb2018",
}


class Problem(NamedTuple):
    """Something about one image that a person should know; `kind` is the heading it counts under."""

    image_id: str
    kind: str
    detail: str


class Key(NamedTuple):
    """Names one picture; `split` is train or test."""

    split: str
    image_id: str


@dataclass
class Record:
    """One picture as the source holds it. Without `image` it could not be used; `problems` say why."""

    key: Key
    data: bytes = b""  # the image file, unchanged
    suffix: str = ".png"
    image: np.ndarray | None = None  # (H, W, 3) uint8 RGB
    labels: np.ndarray | None = None  # (H, W) int32, 1..n without gaps; None for test
    problems: list[Problem] = field(default_factory=list)

    def note(self, kind: str, detail: str) -> None:
        self.problems.append(Problem(self.key.image_id, kind, detail))


class Source(Protocol):
    """A raw data set. `load` may be called from several threads at once."""

    sample: Path | None  # sample submission, if the layout has one
    solution: Path | None  # solution in the official format, if there is one
    problems: list[Problem]  # those found while opening, before any image is read

    def keys(self) -> Sequence[Key]: ...

    def load(self, key: Key) -> Record: ...


def open_raw(name: str, raw: Path) -> Source:
    """Open the folder `raw` as the layout `name`; UserError if either is not there."""
    if name not in SOURCES:
        raise UserError(f"source {name!r} is not known; known are {', '.join(SOURCES)}")
    return importlib.import_module(SOURCES[name]).open_raw(raw)
