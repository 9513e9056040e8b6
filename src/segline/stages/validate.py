"""Check a submission against the sample, and against the images' sizes when they are known."""

from __future__ import annotations

from pathlib import Path

from segline import class_submission, submission
from segline.console import console
from segline.files import read_csv
from segline.manifest import read_images


def run(*, submission_path: Path, sample: Path, images: Path | None = None) -> None:
    """Print one line, or raise UserError naming the first fault."""
    console.print(f"{submission_path}: {checked(submission_path, sample, images)}")


def checked(path: Path, sample: Path, images: Path | None = None) -> str:
    """What the submission `path` holds, in words; UserError naming the first fault.

    It is one of classes where the sample is, or where images.csv is that of a semantic set.
    """
    table = read_images(images) if images else None
    shapes = None
    if table is not None:
        sides = zip(table["height"].astype(int), table["width"].astype(int), strict=True)
        shapes = dict(zip(table["image_id"], sides, strict=True))
    if class_submission.is_of_classes(sample) or (table is not None and "stratum" in table):
        n_rows, n_masks = class_submission.check(path, sample, shapes)
        return f"valid; {n_rows} rows, {n_masks} masks"
    rows = submission.read(path)
    wanted = read_csv(sample, submission.COLUMNS, dtype=str)["ImageId"]
    count = submission.check(rows, wanted, path, shapes)
    return f"valid; {len(rows)} images, {count} instances"
