"""Submission and solution tables: one row an instance, `ImageId,EncodedPixels`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from segline.base.errors import UserError
from segline.base.files import read_csv
from segline.masks import rle
from segline.metrics import instances
from segline.submission import ids

COLUMNS = ("ImageId", "EncodedPixels")
Shapes = Mapping[str, tuple[int, int]]  # (H, W) by image
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
    for image_id, encoded in zip(rows["ImageId"], rows["EncodedPixels"], strict=True):
        found = grouped.setdefault(image_id, [])
        if encoded.strip():
            found.append(encoded)
    return grouped


def read_solution(path: Path) -> tuple[dict[str, Truth], set[str]]:
    """The images that count, and the ids of those marked `Ignored`."""
    columns = (*COLUMNS, "Height", "Width", "Usage")
    rows = read_csv(path, columns, dtype=str)
    ignored = set(rows.loc[rows["Usage"] == "Ignored", "ImageId"])
    truth: dict[str, Truth] = {}
    for row in rows[~rows["ImageId"].isin(ignored)].itertuples(index=False):
        try:
            shape = (int(row.Height), int(row.Width))
        except ValueError:
            raise UserError(
                f"{path}: image {row.ImageId}: Height and Width must be whole numbers, "
                f"found {row.Height!r} and {row.Width!r}"
            ) from None
        entry = truth.setdefault(row.ImageId, Truth(shape, []))
        if row.EncodedPixels.strip():
            entry.rles.append(row.EncodedPixels)
    if not truth:
        raise UserError(f"{path}: no image that counts (all are Ignored, or the file is empty)")
    return truth, ignored


def decode(image_id: str, rles: list[str], shape: tuple[int, int], path: Path) -> np.ndarray:
    """Label image of one image's rows; UserError naming file and image for a bad or overlapping one."""
    try:
        return rle.decode_labels(rles, shape)
    except ValueError as error:
        raise UserError(f"{path}: image {image_id}: {error}") from None


def check_ids(found: Iterable[str], wanted: Iterable[str], path: Path) -> None:
    """Refuse a submission that lacks an image or names one that does not belong."""
    found, wanted = list(found), list(wanted)
    missing = [image_id for image_id in wanted if image_id not in set(found)]
    if missing:
        raise UserError(
            f"{path}: {len(missing)} of {len(wanted)} images are missing, first {missing[0]}; "
            f"every image needs a row ('{NOTHING}' if it has no instance)"
        )
    foreign = [image_id for image_id in found if image_id not in set(wanted)]
    if foreign:
        raise UserError(
            f"{path}: {len(foreign)} image ids do not belong to the set, first {foreign[0]}; "
            f"remove their rows"
        )


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
    for image_id, rles in rows.items():
        if not rles:
            raise UserError(f"{path}: image {image_id} has an empty row; write '{NOTHING}' there")
        if shapes is not None and image_id not in shapes:
            raise UserError(f"{path}: image {image_id} is not in the table of images")
        decode(image_id, rles, shapes[image_id] if shapes else column_for(rles), path)
    return sum(map(len, rows.values()))


def checked(path: Path, sample: Path, shapes: Shapes | None = None) -> str:
    """What the submission `path` holds, in words; UserError naming the first fault."""
    rows = read(path)
    count = check(rows, read_csv(sample, COLUMNS, dtype=str)["ImageId"], path, shapes)
    return f"valid; {len(rows)} images, {count} instances"


def column_for(rles: list[str]) -> tuple[int, int]:
    """A one-column image just long enough for all runs; (1, 1) if they are no numbers."""
    ends = [1]
    for encoded in rles:
        numbers = [int(word) for word in encoded.split() if word.isdigit()]
        ends += [start + length - 1 for start, length in zip(numbers[::2], numbers[1::2])]  # noqa: B905
    return (max(ends), 1)


def score(submission_path: Path, solution: Path) -> dict[str, Any]:
    """mAP of IoU of a submission; refuses one that overlaps itself or lacks an image."""
    truth, ignored = read_solution(solution)
    given = read(submission_path)
    names = ids.respelt(given, {*truth, *ignored}, submission_path)
    rows = {names[name]: rles for name, rles in given.items() if names[name] not in ignored}
    check_ids(rows, truth, submission_path)
    precision = {
        image_id: instances.average_precision(
            true_labels(image_id, true, solution),
            decode(image_id, rows[image_id], true.shape, submission_path),
        )
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
