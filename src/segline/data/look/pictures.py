"""A sample of the pictures of a folder: sizes, depth, channels, and what cannot be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from segline.base.errors import UserError
from segline.data import reader
from segline.data.layouts.place import Place
from segline.data.levels import as_rgb8
from segline.data.look.folder import spread

SPECIMENS = 24  # pictures that are read, spread over the folder
LARGEST = 10**8  # bytes of a file that is read for a look
DIFFERENT = 4  # of 255 between channels, at some pixel in a hundred: a picture in colour


@dataclass
class Seen:
    """Of a sample of pictures."""

    n_files: int
    n_read: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)  # height, width
    dtypes: Counter[str] = field(default_factory=Counter)
    n_colour: int = 0
    refused: list[str] = field(default_factory=list)

    def add(self, image: np.ndarray, dtype: str) -> None:
        """Count a picture (H, W, 3) uint8 that was stored as `dtype`."""
        self.n_read += 1
        self.sizes[(image.shape[0], image.shape[1])] += 1
        self.dtypes[dtype] += 1
        self.n_colour += in_colour(image)

    @property
    def side(self) -> int:
        """The shorter side of the median picture, 0 without any."""
        sides = sorted(min(size) for size in self.sizes.elements())
        return sides[len(sides) // 2] if sides else 0

    @property
    def largest_side(self) -> int:
        return max((max(size) for size in self.sizes), default=0)

    @property
    def mode(self) -> str:
        """`rgb` if half of them are in colour."""
        return "rgb" if 2 * self.n_colour >= max(self.n_read, 1) else "grey"

    @property
    def told(self) -> str:
        """In one line."""
        if not self.n_read:
            return f"none of a sample of {len(self.refused)} of {self.n_files} can be read"
        sizes = [f"{h}x{w}" for (h, w), _ in self.sizes.most_common(3)]
        more = f" and {len(self.sizes) - 3} more sizes" if len(self.sizes) > 3 else ""
        kind = (
            "in colour"
            if self.n_colour == self.n_read
            else f"{self.n_colour} in colour"
            if self.n_colour
            else "grey"
        )
        return f"{', '.join(sizes)}{more} px (height x width), {'/'.join(self.dtypes)}, {kind}" + (
            f"; a sample of {self.n_read}" if self.n_read < self.n_files else ""
        )


def look(place: Place, names: Sequence[str]) -> Seen:
    """Read a sample of the pictures; one that is refused is told, and why."""
    seen = Seen(len(names))
    for name, data in contents(place, names, SPECIMENS, seen.refused):
        try:
            pixels = reader.picture(data, place.raw / name).pixels
            found = as_rgb8(pixels)
        except (UserError, ValueError) as error:
            seen.refused.append(_told(error, place, name))
            continue
        seen.add(found, str(pixels.dtype))
    return seen


def _told(error: Exception, place: Place, name: str) -> str:
    said = str(error)
    where = str(place.raw / name)
    return name + said.removeprefix(where) if said.startswith(where) else f"{name}: {said}"


def specimens(place: Place, names: Sequence[str], n: int, refused: list[str]) -> Iterator[str]:
    """A spread sample of the names; files that are too large are noted in `refused`."""
    for name in spread(names, n):
        if place.size(name) > LARGEST:
            refused.append(f"{name}: {place.size(name) / 1e9:.1f} GB, not read for a look")
        else:
            yield name


def contents(
    place: Place, names: Sequence[str], n: int, refused: list[str]
) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of `specimens`."""
    for name in specimens(place, names, n, refused):
        try:
            with place.file(name) as path:
                data = path.read_bytes()
        except (UserError, OSError) as error:
            refused.append(f"{name}: {error}")
            continue
        yield name, data


def in_colour(image: np.ndarray) -> bool:
    """Whether a picture (H, W, 3) uint8 is more than grey in three channels."""
    spread_of = image.max(axis=2).astype(np.int16) - image.min(axis=2)
    return bool((spread_of > DIFFERENT).mean() > 0.01)
