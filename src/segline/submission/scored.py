"""A submission in a competition's own way, scored by the competition's metric.

The solution has the columns of the submission or of the training table, with `Height,Width` where images
differ from `size` and no table of images is given, and `Usage`, where rows marked `Ignored` do not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from segline.base.errors import UserError
from segline.config.tables.dialect import Coding, Dialect
from segline.masks import codecs, resize
from segline.metrics import detections, objectives, semantic, volumes
from segline.metrics.kinds import ByKind
from segline.submission import instances, rows
from segline.submission.dialect import Key, Shapes, check_rows, decode, name
from segline.submission.rows import Row

SIDES = ({"height", "img_height", "image_height"}, {"width", "img_width", "image_width"})


@dataclass(frozen=True)
class Solution:
    """The truth: texts by image and class, how they are written, and the size of each image's masks."""

    path: Path
    texts: Mapping[Key, list[str]]
    coding: Coding
    shapes: Shapes
    image_ids: tuple[str, ...]
    ignored: frozenset[str]
    spelt: Mapping[str, str]  # each image's id as it is written there


def score(
    path: Path, solution_path: Path, dialect: Dialect, shapes: Shapes | None = None
) -> dict[str, Any]:
    """The figures of a submission: `metric`, `mean`, `empty_mean` of one without any mask, and more.

    `per_image` and `per_class` are there where the metric is a mean over images. UserError for a row that
    is missing, foreign, repeated or no mask, for objects that overlap, and for a size that is not known.
    """
    solution = read_solution(solution_path, dialect, shapes)
    found = rows.of(rows.read(path), dialect.submitted, dialect, path)
    found = [row for row in found if row.image_id not in solution.ignored]
    solution = _with_unlisted(solution, found, dialect)
    _check_spelling(found, solution, dialect, path)
    _check_keys(found, solution, dialect, path)
    if dialect.rows == "object":
        return _objects(path, found, solution, dialect)
    return _classes(path, found, solution, dialect)


def read_solution(path: Path, dialect: Dialect, shapes: Shapes | None = None) -> Solution:
    """The truth of a CSV; UserError where columns or sizes are lacking."""
    table = rows.read(path)
    ways = [(dialect.submitted, dialect.written_coding), (dialect.columns, dialect)]
    there = [way for way in ways if any(set(c.needed) <= set(table.columns) for c in way[0])]
    if not there:
        rows.columns_of(table, [*dialect.submitted, *dialect.columns], path)
    columns, coding = there[0]
    with_usage = "Usage" in table
    is_ignored = instances.is_ignored(table, path) if with_usage else np.zeros(len(table), bool)
    ignored = {row.image_id for row in rows.of(table[is_ignored], columns, dialect, path)}
    listed = rows.of(table, columns, dialect, path)
    given = _given_sizes(table, listed, path) or dict(shapes or {})
    listed = [row for row in listed if row.image_id not in ignored]
    if not listed:
        raise UserError(f"{path}: no image that counts (all are Ignored, or the file is empty)")
    texts: dict[Key, list[str]] = {}
    for row in listed:
        masks = texts.setdefault((row.image_id, row.number), [])
        joined = dialect.joined and columns == dialect.submitted
        masks += (rows.apart(row.text, dialect) if joined else [row.text]) if row.text else []
    image_ids = tuple(dict.fromkeys(row.image_id for row in listed))
    sizes = _sizes(path, texts, coding, given, dialect)
    spelt = {row.image_id: row.written for row in listed}
    return Solution(path, texts, coding, sizes, image_ids, frozenset(ignored), spelt)


def _given_sizes(table: pd.DataFrame, listed: Sequence[Row], path: Path) -> dict:
    """Height and width of each image from columns of the table; empty without such."""
    names = [next((c for c in table.columns if c.lower() in side), None) for side in SIDES]
    if None in names or len(listed) != len(table):
        return {}
    return {
        row.image_id: instances.shape(row.image_id, height, width, path)
        for row, (height, width) in zip(listed, table[names].to_numpy(), strict=True)
    }


def _sizes(
    path: Path, texts: Mapping[Key, list[str]], coding: Coding, given: Shapes, dialect: Dialect
) -> Shapes:
    """The size of the masks of each image that the solution is written in.

    Where the submission has a size of its own, the solution may have that or the images'.
    """
    if dialect.size and not _beyond(texts, coding, dialect.size):
        return dict.fromkeys((image_id for image_id, _ in texts), dialect.size)
    unknown = next((image_id for image_id, _ in texts if image_id not in given), None)
    if unknown is not None:
        raise UserError(
            f"{path}: the size of image {unknown} is not known; add columns Height,Width, or give "
            f"--images images.csv with that image"
        )
    return given


