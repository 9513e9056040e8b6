"""Is it the label or the model? Evidence against an image's labels from maps that never saw it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import ndimage

from segline import metrics

SURE = 0.6  # share of IoU thresholds that a found object promises to pass
EMPTY = 0.15  # mean foreground probability over a labelled object that shows nothing
SHARE, COUNT = 0.25, 3  # an image is suspect from this share and number of doubtful objects on


def evidence(
    truth: np.ndarray, probs: np.ndarray, found: np.ndarray, promised: np.ndarray
) -> dict[str, float]:
    """Count the objects over which labels and a confident map contradict each other.

    `truth` and `found` are label images (H, W), `probs` the map (H, W, 3 or 4) uint8 and `promised` (n,)
    the share of IoU thresholds that each found object is expected to pass. `unlabelled` are objects
    that promise much where no label is, `empty` labelled ones where the map sees background, `merged`
    labels that cover two or more objects that promise much.
    """
    counts = metrics.overlap(truth, found)
    true_ids, found_ids, shared = counts.pairs
    covered = np.zeros(len(counts.pred_sizes))
    np.add.at(covered, found_ids, shared)
    sure = np.concatenate([[False], promised >= SURE])
    unlabelled = sure & (covered < 0.1 * np.maximum(counts.pred_sizes, 1))
    inside = shared > 0.75 * counts.pred_sizes[found_ids]
    parts = np.bincount(true_ids[inside & sure[found_ids]], minlength=len(counts.true_sizes))
    foreground = 1 - probs[..., 0] / 255
    seen = ndimage.mean(foreground, truth, np.arange(1, len(counts.true_sizes)))
    return {
        "n_true": counts.n_true,
        "n_found": counts.n_pred,
        "unlabelled": int(unlabelled.sum()),
        "empty": int(np.sum(np.asarray(seen) < EMPTY)),
        "merged": int((parts[1:] >= 2).sum()),
    }


def suspect(table: pd.DataFrame) -> np.ndarray:
    """The rule, (N,) bool: doubtful objects are many, and a good share of those there are."""
    doubtful = table["unlabelled"] + table["empty"] + table["merged"]
    objects = np.maximum(table["n_true"] + table["unlabelled"], 1)
    return ((doubtful >= COUNT) & (doubtful / objects >= SHARE)).to_numpy()
