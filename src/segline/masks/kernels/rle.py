"""Compiled halves of the RLE codec; `rle.py` wraps them with checks and messages.

Kernels call only kernels of this file, see `_runs.py`.
"""

import numpy as np
from numba import njit

# What `parse` finds wrong; `rle.py` has the words for it.
OK, ODD, NOT_A_NUMBER, BAD_START, BAD_LENGTH, OUTSIDE, UNSORTED, OVERLAPPING = range(8)

NO_NUMBER = -(1 << 62)
_TOO_LARGE = 1 << 50  # larger ones stay so, whatever they are
_SPACE, _MINUS, _ZERO, _NINE = 32, 45, 48, 57


@njit(cache=True, nogil=True)
def _vertical_runs(labels, edges):
    """Runs of equal non-zero label down each column: label, column, first row, length.

    They come in the order of their last rows, since the image is read along rows.
    """
    height, width = labels.shape
    opened = np.zeros(width, np.int32)
    runs = np.empty((edges.size + width, 4), np.int32)
    n = 0
    y = 1
    for e in range(edges.size + width):
        if e < edges.size:
            while edges[e] >= (y + 1) * width:
                y += 1
            x = edges[e] - y * width
        else:
            y = height
            x = e - edges.size
        label = labels[y - 1, x]
        if label != 0:
            runs[n, 0] = label
            runs[n, 1] = x
            runs[n, 2] = opened[x]
            runs[n, 3] = y - opened[x]
            n += 1
        opened[x] = y
    return runs[:n]


@njit(cache=True, nogil=True)
def _counting_order(keys, n_keys):
    """Stable order that sorts small integer keys, and where each key begins in it."""
    first = np.zeros(n_keys + 1, np.int64)
    for key in keys:
        first[key + 1] += 1
    for key in range(n_keys):
        first[key + 1] += first[key]
    place = first.copy()
    order = np.empty(keys.size, np.int64)
    for i in range(keys.size):
        order[place[keys[i]]] = i
        place[keys[i]] += 1
    return order, first


@njit(cache=True, nogil=True)
def label_runs(labels, edges, highest):
    """1-based column-major runs of every label: start, length, and each label's slice of them.

    edges are the positions in the flattened image whose label differs from that of the pixel above.
    Runs end in row order, so a stable sort by column and then by label puts them in RLE order.
    Runs that touch, at the foot of one column and the head of the next, become one.
    """
    height, width = labels.shape
    runs = _vertical_runs(labels, edges)
    by_column, _ = _counting_order(runs[:, 1], width)
    by_label, first = _counting_order(runs[by_column, 0], highest + 1)
    start = np.empty(runs.shape[0], np.int64)
    length = np.empty(runs.shape[0], np.int64)
    slices = np.zeros(highest + 2, np.int64)
    n = 0
    for label in range(highest + 1):
        slices[label] = n
        for i in range(first[label], first[label + 1]):
            run = runs[by_column[by_label[i]]]
            begin = np.int64(run[1]) * height + run[2] + 1
            if n > slices[label] and start[n - 1] + length[n - 1] == begin:
                length[n - 1] += run[3]
            else:
                start[n] = begin
                length[n] = run[3]
                n += 1
    slices[highest + 1] = n
    return start[:n], length[:n], slices


@njit(cache=True, nogil=True)
def _write_number(text, end, number):
    """Write a decimal number and a space at text[end:]; the new end."""
    stop = end + 1
    rest = number
    while rest >= 10:
        rest //= 10
        stop += 1
    text[stop] = _SPACE
    rest = number
    for place in range(stop - 1, end - 1, -1):
        text[place] = _ZERO + rest % 10
        rest //= 10
    return stop + 1


@njit(cache=True, nogil=True)
def write(start, length, slices):
    """ASCII text of all runs, each number followed by a space, and each label's slice of it."""
    digits = 1
    if start.size > 0:
        largest = max(start.max(), length.max())
        while largest >= 10:
            largest //= 10
            digits += 1
    text = np.empty(2 * start.size * (digits + 1), np.uint8)
    ends = np.zeros(slices.size, np.int64)
    end = 0
    for label in range(slices.size - 1):
        ends[label] = end
        for i in range(slices[label], slices[label + 1]):
            end = _write_number(text, end, start[i])
            end = _write_number(text, end, length[i])
    ends[slices.size - 1] = end
    return text[:end], ends


@njit(cache=True, nogil=True)
def _read_number(text, i, end):
    """The number at text[i:end] and where it stops; NO_NUMBER if it is none."""
    number = 0
    negative = text[i] == _MINUS
    if negative:
        i += 1
    good = i < end and text[i] != _SPACE
    while i < end and text[i] != _SPACE:
        if text[i] < _ZERO or text[i] > _NINE:
            good = False
        elif number < _TOO_LARGE:
            number = 10 * number + (text[i] - _ZERO)
        i += 1
    if not good:
        return NO_NUMBER, i
    return (-number if negative else number), i


