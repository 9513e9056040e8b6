"""Submission and solution tables: one row an instance, `ImageId,EncodedPixels`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from segline.base.errors import UserError
from segline.base.files import read_csv, texts
from segline.base.numbers import shown, whole
from segline.masks import rle, rle_check
from segline.masks.rle_text import UNKNOWN, sides
from segline.metrics import instances
from segline.submission import checks, ids

COLUMNS = ("ImageId", "EncodedPixels")
Shapes = Mapping[str, tuple[int, int]]  # (H, W) by image
USAGES = ("Public", "Private", "Ignored")
NOTHING = "1 1"  # what the sample file holds for an image without instances


class Truth(NamedTuple):
    """One image of a solution: its (H, W) and the RLE of each object."""

    shape: tuple[int, int]
    rles: list[str]


def table(found: Iterable[tuple[str, np.ndarray]]) -> pd.DataFrame:
    """Rows of (image_id, label image) pairs in their order; an empty image gets `1 1`."""
    rows = [
        (image_id, encoded)
        for image_id, labels in found
        for encoded in rle.encode_labels(labels) or [NOTHING]
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def read(path: Path) -> dict[str, list[str]]:
    """RLEs of each image in the file's order. An empty cell is no instance."""
    rows = read_csv(path, COLUMNS, dtype=str)
    grouped: dict[str, list[str]] = {}
    for image_id, encoded in zip(*(texts(rows, name) for name in COLUMNS), strict=True):
        found = grouped.setdefault(image_id, [])
        if encoded.strip():
            found.append(encoded)
    return grouped


def read_solution(path: Path) -> tuple[dict[str, Truth], set[str]]:
    """The images that count, and the ids of those marked `Ignored`."""
    columns = (*COLUMNS, "Height", "Width", "Usage")
    rows = read_csv(path, columns, dtype=str)
    ignored = set(rows.loc[is_ignored(rows, path), "ImageId"])
    truth: dict[str, Truth] = {}
    counted = rows[~rows["ImageId"].isin(ignored)]
    cells = (texts(counted, name) for name in columns[:4])
    for image_id, encoded, height, width in zip(*cells, strict=True):
        entry = truth.get(image_id)
        if entry is None:
            entry = truth[image_id] = Truth(shape(image_id, height, width, path), [])
        if encoded.strip():
            entry.rles.append(encoded)
    if not truth:
        raise UserError(f"{path}: no image that counts (all are Ignored, or the file is empty)")
    return truth, ignored


def is_ignored(rows: pd.DataFrame, path: Path) -> pd.Series:
    """Which rows of a solution do not count; UserError for a Usage that nobody knows."""
    unknown = rows.loc[~rows["Usage"].isin(USAGES), "Usage"]
    if len(unknown):
        raise UserError(
            f"{path}, line {unknown.index[0] + 2}: expected a Usage of {', '.join(USAGES)}, found "
            f"{shown(unknown.iloc[0])}"
        )
    return rows["Usage"] == "Ignored"


def shape(image_id: str, height: str, width: str, path: Path) -> tuple[int, int]:
    """The size of an image of a solution; UserError unless an image may have it."""
    rows, columns = whole(height.strip()), whole(width.strip())
    if rows is None or columns is None:
        raise UserError(
            f"{path}: image {image_id}: Height and Width must be whole numbers, "
            f"found {shown(height)} and {shown(width)}"
        )
    try:
        return sides((rows, columns))
    except ValueError as error:
        raise UserError(f"{path}: image {image_id}: {error}") from None


def check_ids(found: Collection[str], wanted: Collection[str], path: Path) -> None:
    """Refuse a submission that lacks an image or names one that does not belong."""
    cure = f"every image needs a row ('{NOTHING}' if it has no instance)"
    checks.none_missing(found, wanted, path, cure, of="images")
    checks.none_foreign(found, wanted, path, "remove their rows", of="image ids")


def check(
    rows: Mapping[str, list[str]],
    sample: Iterable[str],
    path: Path,
    shapes: Shapes | None = None,
) -> int:
    """Check ids, order and every RLE of a submission and return its number of rows.

    Without `shapes` the height is unknown; then runs are checked for order and overlap only.
    """
    sample = list(dict.fromkeys(sample))
    check_ids(rows, sample, path)
    if shapes is not None:
        shapes = ids.as_written(shapes, sample, path)
    if list(rows) != sample:
        first = next(a for a, b in zip(rows, sample, strict=True) if a != b)
        raise UserError(
            f"{path}: images are not in the sample's order, first {first}; sort them so"
        )
    checks.readable(_masks(rows, path, shapes), path, rle_check.first_fault)
    return sum(map(len, rows.values()))


def _masks(
    rows: Mapping[str, list[str]], path: Path, shapes: Shapes | None
) -> Iterator[checks.Masks]:
    for image_id, rles in rows.items():
        if not rles:
            raise UserError(f"{path}: image {image_id} has an empty row; write '{NOTHING}' there")
        if shapes is not None and image_id not in shapes:
            raise UserError(f"{path}: image {image_id} is not in the table of images")
        yield f"image {image_id}", rles, UNKNOWN if shapes is None else shapes[image_id]


def checked(path: Path, sample: Path, shapes: Shapes | None = None) -> str:
    """What the submission `path` holds, in words; UserError naming the first fault."""
    rows = read(path)
    count = check(rows, read_csv(sample, COLUMNS, dtype=str)["ImageId"], path, shapes)
    return f"valid; {len(rows)} images, {count} instances"


def score(submission_path: Path, solution: Path) -> dict[str, Any]:
    """mAP of IoU of a submission; refuses one that overlaps itself or lacks an image."""
    truth, ignored = read_solution(solution)
    given = read(submission_path)
    names = ids.of_submission(given, {*truth, *ignored}, submission_path)
    rows = {names[name]: rles for name, rles in given.items() if names[name] not in ignored}
    check_ids(rows, truth, submission_path)
    precision = {
        image_id: _precision(image_id, true, rows[image_id], submission_path, solution)
        for image_id, true in truth.items()
    }
    by_image = np.array(list(precision.values()))
    return {
        "mean": float(by_image.mean()),
        "per_threshold": by_image.mean(axis=0).tolist(),
        "per_image": {image_id: float(row.mean()) for image_id, row in precision.items()},
        "n_images": len(precision),
    }


def true_labels(image_id: str, truth: Truth, path: Path) -> np.ndarray:
    """Label image of one image of a solution; where objects overlap the smaller keeps the pixel."""
    try:
        return rle.decode_labels(truth.rles, truth.shape, overlap="smaller")
    except ValueError as error:
        raise UserError(f"{path}: image {image_id}: {error}") from None


def _precision(
    image_id: str, true: Truth, rles: list[str], submission: Path, solution: Path
) -> np.ndarray:
    """Average precision of one image (T,); no image is painted unless true objects overlap."""
    labels = None
    try:
        true_runs = rle_check.apart(true.rles, true.shape)
    except ValueError:
        labels = true_labels(image_id, true, solution)
    try:
        pred_runs = rle_check.apart(rles, true.shape)
    except ValueError as error:
        raise UserError(f"{submission}: image {image_id}: {error}") from None
    if labels is not None:
        return instances.average_precision(labels, rle.decode_labels(rles, true.shape))
    counts = instances.overlap_of_runs(true_runs, pred_runs)
    return instances.precision(*instances.match_counts_of(counts))
