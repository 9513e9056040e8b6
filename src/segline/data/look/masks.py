"""What the masks of a folder hold: two values, classes by number, colour or channel, or objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np

from segline.base.errors import UserError
from segline.config.write import Line
from segline.data.layouts import files
from segline.data.layouts.place import Place
from segline.data.look.folder import spread
from segline.data.look.pictures import specimens
from segline.data.stacks import Choice
from segline.masks.colours import is_grey
from segline.masks.stored_masks import HARD, SOFT_SHARE

MASKS = 48  # that are read, spread over the folder
MOST_CLASSES = 40
FEWEST_OBJECTS = 8  # values in all masks together, from which on they may be numbers of objects
CONNECTED = 0.9  # of the values of all masks are one piece each: they are objects
COMMON = 0.5  # of the masks have a value: it is a class, not the number of an object
VOID = 255
LOOKED_AT = 24  # objects of a mask
SOFT_VALUES = 8  # different levels between the ends, from which on they are edges and no classes

Value = int | float | str  # of a mask's pixels, or a colour


@dataclass
class Seen:
    """Pixels of every value, or `#rrggbb`, of a sample of masks."""

    n_files: int
    n_read: int = 0
    pixels: Counter[Value] = field(default_factory=Counter)
    masks: Counter[Value] = field(default_factory=Counter)  # that have the value
    dtypes: Counter[str] = field(default_factory=Counter)
    n_values: int = 0  # of all masks, each counted in each,
    n_whole: int = 0  # and of these connected
    n_counted: int = 0  # masks whose values are 0 and 1 to n without gaps
    n_channels: set[int] = field(default_factory=set)  # of masks of one channel a class
    sums_to_one: bool = True
    areas: list[int] = field(default_factory=list)  # of objects, if that is what they are
    per_image: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def of_objects(self) -> bool:
        """Whether each value is an object: many, each in one piece, others or more in every mask."""
        values = [value for value in self.masks if value not in (0, "#000000")]
        rare = [value for value in values if self.masks[value] <= COMMON * self.n_read]
        counted = self.n_counted == self.n_read and 3 * len(set(self.per_image)) >= self.n_read
        varied = len(rare) > len(values) // 2 or len(values) > MOST_CLASSES or counted
        many = len(values) >= FEWEST_OBJECTS and self.n_values > self.n_read
        whole = self.n_whole >= CONNECTED * max(self.n_values, 1)
        return many and varied and whole and not self.n_channels

    @property
    def shares(self) -> dict[Value, float]:
        total = sum(self.pixels.values())
        return {value: n / total for value, n in sorted(self.pixels.items(), key=_by_size)}

    @property
    def told(self) -> str:
        shown = [f"{value} {share:.1%}" for value, share in list(self.shares.items())[:12]]
        more = f", and {len(self.pixels) - 12} more" if len(self.pixels) > 12 else ""
        of = f"a sample of {self.n_read} of" if self.n_read < self.n_files else "all"
        return f"{', '.join(shown)}{more} ({'/'.join(self.dtypes)}; {of} {self.n_files} masks)"


def _by_size(item: tuple[Value, int]) -> tuple:
    return isinstance(item[0], str), item[0]


def look(place: Place, names: Sequence[str]) -> Seen:
    """Count the values of a sample of mask files; what cannot be read is told in `refused`."""
    seen = Seen(len(names))
    for name in specimens(place, names, MASKS, seen.refused):
        try:
            with place.file(name) as path:
                mask = files.read_mask(path, Choice())
        except UserError as error:
            seen.refused.append(str(error))
            continue
        seen.n_read += 1
        seen.dtypes[str(mask.pixels.dtype)] += 1
        add(seen, mask.pixels, is_array=not mask.from_image)
    return seen


def add(seen: Seen, pixels: np.ndarray, *, is_array: bool) -> None:
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim == 3 and is_array:
        _add_channels(seen, pixels)
    elif pixels.ndim == 3 and pixels.dtype == np.uint8 and pixels.shape[2] == 3:
        packed = pixels.astype(np.int64) @ np.array([65536, 256, 1])
        _add_values(seen, packed, colours=True)
    else:
        _add_values(seen, pixels if pixels.ndim == 2 else pixels[..., 0])


def _add_channels(seen: Seen, pixels: np.ndarray) -> None:
    full = 255 if pixels.max(initial=0) > 1 else 1
    total = pixels.sum(axis=2, dtype=np.float64)
    seen.n_channels.add(pixels.shape[2])
    seen.sums_to_one &= bool(np.allclose(total, full, atol=0.02 * full))
    for channel in range(pixels.shape[2]):
        seen.pixels[channel] += int((pixels[..., channel] >= full / 2).sum())
        seen.masks[channel] += 1


def _add_values(seen: Seen, values: np.ndarray, *, colours: bool = False) -> None:
    found, counts = np.unique(values, return_counts=True)
    for value, count in zip(found.tolist(), counts.tolist(), strict=True):
        name = f"#{value:06x}" if colours else int(value) if value == int(value) else value
        seen.pixels[name] += count
        seen.masks[name] += 1
    objects = [(value, n) for value, n in zip(found, counts.tolist(), strict=True) if value]
    seen.per_image.append(len(objects))
    seen.n_counted += [value for value, _ in objects] == list(range(1, len(objects) + 1))
    seen.areas += [n for _, n in objects]
    for value, _ in spread(objects, LOOKED_AT):
        seen.n_values += 1
        seen.n_whole += _is_whole(values == value)


def _is_whole(mask: np.ndarray) -> bool:
    return cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] == 2


class Classes(NamedTuple):
    """Lines of the table `data` for class masks, names of the classes, and values of their pixels."""

    lines: list[Line]
    names: tuple[str, ...]
    values: tuple[Value, ...]


def classes(seen: Seen) -> Classes | None:
    """How the masks hold classes; None if no way is known that is read."""
    colours = [value for value in seen.pixels if isinstance(value, str)]
    if any(not is_grey(colour) for colour in colours):
        return _of_colours(sorted(colours), seen)
    if seen.n_channels:
        return _of_channels(seen)
    pixels: Counter[int | float] = Counter()
    for value, n in seen.pixels.items():
        pixels[int(value[1:3], 16) if isinstance(value, str) else value] += n
    return _of_values(pixels)


def _of_channels(seen: Seen) -> Classes | None:
    n = max(seen.n_channels)
    if len(seen.n_channels) > 1 or n > MOST_CLASSES:
        return None
    if not seen.sums_to_one:
        names = _numbered(n + 1)
        why = f"{n} channels that do not sum to one, so they may overlap; name them"
        return Classes(
            [Line("classes", names, why), Line("exclusive", False, "as their sums say")], names, ()
        )
    names = _numbered(n)
    why = f"{n} channels that sum to one at every pixel, the first taken for the background; name them"
    return Classes([Line("classes", names, why)], names, tuple(range(n)))


def _of_colours(colours: list[str], seen: Seen) -> Classes | None:
    if not 2 <= len(colours) <= MOST_CLASSES:
        return None
    names = _numbered(len(colours))
    shares = ", ".join(f"{c} {seen.shares[c]:.1%}" for c in colours)
    if len(colours) < len(seen.pixels):
        shares += (
            "; other masks hold numbers: which colour is which of them is NOT TOLD, order them"
        )
    return Classes(
        [
            Line("classes", names, "in the order of colours, the first the background; name them"),
            Line("colours", colours, f"share of the pixels: {shares}"),
        ],
        names,
        tuple(colours),
    )


def _of_values(pixels: Counter[int | float]) -> Classes | None:
    values, lines = sorted(pixels), []
    top = values[-1]
    if _is_soft(pixels):
        names = _numbered(2)
        why = f"two values, {values[0]:g} and {top:g}; name the class"
        return Classes([Line("classes", names, why)], names, (values[0], top))
    low = [value for value in values if value != VOID]
    if top == VOID and len(low) >= 2 and low[-1] <= MOST_CLASSES:
        share = pixels[VOID] / sum(pixels.values())
        why = f"{share:.1%} of the pixels, beside {low[0]:g} to {low[-1]:g}: likely unknown, not a class"
        lines, values = [Line("ignore", VOID, why)], low
    if any(value != int(value) or not 0 <= value < 256 for value in values):
        return None
    n = int(values[-1]) + 1
    if n <= MOST_CLASSES and values[0] == 0 and n <= 2 * len(values):
        names = _numbered(n)
        shown = ", ".join(f"{v} {pixels[v] / sum(pixels.values()):.1%}" for v in values)
        why = f"values are class numbers; share of the pixels: {shown}; name them"
        return Classes([Line("classes", names, why), *lines], names, tuple(range(n)))
    if not 2 <= len(values) <= MOST_CLASSES:
        return None
    names = _numbered(len(values))
    grey = [f"#{3 * f'{int(v):02x}'}" for v in values]
    why = f"the levels {', '.join(f'{v:g}' for v in values)} as colours, the first the background"
    return Classes(
        [Line("classes", names, "in that order; name them"), Line("colours", grey, why), *lines],
        names,
        tuple(values),
    )


def _is_soft(pixels: Counter[int | float]) -> bool:
    """Whether two values stand at the ends of a scale, and little lies between."""
    top = max(pixels)
    full = next((end for end in (1, 255, 65535) if 0.94 * end <= top <= end), 0)
    if len(pixels) <= 2:
        return min(pixels) == 0
    if not full or min(pixels) < 0 or (full > 1 and {0, 1, full} == set(pixels)):
        return False
    n_between = sum(n for value, n in pixels.items() if HARD < value / full < 1 - HARD)
    others = [value for value in pixels if value not in (0, top)]
    upper = any(
        value > full / 4 for value in others
    )  # edges have levels there, class numbers do not
    edges = full == 1 or (len(others) >= SOFT_VALUES and upper)
    return edges and n_between <= SOFT_SHARE * sum(pixels.values())


def _numbered(n: int) -> tuple[str, ...]:
    if n == 2:
        return "background", "object"
    return ("background", *(f"class_{number}" for number in range(1, n)))
