"""The image files of a user's folder, and names for what is made of each that meet nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from segline.base.errors import UserError
from segline.data.reader import IMAGE_SUFFIXES

# Images that need another program first; any other file of unknown suffix is not taken for one.
FOREIGN = (
    *(".czi", ".nd2", ".lif", ".oib", ".oir", ".vsi", ".svs", ".ndpi", ".mrxs", ".scn", ".lsm"),
    *(".stk", ".ims", ".heic", ".heif", ".avif", ".psd", ".raw", ".dng", ".cr2", ".nef"),
)
MADE = (".png", ".tif", "_outlines.png")  # endings of what is made of an image


class Listed(NamedTuple):
    """Images of known formats, foreign ones, and files that are no images."""

    images: list[Path]
    foreign: list[Path]
    others: list[Path]


def listed(place: Path) -> Listed:
    """The files of a folder in order of their names, or one file; UserError without any image."""
    if place.is_file():
        return Listed([place], [], [])
    if not place.is_dir():
        raise UserError(f"{place}: no such file or folder; give images=DIR or images=FILE")
    found = Listed([], [], [])
    for path in sorted(place.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            suffix = path.suffix.lower()
            if suffix in IMAGE_SUFFIXES:
                found.images.append(path)
            else:
                (found.foreign if suffix in FOREIGN else found.others).append(path)
    if not found.images:
        known = ", ".join(sorted(IMAGE_SUFFIXES))
        raise UserError(f"{place}: no images there; expected files that end in {known}")
    return found


def names(paths: Sequence[Path], out: Path) -> list[str]:
    """What each image's files in `out` are called, before `MADE`: its stem, if that meets nothing.

    What is made of an image is called neither like what is made of another nor like another image; in
    the images' own folder not like the image itself. Else it has the image's whole name (`a.tif` gives
    `a.tif.png`), then a number too. Case is ignored, as some systems do.
    """
    images = {path.name.lower() for path in paths}
    taken = {path.name.lower() for path in paths if path.parent.resolve() == out.resolve()}
    found = []
    for path in paths:
        numbered = (f"{path.name}-{number}" for number in itertools.count(2))
        met = taken | (images - {path.name.lower()})
        name = next(
            name
            for name in itertools.chain((path.stem, path.name), numbered)
            if not _made(name) & met
        )
        taken |= _made(name)
        found.append(name)
    return found


def _made(name: str) -> set[str]:
    return {(name + ending).lower() for ending in MADE}
