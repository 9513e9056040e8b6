"""Compiled overlap counting and match counting for `metrics.py`.

Kernels call only kernels of this file, see `_runs.py`.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _slot(keys, key):
    """Where `key` lies, or belongs, in an open-addressing table; -1 marks a free place.

    Multiplicative hashing: the upper bits of the product with 2^64 / golden ratio.
    """
    mask = keys.size - 1
    mixed = np.uint64(key ^ (key >> 32)) * np.uint64(0x9E3779B97F4A7C15)
    i = np.int64(mixed >> np.uint64(32)) & mask
    while keys[i] != -1 and keys[i] != key:
        i = (i + 1) & mask
    return i


@njit(cache=True, nogil=True)
def _rehashed(keys, values):
    more_keys = np.full(2 * keys.size, -1, np.int64)
    more_values = np.zeros(2 * keys.size, np.int64)
    for i in range(keys.size):
        if keys[i] != -1:
            j = _slot(more_keys, keys[i])
            more_keys[j] = keys[i]
            more_values[j] = values[i]
    return more_keys, more_values


@njit(cache=True, nogil=True)
def _counted(true, pred, edges, e, true_sizes, pred_sizes, keys, pixels, n):
    """Count runs from the e-th on, until they end or the table is half full."""
    n_runs = edges.size + 1
    begin = edges[e - 1] if e > 0 else 0
    while e < n_runs and 2 * n < keys.size:
        end = edges[e] if e < edges.size else true.size
        t = np.uint32(true[begin])
        p = np.uint32(pred[begin])
        true_sizes[t] += end - begin
        pred_sizes[p] += end - begin
        if t != 0 and p != 0:
            key = (np.int64(t) << 32) | np.int64(p)
            i = _slot(keys, key)
            if keys[i] == -1:
                keys[i] = key
                n += 1
            pixels[i] += end - begin
        begin = end
        e += 1
    return e, n


@njit(cache=True, nogil=True)
def overlap(true, pred, edges, true_max, pred_max):
    """Sizes of all labels and the pixels of every pair that shares some, in one pass over runs.

    true and pred are flattened images, edges the positions at which either changes. The pairs live
    in a hash table that grows with their number, not with the product of the label counts. Returns
    true_sizes, pred_sizes, and true label, pred label, pixels of each pair.
    """
    true_sizes = np.zeros(true_max + 1, np.int64)
    pred_sizes = np.zeros(pred_max + 1, np.int64)
    keys = np.full(256, -1, np.int64)
    pixels = np.zeros(256, np.int64)
    e = 0
    n = 0
    while true.size > 0 and e <= edges.size:
        e, n = _counted(true, pred, edges, e, true_sizes, pred_sizes, keys, pixels, n)
        if 2 * n >= keys.size:
            keys, pixels = _rehashed(keys, pixels)
    return true_sizes, pred_sizes, _listed(keys, pixels, n)


@njit(cache=True, nogil=True)
def overlap_of_runs(true, pred, n_true, n_pred):
    """The same of runs (3, n), start, length and label, that ascend and are apart; sizes[0] stays 0."""
    true_sizes = np.zeros(n_true + 1, np.int64)
    pred_sizes = np.zeros(n_pred + 1, np.int64)
    for k in range(true.shape[1]):
        true_sizes[true[2, k]] += true[1, k]
    for k in range(pred.shape[1]):
        pred_sizes[pred[2, k]] += pred[1, k]
    keys = np.full(256, -1, np.int64)
    pixels = np.zeros(256, np.int64)
    n = 0
    first = 0
    for k in range(true.shape[1]):
        begin = true[0, k]
        end = begin + true[1, k]
        while first < pred.shape[1] and pred[0, first] + pred[1, first] <= begin:
            first += 1
        other = first
        while other < pred.shape[1] and pred[0, other] < end:
            key = (true[2, k] << 32) | pred[2, other]
            i = _slot(keys, key)
            if keys[i] == -1:
                keys[i] = key
                n += 1
            pixels[i] += min(end, pred[0, other] + pred[1, other]) - max(begin, pred[0, other])
            other += 1
            if 2 * n >= keys.size:
                keys, pixels = _rehashed(keys, pixels)
    return true_sizes, pred_sizes, _listed(keys, pixels, n)


@njit(cache=True, nogil=True)
def _listed(keys, pixels, n):
    """The table's entries as (3, n): true label, predicted label, pixels."""
    pairs = np.empty((3, n), np.int64)
    n = 0
    for i in range(keys.size):
        if keys[i] != -1:
            pairs[0, n] = keys[i] >> 32
            pairs[1, n] = keys[i] & 0xFFFFFFFF
            pairs[2, n] = pixels[i]
            n += 1
    return pairs


@njit(cache=True, nogil=True)
def matches(true_sizes, pred_sizes, pairs, numerators, denominators):
    """Pairs whose IoU exceeds numerator/denominator, for each threshold, in integers."""
    counts = np.zeros(numerators.size, np.int64)
    for i in range(pairs.shape[1]):
        shared = pairs[2, i]
        union = true_sizes[pairs[0, i]] + pred_sizes[pairs[1, i]] - shared
        for k in range(numerators.size):
            if denominators[k] * shared > numerators[k] * union:
                counts[k] += 1
    return counts