def _beyond(texts: Mapping[Key, list[str]], coding: Coding, shape: tuple[int, int]) -> bool:
    """Whether some mask has pixels beyond an image of that shape."""
    try:
        ends = [codecs.runs(text, shape, coding) for masks in texts.values() for text in masks]
    except ValueError:
        return False  # which is told when it is decoded
    return any(int((s + n).max(initial=0)) > shape[0] * shape[1] for s, n in ends)


def _with_unlisted(solution: Solution, found: Sequence[Row], dialect: Dialect) -> Solution:
    """The solution with those images of the submission that have no row since they hold nothing."""
    if dialect.unlisted != "empty":
        return solution
    sizes = set(solution.shapes.values())
    usual = next(iter(sizes)) if len(sizes) == 1 else None
    absent = dict.fromkeys(row.image_id for row in found if row.image_id not in solution.image_ids)
    more = {i: shape for i in absent if (shape := solution.shapes.get(i, usual))}
    return replace(
        solution,
        shapes={**solution.shapes, **more},
        image_ids=(*solution.image_ids, *more),
    )


def _check_spelling(found: Sequence[Row], solution: Solution, dialect: Dialect, path: Path) -> None:
    """Refuse an id that is written neither as in the solution nor as the dialect's samples have it."""
    for row in found:
        spelt = solution.spelt.get(row.image_id, row.written)
        if row.written not in (spelt, row.image_id + dialect.ending if dialect.ending else spelt):
            raise UserError(
                f"{path}: image {row.written} is spelt {spelt} in {solution.path}; spell it so"
            )


def _check_keys(found: Sequence[Row], solution: Solution, dialect: Dialect, path: Path) -> None:
    """Refuse a submission that lacks a row, has one of another image, or one twice."""
    numbers = _numbers(dialect)
    wanted = [(image_id, number) for image_id in solution.image_ids for number in numbers]
    check_rows([rows.key(row, dialect) for row in found], wanted, dialect, path)


def _numbers(dialect: Dialect) -> Sequence[int]:
    """The classes that every image has rows of; 0 where rows are of an image."""
    if dialect.rows != "object":
        return range(1, len(dialect.classes))
    return [n for group in dialect.groups for n in group] if dialect.keyed_by_class else [0]


def _shape(image_id: str, solution: Solution, dialect: Dialect) -> tuple[int, int]:
    return dialect.size or solution.shapes[image_id]


def _true(
    key: Key, solution: Solution, dialect: Dialect, texts: Sequence[str] | None = None
) -> np.ndarray:
    """The label image of the truth of one image and class, or of some `texts` of the image, in the size of
    the submission."""
    texts = solution.texts.get(key, []) if texts is None else texts
    shape = solution.shapes[key[0]]
    try:
        labels = codecs.decode_labels(texts, shape, solution.coding, overlap="smaller")
    except ValueError as error:
        raise UserError(f"{solution.path}: {name(key)}: {error}") from None
    wanted = _shape(key[0], solution, dialect)
    return labels if shape == wanted else resize.nearest(labels, wanted)


def _objects(
    path: Path, found: Sequence[Row], solution: Solution, dialect: Dialect
) -> dict[str, Any]:
    """Figures of a set of objects; of classes the mean over those that are scored (`metrics.kinds`)."""
    metric = objectives.of_objects(dialect.metric)
    groups = dialect.groups or ((0,),)
    judged = [_group(path, found, solution, dialect, group) for group in groups]
    by_rank, alone = metric.of is None, len(groups) == 1
    n_true = sum(each.n_true for each in judged)
    result: dict[str, Any] = {"metric": metric.name, "n_images": len(solution.image_ids)}
    if by_rank:
        values = [
            detections.average_precision(each.right, each.sure, each.n_true)
            for each in judged
            if each.n_true or alone
        ]
        mean = float(np.mean(values)) if values else 1.0
        return result | {"mean": mean, "empty_mean": float(n_true == 0)}
    if alone:
        kept = judged[0].kept
        mean, by_image = float(metric.joined(kept)), kept
        empty = 1 - judged[0].n_filled / len(kept)
    else:
        together = np.array([each.kept for each in judged]).T
        mean = float(ByKind(metric, groups).joined(together))
        by_image = np.nan_to_num(objectives.mean(together, axis=1), nan=1.0).tolist()
        empty = float(n_true == 0)
        of_class = zip(groups, judged, strict=True)
        result["per_class"] = {
            dialect.classes[number - 1]: _finite(float(objectives.mean(each.kept)))
            for (number,), each in of_class
        }
    per_image = zip(solution.image_ids, by_image, strict=True)
    result |= {"mean": mean, "empty_mean": empty}
    return result | {"per_image": {name: float(value) for name, value in per_image}}


