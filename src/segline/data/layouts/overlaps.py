"""What is noted of masks that overlap, whatever layout they come from."""

from __future__ import annotations

import numpy as np

from segline.data.layouts import Record
from segline.masks import labels


def tidied(record: Record, found: np.ndarray, *, n_masks: int, overlap_px: int) -> np.ndarray:
    """The label image (H, W) as 1..n without gaps; notes what overlaps, and how many masks are hidden."""
    if overlap_px:
        record.note("overlapping masks", f"{overlap_px} px, given to the smaller object")
    hidden = n_masks - np.count_nonzero(labels.sizes(found)[1:])
    if hidden:
        record.note("mask hidden by others", f"{hidden} masks have no pixel left")
    return labels.relabel(found)
