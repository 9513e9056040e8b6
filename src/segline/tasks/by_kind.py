"""What instances of several classes are scored by beside the rest: a column and a line a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich.table import Table

from segline.data import object_kinds
from segline.metrics import detections, instances
from segline.metrics.intervals import clustered_error, jackknife_error
from segline.metrics.kinds import only
from segline.objects.judge import Judge, Names


class Judged(NamedTuple):
    """One image by the G groups of classes that are scored."""

    columns: dict[
        str, float
    ]  # of scores.csv: each class' mAP, nan where it is neither true nor found
    kept: np.ndarray  # (G, ...), what the judge needs
    right: list[np.ndarray]  # whether each object of a group is right
    sure: list[np.ndarray]  # and how sure it is
    n_true: list[int]


def column(name: str) -> str:
    """The column of scores.csv with a class' mAP."""
    return f"class_{name}_ap"


def judged(
    truth: np.ndarray,
    names: Names,
    found: np.ndarray,
    kinds: np.ndarray,
    confidences: np.ndarray,
    judge: Judge,
) -> Judged:
    """True and found label images (H, W) with the classes of their objects."""
    true_kinds = object_kinds.numbers(names, judge.classes)[1:]

    def pair(group: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        return only(truth, true_kinds, group), only(found, kinds, group)

    columns = {}
    for number, name in enumerate(judge.classes, start=1):
        images = pair((number,))
        there = any(map(np.any, images))
        columns[column(name)] = instances.map_iou(*images) if there else np.nan
    return Judged(
        columns,
        judge.kept(truth, names, found, kinds),
        [detections.matched(*pair(group)) for group in judge.groups],
        [confidences[np.isin(kinds, group)] for group in judge.groups],
        [int(np.isin(true_kinds, group).sum()) for group in judge.groups],
    )


def summarised(rows: pd.DataFrame, images: Sequence[Judged], judge: Judge) -> dict[str, Any]:
    """For cv.json: means by class, and the metric over the groups that are scored."""
    by_class = {name: _mean(rows, name) for name in judge.classes}
    means = [part["mean"] for part in by_class.values() if part["mean"] is not None]

    def of(chosen: np.ndarray) -> float:
        some = [each for each, use in zip(images, chosen, strict=True) if use]
        if judge.metric.of is None:
            return _average_precision(some)
        return float(judge.joined([each.kept for each in some]))

    return {
        "per_class": by_class,
        "class_mean": float(np.mean(means)) if means else None,
        "metric": judge.metric.name,
        "metric_mean": of(np.ones(len(rows), bool)),
        "metric_error": jackknife_error(rows["group"], of),
        "empty_mean": _of_nothing(np.array([each.n_true for each in images]), judge),
    }


def _mean(rows: pd.DataFrame, name: str) -> dict[str, Any]:
    part = rows[rows[column(name)].notna()]
    values = part[column(name)]
    return {
        "mean": float(values.mean()) if len(part) else None,
        "standard_error": clustered_error(values, part["group"]) if len(part) else None,
        "n_images": len(part),
    }


def _average_precision(images: Sequence[Judged]) -> float:
    """The mean over groups of average precision, without those that have no true object anywhere."""
    n_true = np.sum([each.n_true for each in images], axis=0)
    alone = len(n_true) == 1
    values = [
        detections.average_precision(
            np.concatenate([each.right[group] for each in images]),
            np.concatenate([each.sure[group] for each in images]),
            int(n),
        )
        for group, n in enumerate(n_true)
        if n or alone
    ]
    return float(np.mean(values)) if values else 1.0


def _of_nothing(n_true: np.ndarray, judge: Judge) -> float:
    """The metric of a submission without any object, from the true ones (N, G)."""
    if judge.metric.of is not None and n_true.shape[1] == 1:
        return float((n_true == 0).mean())
    return float(not n_true.any())


def some_scored(summary: Mapping[str, Any]) -> bool:
    """Whether the score is another than the mean of classes: some are not scored, or not told apart."""
    mean = summary.get("class_mean")
    return mean is not None and not np.isclose(mean, summary["metric_mean"])


def add_rows(table: Table, summary: Mapping[str, Any], *, n_columns: int) -> None:
    """A line a class and their mean, in a table with so many columns."""
    blank = [""] * (n_columns - 4)
    table.add_section()
    for name, part in summary["per_class"].items():
        value, error = part["mean"], part["standard_error"]
        shown = ["-" if value is None else f"{value:.4f}", "-" if error is None else f"{error:.3f}"]
        table.add_row(f"class {name}", str(part["n_images"]), *shown, *blank)
    value = summary["class_mean"]
    table.add_row("mean of classes", "", "-" if value is None else f"{value:.4f}", "", *blank)
    table.add_section()
