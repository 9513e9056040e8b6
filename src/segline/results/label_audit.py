"""Is it the label or the model? What objects promise and what an image's labels say of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from segline.objects import second_stage

SHORT = 0.2  # share of IoU thresholds that an image's objects may on average fall short of their promise
COUNT = 3  # objects from which on such a mean says something


def evidence(truth: np.ndarray, found: np.ndarray, promised: np.ndarray) -> dict[str, float]:
    """Means over an image's found objects of the share of IoU thresholds promised and passed.

    `truth` and `found` are label images (H, W), `promised` (n,) the shares that the second stage expects
    of the found objects. Over many images both means agree; where the objects of one image fall far short,
    its labels differ from all others: outlines too wide, nuclei in shards, without a label or merged.
    Without objects both are 0.
    """
    passed = second_stage.shares_passed(truth, found)
    n_found = len(promised)
    return {
        "n_found": n_found,
        "promised": float(promised.mean()) if n_found else 0.0,
        "passed": float(passed.mean()) if n_found else 0.0,
    }


def suspect(table: pd.DataFrame) -> np.ndarray:
    """The rule, (N,) bool, from the columns of `evidence`: enough objects that fall short by too much."""
    short = table["promised"] - table["passed"]
    return ((table["n_found"] >= COUNT) & (short >= SHORT)).to_numpy()
