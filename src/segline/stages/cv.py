"""Cross-validated score: every image post-processed with thresholds tuned without its part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from segline import maps, metrics, recipes, tuning
from segline.console import console
from segline.files import read_json, read_labels, write_csv, write_json
from segline.manifest import data_hash, read_out_of_fold
from segline.recipes import Recipe
from segline.uncertainty import clustered_error

PERCENT = [round(100 * t) for t in metrics.THRESHOLDS]


def run(
    *,
    images: Path,
    folds: Path,
    oof: Sequence[Path],
    thresholds: Path,
    second: Path | None,
    scores: Path,
    out: Path,
) -> None:
    """Write one row an image to `scores` and the summary to `out`, and print the table."""
    table = read_out_of_fold(images, folds, oof)
    made = recipes.load(thresholds, second)
    parts = tuning.parts(table, unseen=read_json(thresholds)["unseen"])
    judged = zip(table.itertuples(index=False), parts, strict=True)
    rows = pd.DataFrame(_row(image, part, made[part]) for image, part in judged)
    write_csv(scores, rows)
    summary = summarise(rows) | {
        "dataset": images.parent.name,
        "data_hash": data_hash(images),
        "folds": _folds(table),
    }
    write_json(out, summary)
    print_summary(summary, f"cross-validated on {len(rows)} images of fold(s) {_folds(table)}")


def _folds(table: pd.DataFrame) -> list[int]:
    return sorted({int(fold) for fold in table["fold"]})


def _row(image: Any, part: str, recipe: Recipe) -> dict[str, Any]:
    """Counts and score of one image."""
    probs = maps.read_mean(image.oof, image.image_id)
    truth = read_labels(image.labels)
    found = recipe(probs)
    tp, fp, fn = metrics.match_counts(truth, found, metrics.THRESHOLDS)
    counts = {
        f"{name}_{percent}": int(value)
        for name, values in (("tp", tp), ("fp", fp), ("fn", fn))
        for percent, value in zip(PERCENT, values, strict=True)
    }
    return {
        "image_id": image.image_id,
        "fold": image.fold,
        "part": part,
        "modality": image.modality,
        "group": image.group,
        "n_true": int(truth.max()),
        "n_pred": int(found.max()),
        **counts,
        "ap": float(metrics.precision(tp, fp, fn).mean()),
    }


def summarise(rows: pd.DataFrame) -> dict[str, Any]:
    """Mean, standard error over groups, and the same by modality and by IoU threshold."""
    tp, fp, fn = (rows[[f"{name}_{p}" for p in PERCENT]].to_numpy() for name in ("tp", "fp", "fn"))
    precision = metrics.precision(tp, fp, fn)
    by_modality = {
        str(name): {
            "mean": float(part["ap"].mean()),
            "standard_error": clustered_error(part["ap"], part["group"]),
            "n_images": len(part),
            "per_threshold": precision[(rows["modality"] == name).to_numpy()].mean(0).tolist(),
        }
        for name, part in rows.groupby("modality")
    }
    return {
        "mean": float(rows["ap"].mean()),
        "standard_error": clustered_error(rows["ap"], rows["group"]),
        "n_images": len(rows),
        "n_groups": int(rows["group"].nunique()),
        "per_threshold": precision.mean(axis=0).tolist(),
        "per_modality": by_modality,
    }


def print_summary(summary: dict[str, Any], title: str) -> None:
    table = Table(title=title, title_justify="left")
    for name in ("images", "n", "mAP", "±", *(f".{p}" for p in PERCENT)):
        table.add_column(name, justify="left" if name == "images" else "right")
    parts = {"all": summary} | summary["per_modality"]
    for name, part in parts.items():
        error = part["standard_error"]
        table.add_row(
            name,
            str(part["n_images"]),
            f"{part['mean']:.4f}",
            "-" if error is None else f"{error:.3f}",
            *(f"{value:.3f}" for value in part["per_threshold"]),
        )
    console.print(table)
