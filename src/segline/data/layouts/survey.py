"""What the masks of a folder are together: their colours, their palette, and one scale for all.

A file alone does not tell: an empty mask with noise of 0 and 1 looks like one of classes 0 and 1 until
its neighbours say that 255 is the object.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from segline.base.errors import UserError
from segline.data.layouts import files
from segline.data.reader import Mask
from segline.data.stacks import Choice
from segline.masks import colours, stored_masks
from segline.masks.classes import Classes
from segline.masks.mask_scale import Reach, Scale

LOSSY = (".jpg", ".jpeg", ".webp")  # formats in which an empty mask may have noise of 0 and 1
BLACK_AND_WHITE = {"#000000", "#ffffff"}


@dataclass
class Survey:
    """Of all masks of a folder."""

    colours: set[str] = field(default_factory=set)
    reaches: dict[Path, Reach] = field(default_factory=dict)
    drawn: set[Path] = field(default_factory=set)  # files in colours, grey ones too
    by_colour: bool = False  # the colours of the classes are given
    palette: tuple[Path, bytes] | None = None  # of the first file that has one

    @classmethod
    def of(cls, paths: Sequence[Path], classes: Classes, choice: Choice) -> Self:
        """Every mask that can be read is read once; UserError for one whose palette differs."""
        survey = cls(by_colour=bool(classes.colours))
        for path in paths:
            mask = None
            with contextlib.suppress(UserError):  # whoever loads the image says so
                mask = files.read_mask(path, choice)
            if mask is not None:
                survey._add(path, mask, classes)
        return survey

    @cached_property
    def scale(self) -> Scale:
        """Of all masks, once every one is seen."""
        return Scale(self.reaches.values())

    def full(self, path: Path) -> float:
        """The value that stands for an object throughout in the mask at `path`; 0 if any may."""
        found = self.reaches.get(path)
        return self.scale.full(found) if found else 0.0

    def faint(self, path: Path) -> str:
        """What is wrong with a mask whose every value would be read as nothing; '' if nothing is."""
        found = self.reaches.get(path)
        in_colours = path in self.drawn and not all(map(colours.is_grey, self.colours))
        return "" if found is None or in_colours or self.by_colour else self.scale.faint(found)

    def may_be_empty(self, path: Path) -> bool:
        """Whether a faint mask may be one without an object: by noise, or smooth edges of very little."""
        return path.suffix.lower() in LOSSY or self.scale.is_soft(self.reaches[path])

    def colours_of_classes(self, place: Path, classes: Classes) -> tuple[str, ...]:
        """Colours of the classes, if masks are in colours; none if those are only grey."""
        if all(map(colours.is_grey, self.colours)):
            return ()
        found = self.colours - {stored_masks.ignored_colour(classes)}
        with files.naming(place):
            return colours.sorted_colours(found, len(classes))

    def _add(self, path: Path, mask: Mask, classes: Classes) -> None:
        self._compare_palette(path, mask, classes)
        pixels = plain(mask, classes, by_colour=self.by_colour)
        if mask.is_picture and pixels.dtype == np.uint8 and not self.by_colour:
            self.colours |= colours.colours_in(pixels)
            self.drawn.add(path)
        numbered = mask.palette is not None and pixels is mask.pixels
        reach = Reach.of(pixels, classes, numbered=numbered)
        if reach is not None:
            self.reaches[path] = reach

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
