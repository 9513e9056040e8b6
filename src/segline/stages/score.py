"""Score a submission CSV against a solution CSV, as the leaderboard does."""

from __future__ import annotations

from pathlib import Path

from segline.base.console import console
from segline.base.files import write_json
from segline.metrics import instances as metrics
from segline.submission import classes


def run(submission: Path, solution: Path, json: Path | None = None) -> None:
    """Score a submission CSV against a solution CSV: mean, and into `json` all figures.

    Of instances, and of binary masks, one an image, the mean is the mAP of IoU; the latter have Dice and
    IoU too. With ClassId it is the mean Dice.
    """
    result = classes.scored(submission, solution)
    if json:
        write_json(json, result)
    figures = {"Dice": "dice", "IoU": "iou"} | (
        {"mAP": "mean"} if "per_threshold" in result else {}
    )
    shown = ", ".join(f"{name} {result[key]:.4f}" for name, key in figures.items() if key in result)
    console.print(f"{submission}: {shown} on {result['n_images']} images")
    if "per_threshold" in result:
        pairs = zip(metrics.THRESHOLDS, result["per_threshold"], strict=True)
        console.print("precision by IoU  " + "  ".join(f"{t:.2f}:{p:.3f}" for t, p in pairs))
    for number, part in result.get("per_class", {}).items():
        console.print(f"  class {number}: " + ", ".join(f"{k} {v:.4f}" for k, v in part.items()))
