"""Compiled marker-controlled flooding and hole filling for `postprocess.py`.

Regions, seeds and gaps come as the runs that `_runs.component_runs` finds: begin and end in the
flattened image, number.
Kernels call only kernels of this file, see `_runs.py`.
"""

import numpy as np
from numba import njit

SEVERAL = -1  # a region with more than one seed; a gap that no single object encloses
FREE = -1  # a pixel for which seeds compete


@njit(cache=True, nogil=True)
def _regions_of_seeds(region_runs, seed_runs, n_regions):
    """The region each run of a seed lies in; and for each region its only seed, 0 or SEVERAL."""
    region_of = np.empty(seed_runs.shape[0], np.int64)
    seed_of = np.zeros(n_regions + 1, np.int64)
    r = 0
    for i in range(seed_runs.shape[0]):
        while region_runs[r, 1] <= seed_runs[i, 0]:
            r += 1
        region = region_runs[r, 2]
        region_of[i] = region
        if seed_of[region] == 0:
            seed_of[region] = seed_runs[i, 2]
        elif seed_of[region] != seed_runs[i, 2]:
            seed_of[region] = SEVERAL
    return region_of, seed_of


@njit(cache=True, nogil=True)
def _framed(runs, shape):
    """The same runs in an image with a frame one pixel wide."""
    width = shape[1]
    moved = runs.copy()
    y = 0
    for i in range(runs.shape[0]):
        while runs[i, 0] >= (y + 1) * width:
            y += 1
        moved[i, 0] += width + 2 * y + 3
        moved[i, 1] += width + 2 * y + 3
    return moved


@njit(cache=True, nogil=True)
def _laid_out(n_pixels, region_runs, seed_runs, seed_of, n_seeds, keep_unseeded):
    """Flat labels of the pixels that need no flooding, FREE for those that do."""
    labels = np.zeros(n_pixels, np.int32)
    for run in region_runs:
        label = seed_of[run[2]]
        if label == 0 and keep_unseeded:
            label = n_seeds + run[2]
        labels[run[0] : run[1]] = FREE if label == SEVERAL else label
    for run in seed_runs:
        labels[run[0] : run[1]] = run[2]
    return labels


@njit(cache=True, nogil=True)
def _by_region(region_of, n_regions):
    """Stable order of the seeds' runs by region, and where each region begins in it."""
    first = np.zeros(n_regions + 2, np.int64)
    for region in region_of:
        first[region + 1] += 1
    for region in range(n_regions + 1):
        first[region + 1] += first[region]
    place = first.copy()
    order = np.empty(region_of.size, np.int64)
    for i in range(region_of.size):
        order[place[region_of[i]]] = i
        place[region_of[i]] += 1
    return order, first


@njit(cache=True, nogil=True)
def _push(n, p, level, first, last, waiting):
    """Append pixel p, as the n-th that waits, to the queue of its level."""
    waiting[n, 0] = p
    waiting[n, 1] = -1
    if first[level] < 0:
        first[level] = n
    else:
        waiting[last[level], 1] = n
    last[level] = n


@njit(cache=True, nogil=True)
def _push_rim(n, run, labels, stride, first, last, waiting):
    """Queue a seed run's pixels that have a free neighbour; the new number of waiting pixels."""
    for p in range(run[0], run[1]):
        free = labels[p - stride] == FREE or labels[p + stride] == FREE
        if free or labels[p - 1] == FREE or labels[p + 1] == FREE:
            _push(n, p, 255, first, last, waiting)
            n += 1
    return n


@njit(cache=True, nogil=True)
def _spread(n, levels, labels, stride, first, last, waiting):
    """Let the n waiting pixels claim their free neighbours, highest level first.

    A claimed pixel waits in the queue of its own level, or of the present one if that is lower.
    """
    for level in range(255, -1, -1):
        while first[level] >= 0:
            p = np.int64(waiting[first[level], 0])
            first[level] = waiting[first[level], 1]
            for q in (p - stride, p - 1, p + 1, p + stride):
                if labels[q] == FREE:
                    labels[q] = labels[p]
                    y = q // stride
                    own = np.int64(levels[y - 1, q - y * stride - 1])
                    _push(n, q, min(level, own), first, last, waiting)
                    n += 1


@njit(cache=True, nogil=True)
def _flood_contested(levels, labels, seeds, seed_of, order, begins, waiting):
    """Flood the regions with several seeds, one after another: small ones stay in the cache.

    Apart from `flood` because a kernel counts references to arrays of its own in its loops.
    """
    stride = levels.shape[1] + 2
    first = np.full(256, -1, np.int64)
    last = np.full(256, -1, np.int64)
    for region in range(1, seed_of.size):
        if seed_of[region] == SEVERAL:
            n = 0
            for i in order[begins[region] : begins[region + 1]]:
                n = _push_rim(n, seeds[i], labels, stride, first, last, waiting)
            _spread(n, levels, labels, stride, first, last, waiting)


@njit(cache=True, nogil=True)
def _largest_contested(region_runs, seed_of):
    """Pixels of the largest region with several seeds."""
    pixels = np.zeros(seed_of.size, np.int64)
    for run in region_runs:
        if seed_of[run[2]] == SEVERAL:
            pixels[run[2]] += run[1] - run[0]
    return pixels.max()


@njit(cache=True, nogil=True)
def flood(levels, region_runs, n_regions, seed_runs, n_seeds, keep_unseeded):
    """Divide each region among its seeds, highest level first; int32 labels (H + 2, W + 2).

    A region with one seed is that seed's; one with none gets a number above n_seeds, or 0 unless
    `keep_unseeded`. Only where seeds compete are pixels queued, one region after another: one queue
    a level, first in first out, each pixel once. The work is linear in the pixels, the outcome
    depends on the input alone. The frame of zeros around the image spares tests for its edge.
    """
    height, width = levels.shape
    region_of, seed_of = _regions_of_seeds(region_runs, seed_runs, n_regions)
    seeds = _framed(seed_runs, levels.shape)
    regions = _framed(region_runs, levels.shape)
    n_pixels = (height + 2) * (width + 2)
    labels = _laid_out(n_pixels, regions, seeds, seed_of, n_seeds, keep_unseeded)
    order, begins = _by_region(region_of, n_regions)
    waiting = np.empty((_largest_contested(region_runs, seed_of), 2), np.int32)
    _flood_contested(levels, labels, seeds, seed_of, order, begins, waiting)
    return labels.reshape(height + 2, width + 2)


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

    gap_runs are the 4-connected regions of the background. Changes `labels`.
    """
    flat = labels.ravel()
    owners = _owners(labels, gap_runs, n_gaps)
    for run in gap_runs:
        if owners[run[2]] > 0:
            for p in range(run[0], run[1]):
                flat[p] = owners[run[2]]
