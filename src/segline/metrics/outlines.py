"""How well outlines agree: boundary F1 of an image's objects, Hausdorff distance of those that match."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segline.metrics import instances

TOLERANCE_PX = 2.0


def boundary_f1(true: ArrayLike, pred: ArrayLike, *, tolerance_px: float = TOLERANCE_PX) -> float:
    """F1 of the objects' inner boundary pixels that have one of the other image nearby, in 0..1.

    true and pred are label images (H, W) as in `instances.overlap`. An object ends at the image's edge as
    well. Nothing in both scores 1, in one 0.
    Source: Csurka 2013, "What is a good evaluation measure for semantic segmentation?".

    >>> boundary_f1([[1, 0, 0, 0, 0]], [[0, 0, 0, 2, 0]])
    0.0
    """
    from scipy.ndimage import distance_transform_edt

    a, b = _boundary(true), _boundary(pred)
    if not a.any() or not b.any():
        return float(not a.any() and not b.any())
    recall, precision = (
        (distance_transform_edt(~there)[here] <= tolerance_px).mean()
        for here, there in ((a, b), (b, a))
    )
    whole = precision + recall
    return float(2 * precision * recall / whole) if whole else 0.0


def _boundary(labels: ArrayLike) -> NDArray[np.bool_]:
    from skimage.segmentation import find_boundaries

    array = np.asarray(labels)
    whole = find_boundaries(np.pad(array, 1), connectivity=1, mode="inner")
    return whole[1:-1, 1:-1]


def matched_hausdorff_px(
    true: ArrayLike, pred: ArrayLike, *, threshold: float = 0.5
) -> NDArray[np.float64]:
    """Hausdorff distance in px of each pair of objects that match, (n_matches,).

    That is the largest distance from a pixel of either object to the nearest of the other. `threshold` of
    IoU as in `instances.true_ious`.

    >>> matched_hausdorff_px([[1, 1, 1, 1]], [[1, 1, 1, 0]])
    array([1.])
    """
    from scipy.ndimage import distance_transform_edt, find_objects

    truth, guess = np.asarray(true), np.asarray(pred)
    counts = instances.overlap(truth, guess)
    boxes = find_objects(truth), find_objects(guess)
    found = []
    for a, b, _ in instances.matches(counts, threshold).T:
        box = tuple(
            slice(min(one.start, two.start), max(one.stop, two.stop))
            for one, two in zip(boxes[0][a - 1], boxes[1][b - 1], strict=True)
        )
        pair = truth[box] == a, guess[box] == b
        far = [distance_transform_edt(~there)[here].max() for here, there in (pair, pair[::-1])]
        found.append(max(far))
    return np.array(found, np.float64)
