"""Folds: whole groups, balanced by images, by objects, by modality and by stratum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

MAX_ROUNDS = 1000


def assign(images: pd.DataFrame, *, n_folds: int, seed: int, by: str = "group") -> pd.DataFrame:
    """Give every training image a fold, 0..n_folds - 1.

    `images` has the columns image_id, group, modality, n_objects, and may have split, in which case
    only the rows "train" count. Returns image_id and fold (int) in the order of the rows. Images of
    one group share a fold. Groups are dealt out largest first to where they unbalance least, then
    moved and swapped one at a time as long as that evens out images, objects and modalities
    (sums of squared relative deviations). The same `seed` gives the same folds; another seed
    breaks ties otherwise. ValueError when `n_folds` is below 2 or above the number of groups. With
    `by` another column of names takes the place of `group`, such as `source`.

    Two columns are for semantic sets and may be missing: `stratum` holds words (see `strata`), and
    the images of each word are evened out too; `validation` marks (1) a fixed validation set, which
    becomes fold 0 with whole groups, so that the other images share the folds from 1 on.
    """
    if "split" in images.columns:
        images = images[images["split"] == "train"]
    fold = np.zeros(len(images), np.int64)
    dealt = ~_is_fixed(images, by)
    first = 0 if dealt.all() else 1
    rest = images[dealt]
    codes, groups = pd.factorize(rest[by], sort=True)
    if not 2 <= n_folds <= len(groups) + first:
        raise ValueError(
            f"n_folds is {n_folds}; it must be from 2 to the number of {by}s, {len(groups) + first}"
        )
    loads = _loads(rest, codes, len(groups))
    fold_of = _deal(loads, n_folds - first, np.random.default_rng(seed))
    if n_folds - first > 1:
        _even_out(loads, fold_of, n_folds - first)
    fold[dealt] = fold_of[codes] + first
    return pd.DataFrame({"image_id": images["image_id"].to_numpy(), "fold": fold})


def _is_fixed(images: pd.DataFrame, by: str) -> np.ndarray:
    """(N,) bool: images that have the group (or whatever `by` names) of any of the fixed validation set."""
    if "validation" not in images.columns:
        return np.zeros(len(images), bool)
    return images.groupby(by)["validation"].transform("max").to_numpy(bool)


def strata(pixel_counts: np.ndarray, names: Sequence[str], *, n_bins: int = 5) -> list[str]:
    """The stratum of each image from its pixels by class (N, K), `names` naming the K classes.

    With two classes it is the bin, `share1` up, of the foreground's share among the images that have
    any, by quantiles, or `empty`. With more classes it is the foreground classes present, separated by
    spaces, so that each class, however rare, is evened out over the folds; `empty` if there is none.

    >>> strata(np.array([[9, 1], [5, 5], [10, 0]]), ("background", "iris"), n_bins=2)
    ['share1', 'share2', 'empty']
    >>> strata(np.array([[7, 2, 1], [9, 0, 1]]), ("background", "road", "car"))
    ['road car', 'car']
    """
    if len(names) > 2:
        present = pixel_counts[:, 1:] > 0
        words = [" ".join(np.array(names[1:])[row]) for row in present]
        return [word or "empty" for word in words]
    share = pixel_counts[:, 1] / np.maximum(pixel_counts.sum(axis=1), 1)
    filled = share > 0
    edges = np.quantile(share[filled], np.arange(1, n_bins) / n_bins) if filled.any() else []
    bins = np.searchsorted(edges, share, side="right") + 1
    return [f"share{n}" if some else "empty" for n, some in zip(bins, filled, strict=True)]


def _loads(images: pd.DataFrame, codes: np.ndarray, n_groups: int) -> np.ndarray:
    """(n_groups, n_measures) float64: images, objects, images by modality and by word of the stratum.

    As shares of the whole: plain shares make a rare modality count as much as all images do.
    """
    one_hot = [pd.get_dummies(images["modality"]).to_numpy(np.float64)]
    if "stratum" in images.columns:
        one_hot.append(images["stratum"].str.get_dummies(sep=" ").to_numpy(np.float64))
    ones = np.ones((len(images), 1))
    measures = np.hstack([ones, images[["n_objects"]].to_numpy(np.float64), *one_hot])
    loads = np.zeros((n_groups, measures.shape[1]))
    np.add.at(loads, codes, measures)
    return loads / np.maximum(loads.sum(axis=0), 1)


def _deal(loads: np.ndarray, n_folds: int, rng: np.random.Generator) -> np.ndarray:
    """Deal groups, largest first; each to the fold whose sum of squares then grows least."""
    shuffled = rng.permutation(len(loads))
    order = shuffled[np.argsort(-loads.max(axis=1)[shuffled], kind="stable")]
    fold_of = np.empty(len(loads), np.int64)
    totals = np.zeros((n_folds, loads.shape[1]))
    sizes = np.zeros(n_folds, np.int64)
    for position, group in enumerate(order):
        growth = totals @ loads[group]
        left = len(order) - position
        if left <= np.count_nonzero(sizes == 0):  # no fold may stay empty
            growth[sizes > 0] = np.inf
        fold = int(growth.argmin())
        fold_of[group] = fold
        totals[fold] += loads[group]
        sizes[fold] += 1
    return fold_of


def _even_out(loads: np.ndarray, fold_of: np.ndarray, n_folds: int) -> None:
    """Improve `fold_of` in place by the best single move or swap, until there is none."""
    for _ in range(MAX_ROUNDS):
        totals = np.stack([loads[fold_of == fold].sum(axis=0) for fold in range(n_folds)])
        gain, change = max(_best_move(loads, fold_of, totals), _best_swap(loads, fold_of, totals))
        if gain < 1e-12:
            return
        for group, fold in change:
            fold_of[group] = fold


Change = tuple[tuple[int, int], ...]  # (group, new fold)


def _best_move(loads: np.ndarray, fold_of: np.ndarray, totals: np.ndarray) -> tuple[float, Change]:
    """Largest decrease of the sum of squares by moving one group, and the move."""
    product = loads @ totals.T  # (n_groups, n_folds)
    own = np.take_along_axis(product, fold_of[:, None], axis=1)
    gains = 2 * (own - product - (loads**2).sum(axis=1)[:, None])
    gains[np.arange(len(loads)), fold_of] = 0
    gains[np.bincount(fold_of)[fold_of] == 1] = 0
    group, fold = np.unravel_index(gains.argmax(), gains.shape)
    return float(gains[group, fold]), ((int(group), int(fold)),)


def _best_swap(loads: np.ndarray, fold_of: np.ndarray, totals: np.ndarray) -> tuple[float, Change]:
    """The same for two groups changing places; the second is one of the fullest fold's."""
    spread = ((totals - totals.mean(axis=0)) ** 2).sum(axis=1)
    fullest = int(spread.argmax())
    inside = np.flatnonzero(fold_of == fullest)
    difference = loads[:, None] - loads[inside][None]  # what the fold `fullest` would gain
    pull = (totals[fold_of][:, None] - totals[fullest]) * difference
    gains = 2 * (pull - difference**2).sum(axis=2)
    gains[inside] = 0
    group, other = np.unravel_index(gains.argmax(), gains.shape)
    swap = ((int(group), fullest), (int(inside[other]), int(fold_of[group])))
    return float(gains[group, other]), swap
