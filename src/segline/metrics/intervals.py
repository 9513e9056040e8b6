"""How far a mean over images can be trusted when images of one group vary together."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Comparison(NamedTuple):
    """Mean paired difference, its 95 % interval, and the share of resamples at or below 0."""

    difference: float
    low: float
    high: float
    share_not_above_zero: float
    n_images: int
    n_groups: int


def clustered_error(values: ArrayLike, groups: ArrayLike) -> float | None:
    """Standard error of the mean of values (n,) whose groups (n,) vary together; None for one group.

    sqrt(G / (G - 1) * sum over the G groups of (sum of deviations)^2) / n. With every value a group
    of its own this is the usual standard error. Source: Cameron and Miller 2015, section II.

    >>> clustered_error([1.0, 2.0, 3.0], ["a", "b", "c"]).__round__(4)
    0.5774
    """
    values = np.asarray(values, float)
    sums = _group_sums(values - values.mean(), groups)
    if len(sums) < 2:
        return None
    return float(np.sqrt(len(sums) / (len(sums) - 1) * (sums**2).sum()) / len(values))


def jackknife_error(
    groups: ArrayLike, estimate: Callable[[NDArray[np.bool_]], float]
) -> float | None:
    """Standard error of a figure that is no mean over images, leaving out one group at a time.

    `estimate` gives it of the rows (n,) bool. None for one group, or where a group alone makes the figure.
    Source: Efron 1982, section 3. Of a mean over groups of one it is `clustered_error`.

    >>> values = np.array([1.0, 2.0, 3.0])
    >>> jackknife_error(["a", "b", "c"], lambda rows: values[rows].mean()).__round__(4)
    0.5774
    """
    names, codes = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    if len(names) < 2:
        return None
    found = np.array([estimate(codes != number) for number in range(len(names))])
    error = np.sqrt((len(names) - 1) / len(names) * ((found - found.mean()) ** 2).sum())
    return float(error) if np.isfinite(error) else None


def paired_bootstrap(
    difference: ArrayLike, groups: ArrayLike, *, n_resamples: int = 10_000, seed: int = 0
) -> Comparison:
    """Resample whole groups of paired differences (n,): is their mean above 0?

    Each resample draws as many groups as there are, with replacement, and averages over the images
    drawn. ValueError for a single group.
    """
    difference = np.asarray(difference, float)
    sums = _group_sums(difference, groups)
    counts = _group_sums(np.ones_like(difference), groups)
    if len(sums) < 2:
        raise ValueError("a bootstrap over groups needs two groups or more")
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(sums), (n_resamples, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    not_above = float((means <= 0).mean())
    return Comparison(
        float(difference.mean()), float(low), float(high), not_above, len(difference), len(sums)
    )


def _group_sums(values: np.ndarray, groups: ArrayLike) -> np.ndarray:
    _, codes = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    return np.bincount(codes, weights=values)
