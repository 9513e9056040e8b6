"""Masks of any images, of instances or classes, with the models of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from segline import figures, inference, tasks
from segline.config import read_stage
from segline.console import console
from segline.errors import UserError
from segline.files import (
    labels_suffix,
    read_image,
    read_json,
    write_csv,
    write_image,
    write_labels,
)

SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"}


def run(
    *,
    models: Sequence[Path],
    thresholds: Path,
    second: Path | None,
    classifiers: Sequence[Path] = (),
    params: Path,
    images: Path,
    out: Path,
) -> None:
    """Write out/<stem>.png (labels), out/<stem>_outlines.png and a table for a folder of images.

    The table is objects.csv, or for class maps classes.csv with the pixels of each class. With
    `classifiers`, those of two stages, the regions that the models find are classified.
    An image that cannot be read is named and left out; the others are done all the same.
    """
    paths = sorted(p for p in images.glob("*") if p.suffix.lower() in SUFFIXES)
    if not paths:
        known = ", ".join(sorted(SUFFIXES))
        raise UserError(f"{images}: no images there; expected files that end in {known}")
    nets = [inference.load(path) for path in models]
    tuned, settings = read_json(thresholds), read_stage(params)
    task, judges = tasks.of(tuned.get("task")), [inference.load_classifier(c) for c in classifiers]
    recipe = task.recipes(thresholds, second)["final"]
    rows = []
    for path in paths:
        try:
            image = read_image(path)
        except UserError as error:
            console.print(f"left out: {error}")
            continue
        probs = _mean_map(image, nets, settings)
        if judges:
            cut = tuned["final"]["thresholds"][0]
            probs = np.mean([255 * judge(image, probs, cut) for judge in judges], axis=0)
        labels = recipe(probs)
        write_labels(out / f"{path.stem}{labels_suffix(int(labels.max()))}", labels)
        write_image(
            out / f"{path.stem}_outlines.png", figures.outlined(image, None, labels, zoom=1)
        )
        height, width = labels.shape
        rows.append({"image": path.name, "height": height, "width": width, **task.counts(labels)})
    if not rows:
        raise UserError(f"{images}: none of its {len(paths)} images can be read")
    table = pd.DataFrame(rows)
    write_csv(out / task.listed, table)
    totals = table.drop(columns=["image", "height", "width"]).sum()
    shown = ", ".join(f"{name} {total}" for name, total in totals.items())
    console.print(f"{out}: {len(rows)} images, {shown}")


def _mean_map(image: np.ndarray, nets: Sequence[inference.Net], settings: dict) -> np.ndarray:
    """Maps averaged over the nets and rounded to 8 bits, as a submission's are."""
    total = sum(np.rint(255 * net.probabilities(image, **settings)) for net in nets)
    return np.rint(total / len(nets)).astype(np.uint8)
