"""Score a submission CSV against a solution CSV, as the leaderboard does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segline import metrics, submission
from segline.console import console
from segline.files import write_json


def run(*, submission_path: Path, solution: Path, json_path: Path | None = None) -> dict[str, Any]:
    """Print and return mean, per-threshold and per-image scores."""
    result = submission.score(submission_path, solution)
    if json_path:
        write_json(json_path, result)
    steps = "  ".join(
        f"{t:.2f}:{p:.3f}" for t, p in zip(metrics.THRESHOLDS, result["per_threshold"], strict=True)
    )
    console.print(f"{submission_path}: mAP {result['mean']:.4f} on {result['n_images']} images")
    console.print(f"precision by IoU  {steps}")
    return result
