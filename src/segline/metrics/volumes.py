"""Metrics of masks that are slices of a volume: surface Dice, and Dice with a 3D Hausdorff distance.

**Surface Dice** at tolerance 0 (SenNet + HOA, blood vessels in kidneys; the metric is DeepMind's
surface-distance, Nikolov 2018, averaged over volumes). Every corner between 2 x 2 x 2 voxels, of which some
are set and some not, carries a piece of surface; its area is that of marching cubes. The score is the area
of the pieces where both masks have some, over the area of all pieces of both. Outside the volume nothing is
set. A volume without any surface is left out.

**0.4 Dice + 0.6 (1 - Hausdorff)** (UW-Madison). Dice is a mean over slices and classes. The Hausdorff
distance is that of the voxels of one class in one case and day; coordinates are divided by the volume's
sides, "normalized by image size to create a bounded 0-1 score", and the distance by the diagonal of the
unit cube. Where nothing is true and nothing found both are left out, as the organisers said in the forum
(the page says 0); where one of the two is empty the distance is 1. The scorer's code is not public:
whether it took organs one by one and which diagonal it took are assumptions here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segline.metrics import objectives

DICE, HAUSDORFF = 0.4, 0.6  # the weights of UW-Madison
Slice = tuple[NDArray[np.bool_], NDArray[np.bool_]]  # true and found, (H, W, C)


def names(image_ids: Iterable[str], pattern: str) -> list[str]:
    """The volume of each image: the group of a regular expression in its id; without one the image itself.

    >>> names(["case1_day2_slice_0003", "other"], r"(case.+)_slice_")
    ['case1_day2', 'other']
    """
    found = [(image_id, re.search(pattern, image_id)) for image_id in image_ids]
    return [match.group(1) if pattern and match else image_id for image_id, match in found]


class Volumes(NamedTuple):
    """The score of a set by a metric of volumes, and the value of each volume and class (V, C)."""

    mean: float
    names: tuple[str, ...]
    values: NDArray[np.float64]


def scored(
    metric: objectives.MaskMetric,
    counts: ArrayLike,
    volumes: Sequence[str],
    masks: Callable[[int], Slice],
) -> Volumes:
    """The real metric of a set.

    counts (N, C, 2, 2) are those of each image and class, volumes (N,) the volume of each image, whose
    slices are the images in the order given; masks gives those of an image by its number.
    """
    names = tuple(sorted(set(volumes)))
    slices = {name: [i for i, each in enumerate(volumes) if each == name] for name in names}
    of_volume = surface_dice if metric.real == "surface_dice" else _hausdorff
    values = np.array([of_volume(map(masks, slices[name])) for name in names])
    if metric.real == "surface_dice":
        return Volumes(float(objectives.mean(values)), names, values)
    dice = float(objectives.mean(objectives.dice_present(counts)))
    return Volumes(DICE * dice + HAUSDORFF * (1 - float(objectives.mean(values))), names, values)


@cache
def _areas() -> NDArray[np.float64]:
    """Area of the surface in a cube for each of 256 ways to set its corners, in px^2.

    Marching cubes of whichever half has fewer corners: what is set and what is not have one surface.
    """
    from skimage.measure import marching_cubes, mesh_surface_area

    areas = np.zeros(256)
    for code in range(1, 255):
        corners = np.unpackbits(np.uint8(code)).reshape(2, 2, 2)
        fewer = corners if corners.sum() <= 4 else 1 - corners
        mesh = marching_cubes(fewer.astype(float), 0.5, method="lorensen")
        areas[code] = mesh_surface_area(*mesh[:2])
    return areas


def _codes(upper: NDArray[np.bool_], lower: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The corners of each cube between two slices (H, W), (H + 1, W + 1) uint8; nothing is set outside."""
    pair = np.pad(np.stack([upper, lower]), ((0, 0), (1, 1), (1, 1)))
    height, width = (side - 1 for side in pair.shape[1:])
    corners = [
        pair[z, y : y + height, x : x + width] for z in (0, 1) for y in (0, 1) for x in (0, 1)
    ]
    return np.packbits(np.stack(corners, axis=-1), axis=-1)[..., 0]


def surface_dice(slices: Iterable[Slice]) -> NDArray[np.float64]:
    """Surface Dice of each class, (C,), of one volume's slices in order; nan where there is no surface."""
    shared: NDArray[np.float64] | float = 0.0
    whole: NDArray[np.float64] | float = 0.0
    for (true, pred), (next_true, next_pred) in pairwise(_padded(slices)):
        channels = range(true.shape[-1])
        a = np.stack([_areas()[_codes(true[..., c], next_true[..., c])] for c in channels])
        b = np.stack([_areas()[_codes(pred[..., c], next_pred[..., c])] for c in channels])
        shared = shared + ((a + b) * ((a > 0) & (b > 0))).sum(axis=(1, 2))
        whole = whole + (a + b).sum(axis=(1, 2))
    total = np.asarray(whole)
    return np.divide(shared, total, out=np.full(total.shape, np.nan), where=total > 0)


def _padded(slices: Iterable[Slice]) -> Iterable[Slice]:
    """The slices between two empty ones."""
    last = None
    for each in slices:
        if last is None:
            yield np.zeros_like(each[0]), np.zeros_like(each[1])
        yield each
        last = each
    if last is not None:
        yield np.zeros_like(last[0]), np.zeros_like(last[1])


def _hausdorff(slices: Iterable[Slice]) -> NDArray[np.float64]:
    true, pred = (np.stack(each) for each in zip(*slices, strict=True))
    return np.array([hausdorff(true[..., c], pred[..., c]) for c in range(true.shape[-1])])


def hausdorff(true: NDArray[np.bool_], pred: NDArray[np.bool_]) -> float:
    """Hausdorff distance of two masks (D, H, W) in 0..1: sides are 1, and so is the diagonal.

    nan where both are empty, 1 where one is.

    >>> one, two = np.zeros((2, 1, 4, 2), bool)
    >>> one[0, 0, 0] = two[0, 2, 0] = True
    >>> round(hausdorff(one, two) * 3**0.5, 3)
    0.5
    """
    from scipy.ndimage import distance_transform_edt, find_objects

    if not true.any() and not pred.any():
        return np.nan
    if not true.any() or not pred.any():
        return 1.0
    box = find_objects((true | pred).astype(np.uint8))[0]
    steps = [1 / side for side in true.shape]
    pair = true[box], pred[box]
    far = [
        distance_transform_edt(~there, sampling=steps)[here].max()
        for here, there in (pair, pair[::-1])
    ]
    return float(max(far) / np.sqrt(3))
