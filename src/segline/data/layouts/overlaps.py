"""What is noted of masks that overlap, whatever layout they come from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segline.data.layouts import Record
from segline.masks import labels


def tidied(
    record: Record,
    found: np.ndarray,
    *,
    n_masks: int,
    overlap_px: int,
    kinds: Sequence[int] = (),
) -> np.ndarray:
    """The label image (H, W) as 1..n without gaps; notes what overlaps, and how many masks are hidden.

    `found` has the number of each mask; `kinds` are the classes of the masks, if they have any: the record
    gets those of the objects that are left.
    """
    if overlap_px:
        record.note("overlapping masks", f"{overlap_px} px, given to the smaller object")
    left = np.flatnonzero(labels.sizes(found)[1:])
    hidden = n_masks - len(left)
    if hidden:
        record.note("mask hidden by others", f"{hidden} masks have no pixel left")
    if len(kinds):
        record.kinds = np.asarray(kinds)[left]
    return labels.relabel(found)
