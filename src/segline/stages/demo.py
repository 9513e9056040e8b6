"""What the demo ends with: its scores, a plain baseline on the same maps, and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from segline import figures, maps, postprocess, recipes, submission
from segline.console import console
from segline.files import read_image, read_json, write_csv, write_image
from segline.manifest import read_images


def run(*, run_dir: Path, interim: Path, csv: Path, out: Path) -> None:
    """Print CV score, score against the generated solution, that of plain thresholding; draw `out`."""
    test = read_images(interim / "images.csv").query("split == 'test'")
    solution = interim / "solution.csv"
    map_paths = sorted(run_dir.glob("fold_*/test.h5"))
    baseline = run_dir / "baseline.csv"
    write_csv(baseline, _plain_rows(test["image_id"].tolist(), map_paths))
    ours, plain = submission.score(csv, solution), submission.score(baseline, solution)
    summary = read_json(run_dir / "cv.json")
    _draw(
        test,
        ours["per_image"],
        map_paths,
        _recipe(run_dir),
        solution,
        out,
    )
    console.print(
        f"cross-validated mAP          {summary['mean']:.4f} ± {summary['standard_error']:.3f}"
    )
    console.print(f"submission on the solution   {ours['mean']:.4f}")
    console.print(
        f"  the same maps, thresholded {plain['mean']:.4f} (plain 0.5 + connected components)"
    )
    console.print(f"submission {csv}\npicture    {out}", soft_wrap=True)


def _recipe(run_dir: Path) -> recipes.Recipe:
    second = run_dir / "second.h5"
    return recipes.load(run_dir / "thresholds.json", second if second.exists() else None)["final"]


def _plain_rows(ids: Sequence[str], map_paths: Sequence[Path]) -> pd.DataFrame:
    """Submission rows by plain thresholding of the foreground at one half."""
    return submission.table(
        (
            image_id,
            postprocess.components(
                255 - maps.read_mean(map_paths, image_id)[..., 0], threshold=0.5, min_size_px=8
            ),
        )
        for image_id in ids
    )


def _draw(
    test: pd.DataFrame,
    scores: dict[str, float],
    map_paths: Sequence[Path],
    recipe: recipes.Recipe,
    solution: Path,
    out: Path,
) -> None:
    """The median image of each modality: image, foreground map, true and found outlines."""
    truth, _ = submission.read_solution(solution)
    rows = []
    for modality, part in test.assign(score=test["image_id"].map(scores)).groupby("modality"):
        row = part.sort_values("score").iloc[(len(part) - 1) // 2]
        image = read_image(row["image"])
        probs = maps.read_mean(map_paths, row["image_id"])
        found = recipe(probs)
        true = submission.true_labels(row["image_id"], truth[row["image_id"]], solution)
        caption = f"{modality}, mAP {row['score']:.2f}"
        rows.append(figures.result_row(image, probs, true, found, caption))
    write_image(out, figures.sheet(rows))
