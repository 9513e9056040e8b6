"""What the demo ends with: its scores, a plain baseline on the same maps, and a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from segline.base.console import say
from segline.base.files import read_image, write_csv, write_image
from segline.config.places import RunFiles
from segline.data.tables import read_images
from segline.masks import watershed
from segline.objects import decoders, maps
from segline.results import figures
from segline.results.scores import read_cv
from segline.submission import instances as csv


def run(run: RunFiles, submission: Path) -> None:
    """Print the demo's scores: CV, on the generated solution, by plain thresholding; draw demo.png."""
    test = read_images(run.data.images).query("split == 'test'")
    baseline, out = run.folder / "baseline.csv", run.folder / "demo.png"
    write_csv(baseline, _plain_rows(test["image_id"].tolist(), run.maps("test")))
    ours, plain = (csv.score(path, run.data.solution) for path in (submission, baseline))
    summary = read_cv(run.cv)
    _draw(run, test, ours["per_image"], out)
    say(f"cross-validated mAP          {summary['mean']:.4f} ± {summary['standard_error']:.3f}")
    say(f"submission on the solution   {ours['mean']:.4f}")
    say(f"  the same maps, thresholded {plain['mean']:.4f} (plain 0.5 + connected components)")
    say(f"submission {submission}\npicture    {out}")


def _plain_rows(ids: Sequence[str], map_paths: Sequence[Path]) -> pd.DataFrame:
    """Submission rows by plain thresholding of the foreground at one half."""
    found = ((image_id, maps.foreground(maps.read_mean(map_paths, image_id))) for image_id in ids)
    return csv.table(
        (image_id, watershed.components(foreground, threshold=0.5, min_size_px=8))
        for image_id, foreground in found
    )


def _draw(run: RunFiles, test: pd.DataFrame, scores: Mapping[str, float], out: Path) -> None:
    """The median image of each modality: image, foreground map, true and found outlines."""
    truth, _ = csv.read_solution(run.data.solution)
    decoder = decoders.load(run.thresholds, run.second_if_fitted)["final"]
    rows = []
    for modality, part in test.assign(score=test["image_id"].map(scores)).groupby("modality"):
        row = part.sort_values("score").iloc[(len(part) - 1) // 2]
        probs = maps.read_mean(run.maps("test"), row["image_id"])
        true = csv.true_labels(row["image_id"], truth[row["image_id"]], run.data.solution)
        caption = f"{modality}, mAP {row['score']:.2f}"
        image = read_image(row["image"])
        rows.append(figures.result_row(image, probs, true, decoder(probs), caption))
    write_image(out, figures.sheet(rows))
