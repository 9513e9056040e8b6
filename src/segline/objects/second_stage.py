"""The second stage: measures of found objects, and a regressor of how well each one matches.

Idea: the winner of the 2018 Data Science Bowl (selimsef) dropped objects whose predicted IoU was low.
Here the regressor predicts the share of the ten IoU thresholds that an object passes, which is what
it adds to an image's true positives; objects below a cutoff are dropped, and of several
segmentations of one region the one whose objects promise most is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.measure import regionprops_table
from sklearn.ensemble import HistGradientBoostingRegressor

from segline.masks import labels as label_images
from segline.masks.targets import Channel
from segline.metrics import instances
from segline.objects.forest import Forest

SHAPE = ("area", "eccentricity", "solidity", "extent", "axis_major_length", "axis_minor_length")


def measure(
    labels: np.ndarray, probs: np.ndarray, *, elsewhere: np.ndarray | None = None
) -> pd.DataFrame:
    """Features of the objects 1..n of a label image (H, W), a row each in the order of labels.

    `probs` is the map (H, W, 3 or 4) uint8 the objects were found on. Shape in px; mean, least and
    largest probability inside and mean in the one-pixel rim outside; share of the outline that
    touches other objects; the object among the image's others; and the mean inside of `elsewhere` (H, W)
    float, the foreground probability in other views, where there are some.
    """
    labels = label_images.relabel(labels)
    n = int(labels.max(initial=0))
    if not n:
        return pd.DataFrame()
    table = pd.DataFrame(regionprops_table(labels, properties=SHAPE))
    index = np.arange(1, n + 1)
    for channel in list(Channel)[: probs.shape[2]]:
        name, values = channel.name.lower(), probs[..., channel].astype(np.float32) / 255
        table[f"{name}_mean"] = ndimage.mean(values, labels, index)
        table[f"{name}_low"], table[f"{name}_high"] = ndimage.extrema(values, labels, index)[:2]
    table = table.join(_surroundings(labels, probs, n))
    table = table.join(_context(table, labels))
    if elsewhere is not None:
        table["elsewhere"] = ndimage.mean(elsewhere, labels, index)
    return table.astype(np.float32)


def _surroundings(labels: np.ndarray, probs: np.ndarray, n: int) -> pd.DataFrame:
    """An object's edge: its length, its shares at other objects and the image's edge, what lies beyond."""
    sides = []
    padded = np.pad(labels, 1, constant_values=-1)
    background = np.pad(probs[..., Channel.BACKGROUND].astype(np.float64) / 255, 1)
    inner = np.s_[1:-1, 1:-1]
    for shift in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        neighbour = np.roll(padded, shift, axis=(0, 1))[inner]
        beyond = np.roll(background, shift, axis=(0, 1))[inner]
        edge = (labels > 0) & (neighbour != labels)
        own, other = labels[edge], neighbour[edge]
        sides.append(
            [
                np.bincount(own, minlength=n + 1),
                np.bincount(own, weights=other > 0, minlength=n + 1),
                np.bincount(own, weights=other < 0, minlength=n + 1),
                np.bincount(own, weights=beyond[edge] * (other >= 0), minlength=n + 1),
            ]
        )
    length, touching, at_image, outside = np.sum(sides, axis=0)[:, 1:]
    length = np.maximum(length, 1)
    return pd.DataFrame(
        {
            "edge_px": length,
            "touching_share": touching / length,
            "image_edge_share": at_image / length,
            "background_outside": outside / np.maximum(length - at_image, 1),
        }
    )


def _context(table: pd.DataFrame, labels: np.ndarray) -> pd.DataFrame:
    """The image's objects as a crowd: how many, how large, how dense, and this one against them."""
    area = table["area"]
    return pd.DataFrame(
        {
            "roundness": 4 * np.pi * area / table["edge_px"] ** 2,
            "n_objects": float(len(table)),
            "median_area": area.median(),
            "area_ratio": area / area.median(),
            "covered": np.count_nonzero(labels) / labels.size,
            "image_body": table["body_mean"].mean(),
        },
        index=table.index,
    )


def shares_passed(true: np.ndarray, pred: np.ndarray) -> np.ndarray:
    """For each predicted object 1..n the share of the ten IoU thresholds it passes, (n,) float."""
    counts = instances.overlap(true, pred)
    a, b, shared = counts.pairs
    union = counts.true_sizes[a] + counts.pred_sizes[b] - shared
    passed = np.zeros(len(counts.pred_sizes))
    for step in range(10, 20):
        passed[np.unique(b[20 * shared > step * union])] += 0.1
    return passed[1:]


def fit(features: pd.DataFrame, shares: np.ndarray, *, seed: int = 0) -> Forest:
    """Gradient boosting from features to the share of thresholds passed, squared error."""
    model = HistGradientBoostingRegressor(
        max_iter=200,
        learning_rate=0.05,
        max_leaf_nodes=15,
        min_samples_leaf=int(np.clip(len(shares) // 100, 5, 40)),
        l2_regularization=1.0,
        random_state=seed,
    )
    return Forest.of(model.fit(features, shares))


def choose(
    candidates: Sequence[np.ndarray],
    promised: Sequence[np.ndarray],
    *,
    cutoff: float,
    trust: Sequence[float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """One label image (H, W) int32 from several segmentations of one image, and its objects' promises (n,).

    `promised[k]` (n_k,) is what each object of `candidates[k]` is expected to add. In each connected
    region of the union the candidate with the largest sum of (promised - cutoff) over its objects above
    the cutoff, times `trust[k]` (1 unless given), wins, the first of equals; objects at or below the cutoff
    are dropped.
    """
    covered = np.any([candidate > 0 for candidate in candidates], axis=0)
    regions, n_regions = ndimage.label(covered)
    gains = [
        factor * _gain_by_region(candidate, worth - cutoff, regions, n_regions)
        for candidate, worth, factor in zip(
            candidates, promised, trust or [1.0] * len(candidates), strict=True
        )
    ]
    winner = np.argmax(gains, axis=0)
    chosen = np.zeros(covered.shape, np.int64)
    offset = 0
    for k, (candidate, worth) in enumerate(zip(candidates, promised, strict=True)):
        kept = np.concatenate([[False], worth > cutoff])[candidate]
        here = kept & (winner[regions] == k)
        chosen[here] = candidate[here] + offset
        offset += len(worth)
    kept = np.unique(chosen[chosen > 0])  # relabelled in ascending order
    return label_images.relabel(chosen), np.concatenate(promised)[kept - 1]


def _gain_by_region(
    candidate: np.ndarray, gain: np.ndarray, regions: np.ndarray, n_regions: int
) -> np.ndarray:
    """Sum of positive gains of a candidate's objects in each region, (n_regions + 1,)."""
    region_of = np.zeros(len(gain) + 1, np.int64)
    region_of[candidate.ravel()] = regions.ravel()
    return np.bincount(region_of[1:], weights=np.maximum(gain, 0), minlength=n_regions + 1)
