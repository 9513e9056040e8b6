"""Submissions of objects that have classes: one row an object, `ImageId,ClassId,EncodedPixels`.

ClassId is the class's number, from 1. An image without objects has one row with `1 1`, of whatever class.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from segline.base.errors import UserError
from segline.base.files import read_csv
from segline.masks import rle
from segline.metrics.kinds import ByKind
from segline.metrics.objectives import mean, of_objects
from segline.submission import instances
from segline.submission.instances import NOTHING, Shapes, Truth

COLUMNS = ("ImageId", "ClassId", "EncodedPixels")

Objects = tuple[list[str], list[int]]  # RLEs and classes of one image


def columns(classes: Collection[str]) -> tuple[str, ...]:
    """The columns of objects, with ClassId if they have classes."""
    return COLUMNS if classes else instances.COLUMNS


def table(found: Iterable[tuple[str, np.ndarray, np.ndarray]]) -> pd.DataFrame:
    """Rows of (image_id, label image, classes (n,) from 1 of its objects 1..n) in their order."""
    rows = []
    for image_id, labels, kinds in found:
        codes = rle.encode_labels(labels)
        classed = zip(kinds.tolist(), codes, strict=True)
        rows += [(image_id, kind, code) for kind, code in classed] or [(image_id, 1, NOTHING)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


Row = tuple[str, int, str]  # image, ClassId, RLE


def _rows(path: Path) -> list[Row]:
    """The rows in the file's order; UserError for a ClassId that is no number from 1."""
    rows = read_csv(path, COLUMNS, dtype=str)
    found = []
    for image_id, number, code in zip(*(rows[name] for name in COLUMNS), strict=True):
        if not number.isdecimal() or int(number) < 1:
            raise UserError(
                f"{path}: image {image_id}: ClassId must be a whole number from 1, found {number!r}"
            )
        found.append((image_id, int(number), code))
    return found


def _objects(rows: Iterable[Row]) -> dict[str, Objects]:
    """The objects of each image, in the order of the rows."""
    found: dict[str, Objects] = {}
    for image_id, number, code in rows:
        codes, kinds = found.setdefault(image_id, ([], []))
        if code.strip() and code.strip() != NOTHING:
            codes.append(code)
            kinds.append(number)
    return found


def read(path: Path) -> dict[str, Objects]:
    """The objects of each image in the file's order; UserError for a ClassId that is no number from 1."""
    return _objects(_rows(path))


def is_of_objects(solution: Path) -> bool:
    """Whether a solution with ClassId holds objects: some image has a class twice.

    Of class masks there is one row for each.
    """
    rows = read_csv(solution, instances.COLUMNS, dtype=str)
    return "ClassId" in rows and bool(rows.duplicated(["ImageId", "ClassId"]).any())


def is_sample(path: Path) -> bool:
    """Whether a sample submission is one of these: with ClassId and a row an image, none empty.

    Of class masks every image has a row for each class.
    """
    rows = read_csv(path, instances.COLUMNS, dtype=str)
    filled = (rows["EncodedPixels"] != "").all()
    return "ClassId" in rows and bool(filled and rows["ImageId"].is_unique)


def checked(
    path: Path, sample: Path, shapes: Shapes | None = None, n_classes: int | None = None
) -> str:
    """What the submission `path` holds, in words; UserError naming the first fault.

    Objects may not overlap, whatever their classes. `n_classes` are those of the set, where known.
    """
    rows = _rows(path)
    if n_classes:
        _check_classes(rows, path, n_classes)
    said = instances.checked(path, sample, shapes)
    n_found = len({kind for _, kinds in _objects(rows).values() for kind in kinds})
    return f"{said} of {n_found} class{'' if n_found == 1 else 'es'}"


def _check_classes(rows: Iterable[Row], path: Path, n_classes: int) -> None:
    """Refuse a ClassId beyond the set's, also in a row without an object."""
    for image_id, number, _ in rows:
        if number > n_classes:
            raise UserError(
                f"{path}: image {image_id}: ClassId {number} is none of the set's, 1 to {n_classes}; "
                f"number the classes as the set does"
            )


def score(path: Path, solution: Path, n_classes: int | None = None) -> dict[str, Any]:
    """mAP of IoU of a submission by class, and the mean over classes.

    A class counts in the images where it is true or found. `per_image` is an image's mean over its classes,
    1 where it has none. The set has `n_classes`, or where that is not known as many as the solution names.
    UserError as for `instances.score`, and for a class beyond.
    """
    truth, ignored = instances.read_solution(solution)
    rows, true_rows = _rows(path), _rows(solution)
    _check_classes(rows, path, n_classes or max(2, *(number for _, number, _ in true_rows)))
    mine = {name: each for name, each in _objects(rows).items() if name not in ignored}
    theirs = _objects(true_rows)
    instances.check_ids(mine, truth, path)
    known = {kind for image_id in truth for kind in theirs[image_id][1]}
    groups = tuple((kind,) for kind in sorted(known | {k for _, ks in mine.values() for k in ks}))
    groups = groups or ((1,), (2,))  # nothing at all: both count in no image
    metric = ByKind(of_objects("map_iou"), groups)
    kept = np.array(
        [
            _kept(metric, image_id, each, theirs[image_id], mine[image_id], (solution, path))
            for image_id, each in truth.items()
        ]
    ).reshape(len(truth), len(groups))
    by_image = np.nan_to_num(mean(kept, axis=1), nan=1.0)
    by_class = zip(groups, metric.by_group(kept), strict=True)
    return {
        "mean": float(metric.joined(kept)),
        "per_class": {str(kind): {"mAP": float(value)} for (kind,), value in by_class},
        "per_image": dict(zip(truth, by_image.tolist(), strict=True)),
        "n_images": len(truth),
    }


def _kept(
    metric: ByKind,
    image_id: str,
    size: Truth,
    true: Objects,
    found: Objects,
    paths: tuple[Path, Path],
) -> np.ndarray:
    """What the metric keeps of one image."""
    labels = instances.true_labels(image_id, Truth(size.shape, true[0]), paths[0])
    try:
        pred = rle.decode_labels(found[0], size.shape)
    except ValueError as error:
        raise UserError(f"{paths[1]}: image {image_id}: {error}") from None
    return metric.kept(labels, pred, true_kinds=true[1], pred_kinds=found[1])
