"""What the masks of a folder are together: their colours, their palette, and one scale for all.

A file alone does not tell: an empty mask with noise of 0 and 1 looks like one of classes 0 and 1 until
its neighbours say that 255 is the object.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from segline.base.errors import UserError
from segline.data.layouts import files
from segline.data.reader import Mask
from segline.data.stacks import Choice
from segline.masks import colours, stored_masks
from segline.masks.classes import Classes

LOSSY = (".jpg", ".jpeg", ".webp")  # formats in which an empty mask may have noise of 0 and 1
FAINT = (
    "values 0 and 1 beside masks that reach more; where those larger values mean that the class is not "
    "known, set data.ignore to them; else save this mask on the scale of the others"
)
BLACK_AND_WHITE = {"#000000", "#ffffff"}


@dataclass
class Survey:
    """Of all masks of a folder."""

    colours: set[str] = field(default_factory=set)
    tops: dict[np.dtype, float] = field(default_factory=dict)  # largest value by type of number
    faint: set[Path] = field(default_factory=set)  # files of whole numbers that reach 1
    palette: tuple[Path, bytes] | None = None  # of the first file that has one

    @classmethod
    def of(cls, paths: Sequence[Path], classes: Classes, choice: Choice) -> Self:
        """Every mask that can be read is read once; UserError for one whose palette differs."""
        survey = cls()
        for path in paths:
            mask = None
            with contextlib.suppress(UserError):  # whoever loads the image says so
                mask = files.read_mask(path, choice)
            if mask is not None:
                survey._add(path, mask, classes)
        return survey

    def full(self, dtype: np.dtype) -> float:
        """The value that stands for an object throughout, of numbers of that type."""
        folder = max(self.tops.values(), default=0.0)
        own = self.tops.get(dtype, 0.0)
        return own if own > 1 or folder <= 1 or dtype.kind == "f" else 255.0

    def is_faint(self, path: Path) -> bool:
        """Whether a mask reaches 1 where others reach more, so that 1 would be read as nearly nothing."""
        return path in self.faint and max(self.tops.values(), default=0.0) > 1

    def colours_of_classes(self, place: Path, classes: Classes) -> tuple[str, ...]:
        """Colours of the classes, if masks are in colours; none if those are only grey."""
        if all(map(colours.is_grey, self.colours)):
            return ()
        found = self.colours - {stored_masks.ignored_colour(classes)}
        with files.naming(place):
            return colours.sorted_colours(found, len(classes))

    def _add(self, path: Path, mask: Mask, classes: Classes) -> None:
        self._compare_palette(path, mask, classes)
        pixels = plain(mask, classes, by_colour=bool(classes.colours))
        if mask.is_picture and pixels.dtype == np.uint8 and not classes.colours:
            self.colours |= colours.colours_in(pixels)
        if (
            len(classes) == 2
            and pixels.dtype.kind in "uif"
            and (pixels.ndim == 2 or mask.is_picture)
        ):
            top = stored_masks.top(pixels, classes)
            self.tops[pixels.dtype] = max(self.tops.get(pixels.dtype, 0.0), top)
            if top == 1 and pixels.dtype.kind != "f":
                self.faint.add(path)

    def _compare_palette(self, path: Path, mask: Mask, classes: Classes) -> None:
        """Refuse palette masks in which one index means different colours."""
        if mask.palette is None or classes.colours or is_black_and_white(mask, classes):
            return
        found = mask.palette[: len(classes)].tobytes()
        self.palette = self.palette or (path, found)
        if found != self.palette[1]:
            raise UserError(
                f"{path}: its palette differs from that of {self.palette[0].name}, so palette indices are "
                f"no classes; give each class's colour as data.colours"
            )


def plain(mask: Mask, classes: Classes, *, by_colour: bool) -> np.ndarray:
    """The numbers that `stored_masks.read_mask` is given: palette indices, or colours if they matter."""
    if mask.palette is None or not (by_colour or is_black_and_white(mask, classes)):
        return mask.pixels
    return mask.coloured()


def is_black_and_white(mask: Mask, classes: Classes) -> bool:
    """Whether a palette is a way to store black and white, in which the order means nothing."""
    if mask.palette is None or len(classes) != 2:
        return False
    used = mask.palette[np.unique(mask.pixels)]
    return set(colours.colours_in(used[None])) <= BLACK_AND_WHITE
