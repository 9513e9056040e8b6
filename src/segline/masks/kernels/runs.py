"""Compiled scans along the rows of label images: sizes, boxes, components, numbering.

Pixels change value only at the edges of objects, so the scans first find those places, eight bytes
of comparison at a time, and then work on the runs between them. A kernel calls only kernels of its
own file: numba's cache watches one file at a time, and a call across files would leave stale
machine code behind after an edit.
"""

import numpy as np
from numba import njit

CHUNK = 4096


@njit(cache=True, nogil=True)
def _flagged(flags, n_flags, begin, places, n):
    """Append begin + k for every flag k that is set; `places` must have room."""
    words = flags.view(np.uint64)
    for w in range((n_flags + 7) // 8):
        if words[w] != 0:
            for k in range(8 * w, 8 * w + 8):
                places[n] = begin + k
                n += np.int64(flags[k])
    return n


@njit(cache=True, nogil=True)
def _with_room(places, n):
    if n + CHUNK + 8 <= places.size:
        return places
    longer = np.empty(2 * places.size + CHUNK + 8, places.dtype)
    longer[:n] = places[:n]
    return longer


@njit(cache=True, nogil=True)
def changes(flat, lag):
    """Ascending positions i >= lag at which flat[i] != flat[i - lag]."""
    flags = np.zeros(CHUNK + 8, np.uint8)
    places = np.empty(CHUNK + 8, np.int64)
    n = 0
    for begin in range(lag, flat.size, CHUNK):
        now = flat[begin : begin + CHUNK]
        past = flat[begin - lag : begin - lag + now.size]
        for k in range(now.size):
            flags[k] = now[k] != past[k]
        flags[now.size : now.size + 8] = 0
        places = _with_room(places, n)
        n = _flagged(flags, now.size, begin, places, n)
    return places[:n]


@njit(cache=True, nogil=True)
def changes_of_two(one, other):
    """Ascending positions i >= 1 at which either array differs from its value before."""
    flags = np.zeros(CHUNK + 8, np.uint8)
    places = np.empty(CHUNK + 8, np.int64)
    n = 0
    for begin in range(1, one.size, CHUNK):
        a = one[begin : begin + CHUNK]
        b = other[begin : begin + CHUNK]
        a_past = one[begin - 1 : begin - 1 + a.size]
        b_past = other[begin - 1 : begin - 1 + a.size]
        for k in range(a.size):
            flags[k] = (a[k] != a_past[k]) | (b[k] != b_past[k])
        flags[a.size : a.size + 8] = 0
        places = _with_room(places, n)
        n = _flagged(flags, a.size, begin, places, n)
    return places[:n]


@njit(cache=True, nogil=True)
def row_runs(image):
    """(n, 2) begin and end, in the flattened image, of the runs of equal non-zero value in rows."""
    height, width = image.shape
    flat = image.ravel()
    edges = changes(flat, 1)
    runs = np.empty((edges.size + height + 1, 2), np.int64)
    n = 0
    begin = 0
    row_end = width
    for i in range(edges.size + 1):
        end = edges[i] if i < edges.size else flat.size
        while begin < end:
            while begin >= row_end:
                row_end += width
            stop = min(end, row_end)
            if flat[begin] != 0:
                runs[n, 0] = begin
                runs[n, 1] = stop
                n += 1
                begin = stop
            else:
                begin = end
    return runs[:n]


@njit(cache=True, nogil=True)
def sizes(labels, highest):
    """Pixels of each label 0..highest."""
    pixels = np.zeros(highest + 1, np.int64)
    flat = labels.ravel()
    begin = 0
    for end in changes(flat, 1):
        pixels[flat[begin]] += end - begin
        begin = end
    if flat.size > 0:
        pixels[flat[begin]] += flat.size - begin
    return pixels


@njit(cache=True, nogil=True)
def boxes(labels, highest):
    """Bounding boxes (highest + 1, 4) as first row, last row + 1, first column, last column + 1."""
    height, width = labels.shape
    flat = labels.ravel()
    box = np.zeros((highest + 1, 4), np.int64)
    box[:, 0] = height
    box[:, 2] = width
    y = 0
    for run in row_runs(labels):
        while run[0] >= (y + 1) * width:
            y += 1
        label = flat[run[0]]
        box[label, 0] = min(box[label, 0], y)
        box[label, 1] = y + 1
        box[label, 2] = min(box[label, 2], run[0] - y * width)
        box[label, 3] = max(box[label, 3], run[1] - y * width)
    return box


@njit(cache=True, nogil=True)
def replace(labels, new_label):
    """new_label[labels] as int32, for new_label[0] == 0."""
    out = np.zeros(labels.shape, np.int32)
    flat = labels.ravel()
    target = out.ravel()
    for run in row_runs(labels):
        new = new_label[flat[run[0]]]
        if new != 0:
            for p in range(run[0], run[1]):
                target[p] = new
    return out


@njit(cache=True, nogil=True)
def tidy(labels, highest, min_size, frame):
    """Without the objects below min_size, the rest numbered by first pixel; and their number.

    A frame of background, that many px wide, is cut off.
    """
    flat = labels.ravel()
    runs = row_runs(labels)
    pixels = np.zeros(highest + 1, np.int64)
    for run in runs:
        pixels[flat[run[0]]] += run[1] - run[0]
    width = labels.shape[1]
    out = np.zeros((labels.shape[0] - 2 * frame, width - 2 * frame), np.int32)
    number = np.zeros(highest + 1, np.int32)
    count = 0
    y = 0
    for run in runs:
        while run[0] >= (y + 1) * width:
            y += 1
        label = flat[run[0]]
        if pixels[label] < min_size:
            continue
        if number[label] == 0:
            count += 1
            number[label] = count
        for x in range(run[0] - y * width - frame, run[1] - y * width - frame):
            out[y - frame, x] = number[label]
    return out, count


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
def _joined(image, runs):
    """Union-find parents of runs that touch a run of equal value in the row above."""
    width = image.shape[1]
    flat = image.ravel()
    parent = np.arange(runs.shape[0])
    above = 0
    for i in range(runs.shape[0]):
        begin = runs[i, 0] - width
        end = runs[i, 1] - width
        while runs[above, 1] <= begin:
            above += 1
        other = above
        while runs[other, 0] < end:
            if flat[runs[other, 0]] == flat[runs[i, 0]]:
                _join(parent, i, other)
            other += 1
    return parent


@njit(cache=True, nogil=True)
def component_runs(image):
    """4-connected regions of equal non-zero value, as runs.

    Returns (n, 3) begin and end in the flattened image and the region's number, 1.. in order of
    first pixel; and the number of regions.
    """
    pairs = row_runs(image)
    parent = _joined(image, pairs)
    runs = np.empty((pairs.shape[0], 3), np.int64)
    count = 0
    for i in range(pairs.shape[0]):
        root = _root(parent, i)
        if root == i:
            count += 1
            runs[i, 2] = count
        else:
            runs[i, 2] = runs[root, 2]
        runs[i, 0] = pairs[i, 0]
        runs[i, 1] = pairs[i, 1]
    return runs, count


@njit(cache=True, nogil=True)
def painted(runs, shape):
    """Label image (H, W) int32 of runs: begin, end, label."""
    labels = np.zeros(shape, np.int32)
    flat = labels.ravel()
    for run in runs:
        for p in range(run[0], run[1]):
            flat[p] = run[2]
    return labels
