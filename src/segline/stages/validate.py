"""Check a submission against the sample, and against the images' sizes when they are known."""

from __future__ import annotations

from pathlib import Path

from segline import submission
from segline.console import console
from segline.files import read_csv
from segline.manifest import read_images


def run(*, submission_path: Path, sample: Path, images: Path | None = None) -> None:
    """Print one line, or raise UserError naming the first fault."""
    rows = submission.read(submission_path)
    wanted = read_csv(sample, submission.COLUMNS, dtype=str)["ImageId"]
    count = submission.check(rows, wanted, submission_path, shapes_of(images) if images else None)
    console.print(f"{submission_path}: valid; {len(rows)} images, {count} instances")


def shapes_of(images: Path) -> dict[str, tuple[int, int]]:
    """(H, W) by image id."""
    table = read_images(images)
    shapes = zip(table["height"].astype(int), table["width"].astype(int), strict=True)
    return dict(zip(table["image_id"], shapes, strict=True))
