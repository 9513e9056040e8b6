"""Masks of any images, of instances or classes, with the models of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from segline.base.console import console
from segline.base.errors import UserError
from segline.base.files import (
    labels_suffix,
    read_image,
    write_csv,
    write_image,
    write_labels,
)
from segline.config.places import RunFiles
from segline.results import figures
from segline.results.cost import training_left
from segline.tasks.segmenter import Segmenter, of_run

SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"}


def run(run: RunFiles, images: Path, out: Path | None = None) -> None:
    """Masks of any images, of instances or classes, with a run's models.

    Writes for each image of the folder out/<stem>.png (labels) and out/<stem>_outlines.png, and a table:
    objects.csv, or for class maps classes.csv with the pixels of each class. An image that cannot be read
    is named and left out; the others are done all the same.
    """
    paths = sorted(p for p in images.glob("*") if p.suffix.lower() in SUFFIXES)
    if not paths:
        known = ", ".join(sorted(SUFFIXES))
        raise UserError(f"{images}: no images there; expected files that end in {known}")
    if not any(fold.model.exists() for fold in run.folds):
        cost = training_left(run)
        raise UserError(
            f"{run.folder}: no trained net; make submit makes it{cost and f' ({cost})'}, or take the "
            f"shipped one: config=best pretrained=1"
        )
    segment(of_run(run), paths, out or run.folder / "segmented")


def segment(segmenter: Segmenter, paths: list[Path], out: Path) -> None:
    """Write labels, outlines and the table of the images at `paths`; UserError if none can be read."""
    rows = []
    for path in paths:
        try:
            image = read_image(path)
        except UserError as error:
            console.print(f"left out: {error}")
            continue
        labels = segmenter.labels(image)
        write_labels(out / f"{path.stem}{labels_suffix(int(labels.max()))}", labels)
        outlines = figures.outlined(image, None, labels, zoom=1)
        write_image(out / f"{path.stem}_outlines.png", outlines)
        rows.append(_row(path, labels, segmenter))
    if not rows:
        raise UserError(f"{paths[0].parent}: none of its {len(paths)} images can be read")
    table = pd.DataFrame(rows)
    write_csv(out / segmenter.task.listed, table)
    totals = table.drop(columns=["image", "height", "width"]).sum()
    shown = ", ".join(f"{name} {total}" for name, total in totals.items())
    console.print(f"{out}: {len(rows)} images, {shown}")


def _row(path: Path, labels: np.ndarray, segmenter: Segmenter) -> dict[str, int | str]:
    height, width = labels.shape
    return {
        "image": path.name,
        "height": height,
        "width": width,
        **segmenter.task.counts(labels),
    }
