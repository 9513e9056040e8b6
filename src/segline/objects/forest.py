"""Gradient-boosted trees as plain arrays: no pickle, and the same answer in any library version."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor


class Forest(NamedTuple):
    """The sum of regression trees on named features; fields are what is stored.

    A node n of all trees together sends a row left if its value of `feature[n]` is at most
    `threshold[n]`, or is missing and `missing_left[n]`; `left[n]` and `right[n]` are -1 at a leaf, which
    adds `value[n]`. `roots` has each tree's first node, `names` the features' names in order.
    """

    names: np.ndarray  # (F,) str
    baseline: np.ndarray  # () float64
    roots: np.ndarray  # (T,) int32
    feature: np.ndarray  # (n,) int32
    threshold: np.ndarray  # (n,) float64
    missing_left: np.ndarray  # (n,) bool
    left: np.ndarray  # (n,) int32
    right: np.ndarray  # (n,) int32
    value: np.ndarray  # (n,) float64

    @classmethod
    def of(cls, model: HistGradientBoostingRegressor) -> Self:
        """The trees of a model fitted on a table of numbers."""
        trees = [stage[0].nodes for stage in model._predictors]
        sizes = [len(nodes) for nodes in trees]
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)
        nodes = np.concatenate(trees)
        inner = ~nodes["is_leaf"].astype(bool)
        shift = np.repeat(roots, sizes)
        return cls(
            names=np.array(model.feature_names_in_, dtype=str),
            baseline=np.array(model._baseline_prediction.item(), np.float64),
            roots=roots,
            feature=nodes["feature_idx"].astype(np.int32),
            threshold=nodes["num_threshold"].astype(np.float64),
            missing_left=nodes["missing_go_to_left"].astype(bool),
            left=np.where(inner, nodes["left"] + shift, -1).astype(np.int32),
            right=np.where(inner, nodes["right"] + shift, -1).astype(np.int32),
            value=nodes["value"].astype(np.float64),
        )

    def predict(self, features: pd.DataFrame) -> np.ndarray:
        """The trees' sum for each row, (n,) float64; columns beyond `names` are left out."""
        table = features[list(self.names)].to_numpy(np.float64)
        rows = np.arange(len(table))[:, None]
        node = np.broadcast_to(self.roots, (len(table), len(self.roots))).copy()
        while (inner := self.left[node] >= 0).any():
            seen = table[rows, self.feature[node]]
            goes_left = np.where(
                np.isnan(seen), self.missing_left[node], seen <= self.threshold[node]
            )
            child = np.where(goes_left, self.left[node], self.right[node])
            node = np.where(inner, child, node)
        return self.baseline + self.value[node].sum(axis=1)