class _Group(NamedTuple):
    """All images by one group of classes."""

    kept: list[
        Any
    ]  # what the metric keeps of each image; nan where nothing is true nor found, among groups
    right: np.ndarray  # whether each object is right
    sure: np.ndarray
    n_true: int  # true objects
    n_filled: int  # images with such


def _group(
    path: Path,
    found: Sequence[Row],
    solution: Solution,
    dialect: Dialect,
    group: tuple[int, ...],
) -> _Group:
    metric, numbers = objectives.of_objects(dialect.metric), {*group, 0}
    texts: dict[str, list[str]] = {image_id: [] for image_id in solution.image_ids}
    sure: dict[str, list[float]] = {image_id: [] for image_id in solution.image_ids}
    for row in found:
        if row.text and row.number in numbers:
            texts[row.image_id] += rows.apart(row.text, dialect)
            sure[row.image_id] += rows.confidences(row.text, dialect)
    kept, right, n_true, n_filled = [], [], 0, 0
    among = len(dialect.groups) > 1
    for image_id in solution.image_ids:
        theirs = [
            text
            for number in sorted(numbers)
            for text in solution.texts.get((image_id, number), [])
        ]
        true = _true((image_id, 0), solution, dialect, theirs)
        shape = _shape(image_id, solution, dialect)
        pred = decode(image_id, 0, texts[image_id], shape, dialect, path)
        there = not among or true.any() or pred.any()
        kept.append(metric.kept(true, pred) if there else np.nan)
        n_true += int(np.count_nonzero(np.unique(true)))
        n_filled += int(true.any())
        right.append(detections.matched(true, pred))
    confidences = np.concatenate([sure[image_id] for image_id in solution.image_ids])
    return _Group(kept, np.concatenate(right), confidences, n_true, n_filled)


def _classes(
    path: Path, found: Sequence[Row], solution: Solution, dialect: Dialect
) -> dict[str, Any]:
    """Figures of a set of class masks."""
    metric = objectives.of_masks(dialect.metric)
    texts = {(row.image_id, row.number): row.text for row in found}
    image_ids = sorted(solution.image_ids) if metric.real else list(solution.image_ids)

    @lru_cache(maxsize=2)
    def masks(place: int) -> volumes.Slice:
        image_id = image_ids[place]
        shape = _shape(image_id, solution, dialect)
        keys = [(image_id, number) for number in range(1, len(dialect.classes))]
        cells = [[texts[key]] if texts.get(key) else [] for key in keys]
        pred = [
            decode(*key, cell, shape, dialect, path) for key, cell in zip(keys, cells, strict=True)
        ]
        true = [_true(key, solution, dialect) for key in keys]
        return np.dstack(true) > 0, np.dstack(pred) > 0

    counts = np.array([semantic.channel_confusion(*masks(i)) for i in range(len(image_ids))])
    names = volumes.names(image_ids, dialect.volume)
    nothing = np.stack([counts.sum(axis=-1), np.zeros_like(counts[..., 0])], axis=-1)
    result = {"metric": metric.name, "n_images": len(image_ids)}
    if metric.real:
        whole = volumes.scored(metric, counts, names, masks)
        return result | {"mean": _finite(whole.mean), "empty_mean": 0.0}
    kept = metric.kept(counts)
    result |= {
        "mean": _finite(metric.overall(kept, names)),
        "empty_mean": _finite(metric.overall(metric.kept(nothing), names)),
        "per_class": _per_class(metric, kept, names, dialect.classes[1:]),
    }
    if metric.over != "images":
        return result
    values = zip(image_ids, objectives.mean(kept, axis=1), strict=True)
    return result | {"per_image": {name: _finite(value) for name, value in values}}


def _per_class(
    metric: objectives.MaskMetric, kept: np.ndarray, names: Sequence[str], classes: Sequence[str]
) -> dict[str, float | None]:
    joined = metric.joined(kept, names)
    return {name: _finite(value) for name, value in zip(classes, joined, strict=True)}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