@njit(cache=True, nogil=True)
def _fault(begin, count, previous_begin, previous_end, n_pixels):
    """What is wrong with a run, given the run before it; ends are exclusive."""
    if begin == NO_NUMBER or count == NO_NUMBER:
        return NOT_A_NUMBER
    if begin < 1:
        return BAD_START
    if count < 1:
        return BAD_LENGTH
    if begin < previous_begin:
        return UNSORTED
    if begin < previous_end:
        return OVERLAPPING
    if begin + count - 1 > n_pixels:
        return OUTSIDE
    return OK


@njit(cache=True, nogil=True)
def _parse_one(text, i, end, n_pixels, start, length, n):
    """Read text[i:end] as runs, the n-th and later; the new n, the fault, and the numbers read."""
    numbers = 0
    begin = 0
    previous_begin = 0
    previous_end = 0
    while True:
        while i < end and text[i] == _SPACE:
            i += 1
        if i == end:
            return n, OK, numbers
        number, i = _read_number(text, i, end)
        numbers += 1
        is_start = numbers % 2 == 1
        while i < end and text[i] == _SPACE:
            i += 1
        if is_start and i == end and number != NO_NUMBER:
            return n, ODD, numbers
        begin = number if is_start else begin
        count = 1 if is_start else number
        fault = _fault(begin, count, previous_begin, previous_end, n_pixels)
        if fault != OK:
            return n, fault, numbers
        if not is_start:
            start[n] = begin
            length[n] = count
            n += 1
            previous_begin = begin
            previous_end = begin + count


@njit(cache=True, nogil=True)
def parse(text, ends, n_pixels):
    """Read the strings text[ends[i]:ends[i + 1]] as runs in images of n_pixels[i].

    Returns start, length, each string's slice of the runs, and the first fault as
    (fault, string, number within the string); fault is OK when all is well.
    """
    n_strings = ends.size - 1
    start = np.empty(text.size // 4 + n_strings + 1, np.int64)
    length = np.empty(start.size, np.int64)
    slices = np.zeros(n_strings + 1, np.int64)
    n = 0
    for string in range(n_strings):
        begin, end = ends[string], ends[string + 1]
        limit = n_pixels[string]
        n, fault, numbers = _parse_one(text, begin, end, limit, start, length, n)
        if fault != OK:
            return start, length, slices, (fault, string, numbers)
        slices[string + 1] = n
    return start[:n], length[:n], slices, (OK, 0, 0)


@njit(cache=True, nogil=True)
def read_numbers(text):
    """All numbers of a text; of the first that is none it says NO_NUMBER and ends there."""
    numbers = np.empty(text.size // 2 + 1, np.int64)
    n = 0
    i = 0
    while True:
        while i < text.size and text[i] == _SPACE:
            i += 1
        if i == text.size:
            return numbers[:n]
        numbers[n], i = _read_number(text, i, text.size)
        n += 1
        if numbers[n - 1] == NO_NUMBER:
            return numbers[:n]


@njit(cache=True, nogil=True)
def paint(start, length, slices, height, width, strict):
    """Label image 1..n of the runs. Where objects overlap the smaller keeps the pixel.

    Also returns, if `strict`, the first overlap as (object, earlier object, row, column);
    (-1, -1, -1, -1) without one.
    """
    labels = np.zeros((height, width), np.int32)
    n_objects = slices.size - 1
    area = np.zeros(n_objects + 1, np.int64)
    for i in range(n_objects):
        area[i + 1] = length[slices[i] : slices[i + 1]].sum()
        for run in range(slices[i], slices[i + 1]):
            x, y = divmod(start[run] - 1, height)
            for _ in range(length[run]):
                owner = labels[y, x]
                if owner != 0 and strict:
                    return labels, (i, owner - 1, y, x)
                if owner == 0 or area[owner] > area[i + 1]:
                    labels[y, x] = i + 1
                y += 1
                if y == height:
                    y = 0
                    x += 1
    return labels, (-1, -1, -1, -1)


@njit(cache=True, nogil=True)
def claimed_twice(start, length, height, width):
    """Number of pixels that more than one run covers."""
    claims = np.zeros(height * width + 1, np.uint8)
    count = 0
    for run in range(start.size):
        for pixel in range(start[run], start[run] + length[run]):
            if claims[pixel] == 1:
                count += 1
            if claims[pixel] < 2:
                claims[pixel] += 1
    return count
