"""Random streams that know nothing of one another, one for each purpose.

Two generators of one key give the same numbers. So what is drawn for one purpose must not share a stream
with what is drawn for another: an image would always be turned alike.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

VERSION = 2  # raised when the same settings draw other samples: nets of an older one are not reused


class Purpose(IntEnum):
    """What numbers are drawn for."""

    CHOICE = 0
    CROP = 1
    GEOMETRY = 2
    PHOTOMETRY = 3
    WEIGHTS = 4
    REGIONS = 5


def generator(purpose: Purpose, *key: int) -> np.random.Generator:
    """The generator of `purpose` for a key of numbers from 0, such as (seed, fold, epoch, index).

    >>> first, other = (generator(Purpose.CROP, 0, number).random() for number in (1, 2))
    >>> first == generator(Purpose.CROP, 0, 1).random(), first == other
    (True, False)
    >>> first == generator(Purpose.GEOMETRY, 0, 1).random()
    False
    """
    return np.random.default_rng(np.random.SeedSequence(key, spawn_key=(purpose,)))


def seed(purpose: Purpose, *key: int) -> int:
    """A number (32 bits) for a library that seeds itself, of `purpose` and key as in `generator`."""
    return int(generator(purpose, *key).integers(2**32))
