"""Submissions of class masks: one row an image and foreground class, empty where it is absent.

`ImageId,EncodedPixels` with two classes, `ImageId,ClassId,EncodedPixels` with more, ClassId from 1.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from segline.base.errors import UserError
from segline.base.files import read_csv, texts
from segline.base.numbers import shown, whole
from segline.masks import classes as class_images
from segline.masks import rle, rle_check
from segline.masks.classes import Classes
from segline.masks.rle_text import UNKNOWN
from segline.metrics import semantic
from segline.metrics.instances import overlap_of_runs
from segline.submission import checks, ids, instances, kinds
from segline.submission.instances import Shapes

Key = tuple[str, int]  # image and class


def columns(n_classes: int) -> tuple[str, ...]:
    return kinds.COLUMNS if n_classes > 2 else instances.COLUMNS


def table(found: Iterable[tuple[str, np.ndarray]], classes: Classes) -> pd.DataFrame:
    """Rows of (image_id, label image) pairs in their order, classes ascending."""
    rows = []
    for image_id, labels in found:
        masks = class_images.masks(labels, classes)
        encoded = (rle.encode(masks[..., c]) for c in range(masks.shape[-1]))
        rows += [(image_id, number, text) for number, text in enumerate(encoded, start=1)]
    return _with_columns(rows, classes)


def empty(image_ids: Iterable[str], classes: Classes) -> pd.DataFrame:
    """The rows of a sample submission: every class absent from every image."""
    rows = [(image_id, number, "") for image_id in image_ids for number in range(1, len(classes))]
    return _with_columns(rows, classes)


def _with_columns(rows: list[tuple[str, int, str]], classes: Classes) -> pd.DataFrame:
    full = pd.DataFrame(rows, columns=["ImageId", "ClassId", "EncodedPixels"])
    return full[[*columns(len(classes))]]


def is_of_classes(sample: Path) -> bool:
    """Whether a sample submission is one of class masks: with ClassId, or with an empty cell."""
    rows = read_csv(sample, instances.COLUMNS, dtype=str)
    return "ClassId" in rows or bool((rows["EncodedPixels"] == "").any())


def read(path: Path) -> dict[Key, str]:
    """RLEs by image and class in the file's order; UserError for a bad ClassId or a row given twice."""
    return _by_key(read_csv(path, instances.COLUMNS, dtype=str), path)


def _by_key(rows: pd.DataFrame, path: Path) -> dict[Key, str]:
    found: dict[Key, str] = {}
    numbers = texts(rows, "ClassId") if "ClassId" in rows else ["1"] * len(rows)
    cells = texts(rows, "ImageId"), numbers, texts(rows, "EncodedPixels")
    for image_id, number, encoded in zip(*cells, strict=True):
        class_id = whole(number)
        if not class_id:
            raise UserError(
                f"{path}: image {image_id}: ClassId must be a whole number from 1, found {shown(number)}"
            )
        key = (image_id, class_id)
        if key in found:
            raise UserError(f"{path}: {_name(key)} has two rows; join them into one mask")
        found[key] = encoded.strip()
    return found


def checked(path: Path, sample: Path, shapes: Shapes | None = None) -> str:
    """What the submission `path` holds, in words; UserError naming the first fault."""
    n_rows, n_masks = check(path, sample, shapes)
    return f"valid; {n_rows} rows, {n_masks} masks"


def check(path: Path, sample: Path, shapes: Shapes | None = None) -> tuple[int, int]:
    """Check rows, in any order, and every RLE of a submission; its numbers of rows and of masks.

    Without `shapes` runs are checked for order and overlap only.
    """
    rows, wanted = read(path), read(sample)
    _check_keys(rows, wanted, path)
    if shapes is not None:
        shapes = ids.as_written(shapes, (image_id for image_id, _ in wanted), sample)
    checks.readable(_masks(rows, path, shapes), path, rle_check.first_fault)
    return len(rows), sum(encoded != "" for encoded in rows.values())


def _masks(rows: dict[Key, str], path: Path, shapes: Shapes | None) -> Iterator[checks.Masks]:
    for key, encoded in rows.items():
        if shapes is not None and key[0] not in shapes:
            raise UserError(f"{path}: image {key[0]} is not in the table of images")
        yield _name(key), [encoded], UNKNOWN if shapes is None else shapes[key[0]]


