"""Score a submission CSV against a solution CSV, as the leaderboard does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from segline import metrics, rle, submission
from segline.console import console
from segline.errors import UserError
from segline.files import write_json


def run(*, submission_path: Path, solution: Path, json_path: Path | None = None) -> dict[str, Any]:
    """Print and return mean, per-threshold and per-image scores."""
    result = score(submission_path, solution)
    if json_path:
        write_json(json_path, result)
    steps = "  ".join(
        f"{t:.2f}:{p:.3f}" for t, p in zip(metrics.THRESHOLDS, result["per_threshold"], strict=True)
    )
    console.print(f"{submission_path}: mAP {result['mean']:.4f} on {result['n_images']} images")
    console.print(f"precision by IoU  {steps}")
    return result


def score(submission_path: Path, solution: Path) -> dict[str, Any]:
    """mAP of IoU of a submission; refuses one that overlaps itself or lacks an image."""
    truth, ignored = submission.read_solution(solution)
    rows = submission.read(submission_path)
    rows = {image_id: rles for image_id, rles in rows.items() if image_id not in ignored}
    submission.check_ids(rows, truth, submission_path)
    precision = {
        image_id: metrics.average_precision(
            true_labels(image_id, true, solution),
            submission.decode(image_id, rows[image_id], true.shape, submission_path),
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


def true_labels(image_id: str, truth: submission.Truth, path: Path) -> np.ndarray:
    """Label image of one image of a solution; where objects overlap the smaller keeps the pixel."""
    try:
        return rle.decode_labels(truth.rles, truth.shape, overlap="smaller")
    except ValueError as error:
        raise UserError(f"{path}: image {image_id}: {error}") from None
