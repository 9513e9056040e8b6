"""Compiled exact Euclidean distances, squared, in pixels.

Two passes: distances along columns first, then along each row the lower envelope of the parabolas
they raise (Felzenszwalb and Huttenlocher 2012, "Distance transforms of sampled functions").
Kernels call only kernels of this file, see `_runs.py`.
"""

import numpy as np
from numba import njit

FAR = 1 << 30  # along a column: nothing there


@njit(cache=True, nogil=True)
def _add_parabola(x, height, site, rise, last, begins):
    """Add the parabola (q - x)^2 + height to a lower envelope; sites come in ascending x.

    begins[i] is the first whole q from which parabola i is the lowest. Returns the last index.
    """
    begin = np.int64(-FAR)
    while last >= 0:
        # The parabolas meet at q = gap / (2 (x - site)); right of it the newcomer is lower.
        gap = height + x * x - rise[last] - site[last] * site[last]
        begin = gap // (2 * (x - site[last])) + 1
        if begin > begins[last]:
            break
        last -= 1
        begin = np.int64(-FAR)
    last += 1
    site[last] = x
    rise[last] = height
    begins[last] = begin
    return last


@njit(cache=True, nogil=True)
def _vertical(labels):
    """Distance along the column to the nearest pixel of another label, FAR without one."""
    height, width = labels.shape
    steps = np.empty((height, width), np.int32)
    for x in range(width):
        steps[0, x] = FAR
    for y in range(1, height):
        for x in range(width):
            same = labels[y, x] == labels[y - 1, x]
            steps[y, x] = min(steps[y - 1, x] + 1, FAR) if same else 1
    for y in range(height - 2, -1, -1):
        for x in range(width):
            same = labels[y, x] == labels[y + 1, x]
            below = steps[y + 1, x] + 1 if same else 1
            steps[y, x] = min(steps[y, x], below)
    return steps


@njit(cache=True, nogil=True)
def _fill_segment(steps, left, right, width, site, rise, begins, out):
    """Squared distances of columns left..right - 1, one object's stretch of a row."""
    last = -1
    if left > 0:
        last = _add_parabola(left - 1, 0, site, rise, last, begins)
    for x in range(left, right):
        if steps[x] < FAR:
            squared = np.int64(steps[x]) * np.int64(steps[x])
            last = _add_parabola(x, squared, site, rise, last, begins)
    if right < width:
        last = _add_parabola(right, 0, site, rise, last, begins)
    if last >= 0:
        _fill_row(left, right, site, rise, begins, last, out)


@njit(cache=True, nogil=True)
def to_other_label(labels, background):
    """Squared distance of each pixel to the nearest pixel of another label, int32.

    Background pixels are 0 unless `background`. FAR where there is no other label; the image's
    edge is no boundary.
    """
    height, width = labels.shape
    squared = np.zeros((height, width), np.int32)
    steps = _vertical(labels)
    site = np.empty(width + 2, np.int64)
    rise = np.empty(width + 2, np.int64)
    begins = np.empty(width + 2, np.int64)
    for y in range(height):
        left = 0
        while left < width:
            label = labels[y, left]
            right = left + 1
            while right < width and labels[y, right] == label:
                right += 1
            if label != 0 or background:
                squared[y, left:right] = FAR
                _fill_segment(steps[y], left, right, width, site, rise, begins, squared[y])
            left = right
    return squared


@njit(cache=True, nogil=True)
def _is_inner_boundary(labels, y, x):
    height, width = labels.shape
    label = labels[y, x]
    return (
        (y > 0 and labels[y - 1, x] != label)
        or (y + 1 < height and labels[y + 1, x] != label)
        or (x > 0 and labels[y, x - 1] != label)
        or (x + 1 < width and labels[y, x + 1] != label)
    )


@njit(cache=True, nogil=True)
def _column_steps(labels, label, box, top, bottom, steps):
    """Distance along the box's columns to the object's inner boundary, rows top..bottom - 1.

    Returns whether the object has a boundary at all.
    """
    found = False
    for x in range(box[2], box[3]):
        column = x - box[2]
        nearest = FAR
        for y in range(top, bottom):
            inside = box[0] <= y < box[1] and labels[y, x] == label
            nearest = 0 if inside and _is_inner_boundary(labels, y, x) else nearest + 1
            nearest = min(nearest, FAR)
            steps[y - top, column] = nearest
        for y in range(bottom - 2, top - 1, -1):
            nearest = min(steps[y - top, column], steps[y + 1 - top, column] + 1)
            steps[y - top, column] = nearest
        found = found or steps[0, column] < FAR
    return found


