"""Compiled scans along the rows of label images: sizes, components, renumbering.

Background and the inside of objects change nothing, so the scans leap over blocks of equal pixels
and work on runs. Kernels call only kernels of their own file: numba's cache watches one file at a
time, and a call across files would leave stale machine code behind after an edit.
"""

import numpy as np
from numba import njit

BLOCK = 16


@njit(cache=True, nogil=True)
def _run_end(row, start):
    """First position after `start` whose value differs from row[start]."""
    width = row.size
    value = row[start]
    x = start + 1
    while x + BLOCK <= width:
        changed = value ^ value
        for k in range(BLOCK):
            changed |= row[x + k] ^ value
        if changed != 0:
            break
        x += BLOCK
    while x < width and row[x] == value:
        x += 1
    return x


@njit(cache=True, nogil=True)
def sizes(labels, highest):
    """Pixels of each label 0..highest."""
    counts = np.zeros(highest + 1, np.int64)
    flat = labels.ravel()
    x = 0
    while x < flat.size:
        end = _run_end(flat, x)
        counts[flat[x]] += end - x
        x = end
    return counts


@njit(cache=True, nogil=True)
def boxes(labels, highest):
    """Bounding boxes (highest + 1, 4) as first row, last row + 1, first column, last column + 1."""
    height, width = labels.shape
    box = np.zeros((highest + 1, 4), np.int64)
    box[:, 0] = height
    box[:, 2] = width
    for y in range(height):
        row = labels[y]
        x = 0
        while x < width:
            end = _run_end(row, x)
            label = row[x]
            if label != 0:
                box[label, 0] = min(box[label, 0], y)
                box[label, 1] = y + 1
                box[label, 2] = min(box[label, 2], x)
                box[label, 3] = max(box[label, 3], end)
            x = end
    return box


@njit(cache=True, nogil=True)
def replace(labels, new_label):
    """new_label[labels] as int32."""
    out = np.empty(labels.shape, np.int32)
    source = labels.ravel()
    target = out.ravel()
    for i in range(source.size):
        target[i] = new_label[source[i]]
    return out


@njit(cache=True, nogil=True)
def numbers_by_first_pixel(labels, pixels, min_size):
    """New number of each old label, 1.. in order of first pixel row by row, 0 below min_size."""
    new_label = np.zeros(pixels.size, np.int32)
    flat = labels.ravel()
    seen = np.zeros(pixels.size, np.bool_)
    seen[0] = True
    count = 0
    x = 0
    while x < flat.size:
        label = flat[x]
        if not seen[label]:
            seen[label] = True
            if pixels[label] >= min_size:
                count += 1
                new_label[label] = count
        x = _run_end(flat, x)
    return new_label, count


@njit(cache=True, nogil=True)
def _grown(array):
    longer = np.empty(2 * array.size, array.dtype)
    longer[: array.size] = array
    return longer


@njit(cache=True, nogil=True)
def _root(parent, i):
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True, nogil=True)
def _join(parent, i, j):
    """Unite two trees under the older root, so that a root is its region's first run."""
    i = _root(parent, i)
    j = _root(parent, j)
    if i < j:
        parent[j] = i
    elif j < i:
        parent[i] = j


@njit(cache=True, nogil=True)
def components(image):
    """4-connected regions of equal non-zero value: labels in order of first pixel, and sizes.

    Runs of a row are joined to touching runs of equal value in the row above (union-find), then
    painted once.
    """
    height, width = image.shape
    start = np.empty(256, np.int64)
    end = np.empty(256, np.int64)
    parent = np.empty(256, np.int64)
    row_first = np.empty(height + 1, np.int64)
    n = 0
    above = 0
    for y in range(height):
        row = image[y]
        row_first[y] = n
        above_end = n
        x = 0
        while x < width:
            stop = _run_end(row, x)
            if row[x] != 0:
                if n == start.size:
                    start, end, parent = _grown(start), _grown(end), _grown(parent)
                start[n], end[n], parent[n] = x, stop, n
                while above < above_end and end[above] <= x:
                    above += 1
                other = above
                while other < above_end and start[other] < stop:
                    if image[y - 1, start[other]] == row[x]:
                        _join(parent, n, other)
                    other += 1
                n += 1
            x = stop
        above = above_end
    row_first[height] = n
    return _painted(height, width, start, end, parent, row_first)


@njit(cache=True, nogil=True)
def _painted(height, width, start, end, parent, row_first):
    n = row_first[height]
    number = np.empty(n, np.int32)
    pixels = np.zeros(n + 1, np.int64)
    count = 0
    for i in range(n):
        root = _root(parent, i)
        if root == i:
            count += 1
            number[i] = count
        else:
            number[i] = number[root]
        pixels[number[i]] += end[i] - start[i]
    labels = np.zeros((height, width), np.int32)
    for y in range(height):
        for i in range(row_first[y], row_first[y + 1]):
            labels[y, start[i] : end[i]] = number[i]
    pixels[0] = height * width - pixels[1:].sum()
    return labels, pixels[: count + 1]
