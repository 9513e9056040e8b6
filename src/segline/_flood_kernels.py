"""Compiled marker-controlled flooding and hole filling for `postprocess.py`."""

import numpy as np
from numba import njit

SEVERAL = -1  # a region with more than one seed; a gap that no single object encloses


@njit(cache=True, nogil=True)
def _seed_of_regions(regions, seeds, n_regions):
    """For each region its only seed, 0 without one, SEVERAL with more."""
    seed_of = np.zeros(n_regions + 1, np.int32)
    flat_regions = regions.ravel()
    flat_seeds = seeds.ravel()
    for p in range(flat_seeds.size):
        seed = flat_seeds[p]
        if seed != 0:
            region = flat_regions[p]
            if seed_of[region] == 0:
                seed_of[region] = seed
            elif seed_of[region] != seed:
                seed_of[region] = SEVERAL
    return seed_of


@njit(cache=True, nogil=True)
def _push(p, level, first, last, following):
    """Append pixel p to the queue of its level."""
    following[p] = -1
    if first[level] < 0:
        first[level] = p
    else:
        following[last[level]] = p
    last[level] = p


@njit(cache=True, nogil=True)
def _claim(p, q, level, levels, labels, contested, queue):
    """Give the free pixel q the label of its neighbour p and queue it."""
    if contested[q] and labels[q] == 0:
        labels[q] = labels[p]
        first, last, following = queue
        _push(q, min(level, np.int64(levels[q])), first, last, following)


@njit(cache=True, nogil=True)
def flood(levels, regions, seeds, n_regions, n_seeds, keep_unseeded):
    """Divide each region among its seeds, highest level first; labels (H, W) int32.

    A region with one seed is that seed's; one with none gets a number above n_seeds, or 0 unless
    `keep_unseeded`. Only where seeds compete are pixels queued: one queue a level, first in first
    out, each pixel once, so the work is linear in the pixels and the outcome does not depend on
    anything but the input.
    """
    height, width = regions.shape
    seed_of = _seed_of_regions(regions, seeds, n_regions)
    labels = np.zeros((height, width), np.int32)
    contested = np.zeros(height * width, np.bool_)
    queue = (np.full(256, -1, np.int64), np.full(256, -1, np.int64), np.empty(0, np.int32))
    if (seed_of == SEVERAL).any():
        queue = (queue[0], queue[1], np.empty(height * width, np.int32))
    flat = labels.ravel()
    flat_regions = regions.ravel()
    flat_seeds = seeds.ravel()
    for p in range(flat.size):
        region = flat_regions[p]
        if region == 0:
            continue
        seed = seed_of[region]
        if seed == SEVERAL:
            contested[p] = True
            flat[p] = flat_seeds[p]
            if flat[p] != 0:
                _push(p, 255, queue[0], queue[1], queue[2])
        elif seed != 0:
            flat[p] = seed
        elif keep_unseeded:
            flat[p] = n_seeds + region
    _spread(levels.ravel(), flat, contested, queue, height, width)
    return labels


@njit(cache=True, nogil=True)
def _spread(levels, labels, contested, queue, height, width):
    first = queue[0]
    for level in range(255, -1, -1):
        while first[level] >= 0:
            p = first[level]
            first[level] = queue[2][p]
            y, x = divmod(p, width)
            if y > 0:
                _claim(p, p - width, level, levels, labels, contested, queue)
            if x > 0:
                _claim(p, p - 1, level, levels, labels, contested, queue)
            if x + 1 < width:
                _claim(p, p + 1, level, levels, labels, contested, queue)
            if y + 1 < height:
                _claim(p, p + width, level, levels, labels, contested, queue)


@njit(cache=True, nogil=True)
def _meet(owner, gap, label):
    """Note that a gap borders on an object."""
    if label != 0 and owner[gap] != label:
        owner[gap] = label if owner[gap] == 0 else SEVERAL


@njit(cache=True, nogil=True)
def fill_gaps(labels, gaps, n_gaps):
    """Give each gap that borders on one object only, and not on the image's edge, to that object.

    gaps are the numbered 4-connected regions of the background. Returns a new image.
    """
    height, width = labels.shape
    owner = np.zeros(n_gaps + 1, np.int32)
    for y in range(height):
        for x in range(width):
            gap = gaps[y, x]
            if gap == 0 or owner[gap] == SEVERAL:
                continue
            if y == 0 or x == 0 or y == height - 1 or x == width - 1:
                owner[gap] = SEVERAL
                continue
            _meet(owner, gap, labels[y - 1, x])
            _meet(owner, gap, labels[y + 1, x])
            _meet(owner, gap, labels[y, x - 1])
            _meet(owner, gap, labels[y, x + 1])
    filled = labels.copy()
    if (owner > 0).any():
        for y in range(height):
            for x in range(width):
                if gaps[y, x] != 0 and owner[gaps[y, x]] > 0:
                    filled[y, x] = owner[gaps[y, x]]
    return filled
