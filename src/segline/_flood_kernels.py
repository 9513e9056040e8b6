"""Compiled marker-controlled flooding and hole filling for `postprocess.py`.

Regions, seeds and gaps come as the runs that `_runs.components` finds: begin and end in the
flattened image, number.
"""

import numpy as np
from numba import njit

SEVERAL = -1  # a region with more than one seed; a gap that no single object encloses
FREE = -1  # a pixel for which seeds compete


@njit(cache=True, nogil=True)
def _seed_of_regions(regions, seed_runs, n_regions):
    """For each region its only seed, 0 without one, SEVERAL with more."""
    seed_of = np.zeros(n_regions + 1, np.int64)
    for run in seed_runs:
        region = regions[run[0]]
        if seed_of[region] == 0:
            seed_of[region] = run[2]
        elif seed_of[region] != run[2]:
            seed_of[region] = SEVERAL
    return seed_of


@njit(cache=True, nogil=True)
def _laid_out(shape, seeds, region_runs, seed_of, n_seeds, keep_unseeded):
    """Labels of the pixels that need no flooding, FREE for those that do, in a frame of zeros."""
    height, width = shape
    framed = np.zeros((height + 2, width + 2), np.int32)
    y = 0
    for run in region_runs:
        while run[0] >= (y + 1) * width:
            y += 1
        first = run[0] - y * width + 1
        last = run[1] - y * width + 1
        seed = seed_of[run[2]]
        if seed == SEVERAL:
            for x in range(first, last):
                label = seeds[y, x - 1]
                framed[y + 1, x] = label if label != 0 else FREE
        elif seed != 0 or keep_unseeded:
            framed[y + 1, first:last] = seed if seed != 0 else n_seeds + run[2]
    return framed


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
def _spread(levels, labels, first, last, following):
    """Let the queued pixels of the framed image claim their free neighbours, highest level first.

    A claimed pixel waits in the queue of its own level, or of the present one if that is lower.
    """
    stride = levels.shape[1] + 2
    for level in range(255, -1, -1):
        while first[level] >= 0:
            p = np.int64(first[level])
            first[level] = following[p]
            for q in (p - stride, p - 1, p + 1, p + stride):
                if labels[q] == FREE:
                    labels[q] = labels[p]
                    y = q // stride
                    own = levels[y - 1, q - y * stride - 1]
                    _push(q, min(level, np.int64(own)), first, last, following)


@njit(cache=True, nogil=True)
def flood(levels, regions, region_runs, n_regions, seeds, seed_runs, n_seeds, keep_unseeded):
    """Divide each region among its seeds, highest level first; labels (H, W) int32.

    A region with one seed is that seed's; one with none gets a number above n_seeds, or 0 unless
    `keep_unseeded`. Only where seeds compete are pixels queued: one queue a level, first in first
    out, each pixel once. The work is linear in the pixels, the outcome depends on the input alone.
    """
    height, width = regions.shape
    seed_of = _seed_of_regions(regions.ravel(), seed_runs, n_regions)
    framed = _laid_out(regions.shape, seeds, region_runs, seed_of, n_seeds, keep_unseeded)
    if (seed_of == SEVERAL).any():
        labels = framed.ravel()
        stride = width + 2
        first = np.full(256, -1, np.int64)
        last = np.full(256, -1, np.int64)
        following = np.empty(labels.size, np.int32)
        y = 0
        for run in seed_runs:
            while run[0] >= (y + 1) * width:
                y += 1
            for p in range(run[0] + stride + 2 * y + 1, run[1] + stride + 2 * y + 1):
                near = min(min(labels[p - stride], labels[p + stride]), labels[p - 1])
                if min(near, labels[p + 1]) == FREE:
                    _push(p, 255, first, last, following)
        _spread(levels, labels, first, last, following)
    return framed[1:-1, 1:-1].copy()


@njit(cache=True, nogil=True)
def _owner_after(owner, label):
    """The owner of a gap once it has met a label: the same, the first, or SEVERAL."""
    if label == 0 or label == owner:
        return owner
    return label if owner == 0 else SEVERAL


@njit(cache=True, nogil=True)
def _owners(labels, gap_runs, n_gaps):
    """The object each gap borders on, SEVERAL for more than one or the image's edge."""
    height, width = labels.shape
    flat = labels.ravel()
    owners = np.zeros(n_gaps + 1, np.int64)
    y = 0
    for run in gap_runs:
        while run[0] >= (y + 1) * width:
            y += 1
        owner = owners[run[2]]
        if owner == SEVERAL:
            continue
        if y in (0, height - 1) or run[0] == y * width or run[1] == (y + 1) * width:
            owners[run[2]] = SEVERAL
            continue
        owner = _owner_after(owner, flat[run[0] - 1])
        owner = _owner_after(owner, flat[run[1]])
        for p in range(run[0], run[1]):
            owner = _owner_after(owner, flat[p - width])
            owner = _owner_after(owner, flat[p + width])
        owners[run[2]] = owner
    return owners


@njit(cache=True, nogil=True)
def fill_gaps(labels, gap_runs, n_gaps):
    """Give each gap that borders on one object only, and not on the image's edge, to that object.

    gap_runs are the 4-connected regions of the background. Returns a new image.
    """
    filled = labels.copy()
    flat = filled.ravel()
    owners = _owners(labels, gap_runs, n_gaps)
    for run in gap_runs:
        if owners[run[2]] > 0:
            for p in range(run[0], run[1]):
                flat[p] = owners[run[2]]
    return filled
