"""Score a submission CSV against a solution CSV, as the leaderboard does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segline import class_submission, metrics
from segline.console import console
from segline.files import write_json


def run(*, submission_path: Path, solution: Path, json_path: Path | None = None) -> dict[str, Any]:
    """Print and return mean, per-threshold and per-image scores.

    Of instances, and of binary masks, one an image, `mean` is the mAP of IoU; the latter have `dice` and
    `iou` too. With ClassId it is the mean Dice.
    """
    result = class_submission.scored(submission_path, solution)
    if json_path:
        write_json(json_path, result)
    figures = {"Dice": "dice", "IoU": "iou"} | (
        {"mAP": "mean"} if "per_threshold" in result else {}
    )
    shown = ", ".join(f"{name} {result[key]:.4f}" for name, key in figures.items() if key in result)
    console.print(f"{submission_path}: {shown} on {result['n_images']} images")
    if "per_threshold" in result:
        pairs = zip(metrics.THRESHOLDS, result["per_threshold"], strict=True)
        console.print("precision by IoU  " + "  ".join(f"{t:.2f}:{p:.3f}" for t, p in pairs))
    for number, part in result.get("per_class", {}).items():
        console.print(f"  class {number}: " + ", ".join(f"{k} {v:.4f}" for k, v in part.items()))
    return result