def _check_keys(found: Collection[Key], wanted: Collection[Key], path: Path) -> None:
    cure = "every image and class needs a row (with an empty cell where the class is absent)"
    checks.none_missing(found, wanted, path, cure, name=_name)
    checks.none_foreign(found, wanted, path, name=_name)


def scored(path: Path, solution: Path, *, of_objects: bool = False) -> dict[str, Any]:
    """Score a submission of any kind, as the solution's columns and rows tell.

    With ClassId as `score`, or `of_objects`, or if its rows are such, as `kinds.score`. Without it as
    `instances.score`; if both files have no more than one row an image, as binary masks do, `dice` and
    `iou` are added.
    """
    tables = [read_csv(csv, instances.COLUMNS, dtype=str) for csv in (solution, path)]
    if of_objects or kinds.is_of_objects(solution):
        return kinds.score(path, solution)
    if "ClassId" in tables[0]:
        return score(path, solution)
    result = instances.score(path, solution)
    if any(rows["ImageId"].duplicated().any() for rows in tables):
        return result
    by_class = score(path, solution)
    return result | {name: by_class[name] for name in ("dice", "iou")}


def score(path: Path, solution: Path) -> dict[str, Any]:
    """Mean Dice and IoU of a submission, over images and classes; a class absent in both counts as 1.

    `per_image` is an image's mean Dice, `per_class` the means of a class with its pooled IoU.
    """
    truth, shapes, ignored = _read_solution(solution)
    given = read(path)
    names = ids.of_submission([name for name, _ in given], {*shapes, *ignored}, path)
    rows = {
        (names[name], number): encoded
        for (name, number), encoded in given.items()
        if names[name] not in ignored
    }
    _check_keys(rows, truth, path)
    matrices = {
        key: _confusion(
            _runs(encoded, shapes[key[0]], key, solution),
            _runs(rows[key], shapes[key[0]], key, path),
            n_pixels=math.prod(shapes[key[0]]),
        )
        for key, encoded in truth.items()
    }
    counts = np.array(list(matrices.values()))
    keys = pd.DataFrame(list(matrices), columns=["image", "number"])
    scores = keys.assign(dice=semantic.dice(counts)[:, 1], iou=semantic.iou(counts)[:, 1])
    by_class = {
        str(number): {
            "dice": float(part["dice"].mean()),
            "iou": float(part["iou"].mean()),
            "pooled_iou": float(semantic.iou(counts[part.index].sum(axis=0))[1]),
        }
        for number, part in scores.groupby("number")
    }
    return {
        "mean": float(scores["dice"].mean()),
        "dice": float(scores["dice"].mean()),
        "iou": float(scores["iou"].mean()),
        "per_class": by_class,
        "per_image": {str(k): float(v) for k, v in scores.groupby("image")["dice"].mean().items()},
        "n_images": int(scores["image"].nunique()),
    }


def _read_solution(path: Path) -> tuple[dict[Key, str], dict[str, tuple[int, int]], set[str]]:
    """RLEs that count by image and class, sizes by image, and the ids of those marked `Ignored`.

    A class without a row is absent from that image.
    """
    rows = read_csv(path, (*instances.COLUMNS, "Height", "Width", "Usage"), dtype=str)
    truth, ignored = instances.read_solution(path)
    shapes = {image_id: found.shape for image_id, found in truth.items()}
    given = _by_key(rows[~rows["ImageId"].isin(ignored)], path)
    numbers = sorted({number for _, number in given})
    full = {(i, number): given.get((i, number), "") for i in shapes for number in numbers}
    return full, shapes, ignored


def _runs(encoded: str, shape: tuple[int, int], key: Key, path: Path) -> np.ndarray:
    try:
        return rle_check.apart([encoded], shape)
    except ValueError as error:
        raise UserError(f"{path}: {_name(key)}: {error}") from None


def _confusion(true: np.ndarray, pred: np.ndarray, *, n_pixels: int) -> np.ndarray:
    """`semantic.confusion` (2, 2) of two masks given as runs."""
    both = int(overlap_of_runs(true, pred).pairs[2].sum())
    only_true, only_pred = int(true[1].sum()) - both, int(pred[1].sum()) - both
    return np.array([[n_pixels - both - only_true - only_pred, only_pred], [only_true, both]])


def _name(key: Key) -> str:
    return f"image {key[0]}, class {key[1]}"
