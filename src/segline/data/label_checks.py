"""Checks of a label image: what a person should look at before training on it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage import measure

TINY_PX = 20  # the smallest nucleus of the competition's test set has 21 px


def odd_objects(labels: np.ndarray, *, tiny_px: int = TINY_PX) -> list[tuple[str, str]]:
    """Find objects of `labels` (H, W) int that are tiny, in several pieces, or have holes.

    Returns (kind, detail) pairs, `kind` one of "tiny object" (below `tiny_px`), "object in several
    pieces" (8-connected) and "object with holes" (background that this object alone encloses).

    >>> odd_objects(np.array([[1, 0, 1]]), tiny_px=1)
    [('object in several pieces', 'object 1: 2 pieces, 2 px')]
    """
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    tiny = [
        ("tiny object", f"object {k}: {areas[k]} px")
        for k in np.flatnonzero((areas > 0) & (areas < tiny_px))
    ]
    pieces = _n_pieces(labels)
    broken = [
        ("object in several pieces", f"object {k}: {pieces[k]} pieces, {areas[k]} px")
        for k in np.flatnonzero(pieces > 1)
    ]
    holes = _hole_px(labels)
    holed = [
        ("object with holes", f"object {k}: {holes[k]} px of holes in {areas[k]} px")
        for k in np.flatnonzero(holes)
    ]
    return tiny + broken + holed


def _n_pieces(labels: np.ndarray) -> np.ndarray:
    """Number of 8-connected pieces by label, 0 for the background."""
    pieces = measure.label(labels, background=0, connectivity=2)
    _, first = np.unique(pieces, return_index=True)
    owners = labels.ravel()[first]
    counts = np.bincount(owners, minlength=int(labels.max(initial=0)) + 1)
    counts[0] = 0
    return counts


def _hole_px(labels: np.ndarray) -> np.ndarray:
    """Pixels of holes by label: background regions off the image's edge with one neighbour only."""
    found = np.zeros(int(labels.max(initial=0)) + 1, np.int64)
    regions = measure.label(labels == 0, connectivity=1)
    areas = np.bincount(regions.ravel())
    open_regions = np.unique(
        np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])
    )
    closed = np.setdiff1d(np.arange(1, len(areas)), open_regions)
    if not len(closed):
        return found
    cross = ndimage.generate_binary_structure(2, 1)
    highest = ndimage.grey_dilation(labels, footprint=cross)
    lowest = ndimage.grey_erosion(np.where(labels == 0, labels.max() + 1, labels), footprint=cross)
    top = ndimage.maximum(highest, regions, closed)
    bottom = ndimage.minimum(lowest, regions, closed)
    alone = top == bottom
    np.add.at(found, top[alone].astype(int), areas[closed[alone]])
    return found
