"""Which value stands for the whole object in a mask of two classes, as the masks beside it tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np

from segline.masks import stored_masks
from segline.masks.classes import Classes

GREY_LEVELS = 255.0


class Reach(NamedTuple):
    """The known values of one mask: the largest, and whether it is the only one beside 0."""

    dtype: np.dtype
    top: float
    hard: bool
    numbered: bool = False  # palette indices, which are the classes' numbers

    @classmethod
    def of(cls, mask: np.ndarray, classes: Classes, *, numbered: bool = False) -> Self | None:
        """That of a mask of numbers on one scale; None for one of more classes, channels or booleans."""
        if len(classes) != 2 or mask.dtype.kind not in "uif" or mask.shape[2:] == (2,):
            return None
        top = stored_masks.top(mask, classes)
        known = mask[~stored_masks.ignored(mask, classes)]
        return cls(mask.dtype, top, bool(np.isin(known, (0, top)).all()), numbered)

    @property
    def alone(self) -> bool:
        """Whether the mask needs no others to be read: it is 0 and a whole scale, or palette indices."""
        if self.numbered and self.top <= 1:
            return True
        return self.hard and self.top in stored_masks.FULL_SCALES


class Scale:
    """The scale of masks that lie together."""

    def __init__(self, masks: Iterable[Reach]) -> None:
        self._tops: dict[np.dtype, float] = {}  # largest value by type of number
        for mask in masks:
            self._tops[mask.dtype] = max(self._tops.get(mask.dtype, 0.0), mask.top)
        self.most = max(self._tops.values(), default=0.0)

    def full(self, mask: Reach) -> float:
        """The value that stands for an object throughout, as `stored_masks.read_mask` takes it."""
        if mask.alone:
            return mask.top
        own = self._tops[mask.dtype]
        return own if own > 1 or self.most <= 1 or mask.dtype.kind == "f" else GREY_LEVELS

    def faint(self, mask: Reach) -> str:
        """What is wrong with a mask whose every value would be read as nothing; '' if nothing is."""
        full = self.full(mask)
        if mask.alone or full <= 1 or not 0 < mask.top < stored_masks.scale_of(full) / 2:
            return ""
        return (
            f"values of at most {mask.top:g} beside masks that reach {self.most:g}, so that it would be "
            f"empty; where {self.most:g} means that the class is not known, set "
            f"data.ignore={self.most:g}; else save this mask on the scale of the others"
        )

    def is_soft(self, mask: Reach) -> bool:
        """Whether a faint mask is one of smooth edges that nowhere reach one half."""
        return not mask.hard and mask.top > stored_masks.HARD * self.full(mask)
