"""Compiled last steps of `targets.py`, from squared distances to what the network learns.

Kernels call only kernels of this file, see `_runs.py`.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def classes_by_distance(labels, squared, limit):
    """0 background, 2 where the squared distance is at most limit[label], else 1."""
    classes = np.zeros(labels.shape, np.uint8)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            label = labels[y, x]
            if label != 0:
                classes[y, x] = 2 if squared[y, x] <= limit[label] else 1
    return classes


@njit(cache=True, nogil=True)
def share_of_largest(labels, squared, highest):
    """Distance over the largest of its label, float32, 0 in the background."""
    largest = np.zeros(highest + 1, np.int32)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            label = labels[y, x]
            largest[label] = max(largest[label], squared[y, x])
    share = np.zeros(labels.shape, np.float32)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            if labels[y, x] != 0:
                share[y, x] = np.sqrt(squared[y, x] / largest[labels[y, x]])
    return share


@njit(cache=True, nogil=True)
def signed_root(labels, squared, far, limit):
    """Root of the squared distance, `limit` at most and where it is `far`, negative outside."""
    signed = np.empty(labels.shape, np.float32)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            away = limit if squared[y, x] == far else min(np.sqrt(squared[y, x]), limit)
            signed[y, x] = away if labels[y, x] != 0 else -away
    return signed