@njit(cache=True, nogil=True)
def nearest_two(labels, boxes, reach):
    """Squared distances to the inner boundaries of the nearest and second-nearest object.

    Each object's distances are computed only within `reach` px of its bounding box; values above
    reach squared may be too large. Returns nearest, second (float32, inf for none) and the number
    of objects that have a boundary.
    """
    height, width = labels.shape
    nearest = np.full((height, width), np.inf, np.float32)
    second = np.full((height, width), np.inf, np.float32)
    site = np.empty(width, np.int64)
    rise = np.empty(width, np.int64)
    begins = np.empty(width, np.int64)
    n_objects = 0
    for label in range(1, boxes.shape[0]):
        box = boxes[label]
        if box[1] <= box[0]:
            continue
        top, bottom = max(box[0] - reach, 0), min(box[1] + reach, height)
        steps = np.empty((bottom - top, box[3] - box[2]), np.int32)
        if _column_steps(labels, label, box, top, bottom, steps):
            n_objects += 1
            _merge_window(steps, box, top, reach, site, rise, begins, nearest, second)
    return nearest, second, n_objects


@njit(cache=True, nogil=True)
def _merge_window(steps, box, top, reach, site, rise, begins, nearest, second):
    """Merge one object's distances into the two smallest so far, rows top.. and `reach` around."""
    width = nearest.shape[1]
    squared = np.empty(width, np.float32)
    for row in range(steps.shape[0]):
        y = top + row
        away = max(max(box[0] - y, y - box[1] + 1), 0)
        wide = np.int64(np.sqrt(reach * reach - away * away)) + 1
        left, right = max(box[2] - wide, 0), min(box[3] + wide, width)
        last = -1
        for x in range(box[2], box[3]):
            step = np.int64(steps[row, x - box[2]])
            if step <= reach:
                last = _add_parabola(x, step * step, site, rise, last, begins)
        if last >= 0:
            _fill_row(left, right, site, rise, begins, last, squared)
            _keep_two(nearest[y], second[y], squared, left, right)


@njit(cache=True, nogil=True)
def _fill_row(left, right, site, rise, begins, last, squared):
    """The lower envelope's values from left to right - 1."""
    x = left
    for i in range(last + 1):
        end = right if i == last else min(max(begins[i + 1], x), right)
        for q in range(x, end):
            squared[q] = (q - site[i]) * (q - site[i]) + rise[i]
        x = end


@njit(cache=True, nogil=True)
def _keep_two(nearest, second, squared, left, right):
    """The two smallest of nearest, second and squared, without a branch."""
    for x in range(left, right):
        low = nearest[x]
        high = squared[x]
        swap = high < low
        nearest[x] = high if swap else low
        high = low if swap else high
        second[x] = high if high < second[x] else second[x]


@njit(cache=True, nogil=True)
def add_border_weights(labels, nearest, second, single, w0, sigma, reach, base):
    """base[label > 0] + w0 exp(-(d1 + d2)^2 / (2 sigma^2)) as float32, dropped beyond `reach`."""
    height, width = labels.shape
    weights = np.empty((height, width), np.float32)
    for y in range(height):
        for x in range(width):
            weight = base[1] if labels[y, x] != 0 else base[0]
            far = np.float32(0) if single else second[y, x]
            if nearest[y, x] <= reach * reach and far <= reach * reach:
                total = np.sqrt(np.float64(nearest[y, x])) + np.sqrt(np.float64(far))
                if total <= reach:
                    weight += w0 * np.exp(-(total * total) / (2 * sigma * sigma))
            weights[y, x] = weight
    return weights


@njit(cache=True, nogil=True)
def mark_gaps(labels, gap_px, classes, border):
    """Mark, in `classes`, background pixels within gap_px of two objects."""
    height, width = labels.shape
    owner = np.zeros((height, width), np.int32)
    for y in range(height):
        for x in range(width):
            label = labels[y, x]
            if label == 0 or not _is_inner_boundary(labels, y, x):
                continue
            for dy in range(-min(gap_px, y), min(gap_px, height - 1 - y) + 1):
                for dx in range(-min(gap_px, x), min(gap_px, width - 1 - x) + 1):
                    if labels[y + dy, x + dx] != 0 or dy * dy + dx * dx > gap_px * gap_px:
                        continue
                    if owner[y + dy, x + dx] == 0:
                        owner[y + dy, x + dx] = label
                    elif owner[y + dy, x + dx] != label:
                        classes[y + dy, x + dx] = border
