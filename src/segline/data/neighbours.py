"""Neighbouring frames of a film, slices of a stack, and near duplicates: what leaks if folds part it.

Images are compared small, by their middle frequencies: brightness and slow shading are alike in unrelated
images, and fine noise differs between frames. Running numbers in names propose neighbours; what they prove
is little, and so is likeness alone, since every eye is like every other. So a series counts as a film only
if most of its images are more like their neighbours than like any of `N_RIVALS` others, or are near
duplicates of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segline.masks import resize

SIDE = 64  # px of the small images
FINE, COARSE = 1.0, 4.0  # px there: blurs whose difference is compared
SHIFT = 8  # px there that neighbours may have moved
LEAST_DEVIATION = 0.1  # grey levels of the small image; below there is nothing to compare
N_RIVALS = 8  # an unrelated neighbour beats them all in one of nine cases
LEAST_SEAMS = 6  # fewer tell nothing; chance alone makes a film of six in one of 500 cases
FILM = 0.6  # share of its seams that beat their rivals; of the stack of ISBI 2012 28 of 29 do
LEAST_LIKE = 0.2  # correlation of a seam, that of distant EM slices being up to 0.18
NEAR = 0.9  # correlation in place of near duplicates; DSB2018 has five pairs, of others the best is 0.57
MAX_POOL = 2500  # images of one size that are all compared

Series = list[int]  # indices of images in the order of their running number


def small(image: np.ndarray) -> NDArray[np.float16]:
    """What is compared of an image (H, W, C) uint8: (SIDE, SIDE), of length 1, or 0 where it is even."""
    is_rgb = image.shape[2] == 3
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if is_rgb else image.mean(axis=2)
    grey = grey.astype(np.float32)[..., None]
    shrunk = resize.smooth(grey, (SIDE, SIDE))[..., 0]
    bands = cv2.GaussianBlur(shrunk, (0, 0), FINE) - cv2.GaussianBlur(shrunk, (0, 0), COARSE)
    bands -= bands.mean()
    if bands.std() < LEAST_DEVIATION:
        return np.zeros((SIDE, SIDE), np.float16)
    return (bands / np.linalg.norm(bands)).astype(np.float16)


class Seam(NamedTuple):
    """Two neighbours of a film; `position` counts them from its beginning."""

    first: int
    second: int
    position: int


def seams(
    ids: Sequence[str], sizes: Sequence[tuple[int, int]], smalls: Sequence[np.ndarray]
) -> list[Seam]:
    """The pairs of neighbouring images of films and stacks.

    `ids` are the images' names, `sizes` their sides; `smalls` is what `small` gives of each.
    """
    waves = {i: np.fft.rfft2(smalls[i].astype(np.float32)) for i in range(len(smalls))}
    found: dict[tuple[int, int], Seam] = {}
    for series in _series(ids, sizes):
        if len(series) > LEAST_SEAMS:
            for seam in _of_film(series, waves):
                found.setdefault((seam.first, seam.second), seam)
    return list(found.values())


def cut(found: Sequence[Seam], length: int) -> list[Seam]:
    """The seams that are left when films are cut into blocks of `length` images."""
    return [seam for seam in found if (seam.position + 1) % length]


def near_duplicates(
    sizes: Sequence[tuple[int, int]], smalls: Sequence[np.ndarray]
) -> list[tuple[int, int, float]]:
    """Pairs of images of one size that are nearly the same but for their gain, and their correlation.

    Sizes with more than `MAX_POOL` images are not compared.
    """
    pools: dict[tuple[int, int], list[int]] = {}
    for index, size in enumerate(sizes):
        pools.setdefault(size, []).append(index)
    found = []
    for pool in pools.values():
        if 2 <= len(pool) <= MAX_POOL:
            flat = np.stack([smalls[i] for i in pool]).reshape(len(pool), -1).astype(np.float32)
            like = np.triu(flat @ flat.T, 1)
            found += [(pool[a], pool[b], float(like[a, b])) for a, b in np.argwhere(like >= NEAR)]
    return found


def _series(ids: Sequence[str], sizes: Sequence[tuple[int, int]]) -> Iterator[Series]:
    """Images whose names differ in one number alone, in its order, for every number in the names."""
    found: dict[tuple, list[tuple[int, int]]] = {}
    for index, (name, size) in enumerate(zip(ids, sizes, strict=True)):
        for number in re.finditer(r"\d{1,9}", name):
            rest = (name[: number.start()], name[number.end() :], size)
            found.setdefault(rest, []).append((int(number.group()), index))
    for numbered in found.values():
        yield [index for _, index in sorted(numbered)]


def _of_film(series: Series, waves: dict[int, np.ndarray]) -> list[Seam]:
    """Its seams, if it is a film: without those at which the scene changes."""
    n, found, n_good = len(series), [], 0
    for position in range(n - 1):
        here = waves[series[position]]
        others = [k for k in _spread(n) if abs(k - position) > 1][:N_RIVALS]
        like = _likeness(here, [waves[series[k]] for k in (position + 1, *others)])
        if like[0] >= LEAST_LIKE:
            found.append(Seam(series[position], series[position + 1], position))
            n_good += like[0] >= min(NEAR, max(like[1:]))
    return found if n_good >= FILM * (n - 1) else []


def _spread(n: int) -> list[int]:
    """Numbers 0..n - 1 so that the first of them are far from each other."""
    step = next(k for k in range(max(1, round(0.382 * n)), n + 1) if np.gcd(k, n) == 1)
    return [k * step % n for k in range(n)]


def _likeness(wave: np.ndarray, others: Sequence[np.ndarray]) -> list[float]:
    """The largest correlation with each of `others` within `SHIFT`."""
    found = np.fft.irfft2(np.stack(others) * wave.conj(), s=(SIDE, SIDE))
    near = np.r_[-SHIFT : SHIFT + 1]
    return [float(x) for x in found[:, near[:, None], near].max(axis=(1, 2))]
