"""Label audit: training images whose objects fall short of what a model that never saw them promises."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from segline import audit, figures, maps, recipes
from segline.console import console
from segline.files import read_labels, write_csv, write_image
from segline.manifest import out_of_fold_jobs
from segline.recipes import Recipe
from segline.scores import read_scored
from segline.stages.gallery import pictures
from segline.workers import pooled

SHOWN = 16


def run(
    *,
    images: Path,
    folds: Path,
    oof: Sequence[Path],
    thresholds: Path,
    second: Path,
    scores: Path,
    out: Path,
) -> None:
    """Write out/audit.csv (a row an image), out/suspects.csv (those over the rule) and out/audit.png.

    The picture shows the worst suspects first, then the worst of the images that are none.
    """
    table = read_scored(images, folds, oof, scores=scores, score="ap")
    made = recipes.load(thresholds, second)
    jobs = out_of_fold_jobs(table, "part")
    evidence = pd.DataFrame(pooled(partial(_evidence, made=made), jobs))
    table = pd.concat([table, evidence], axis=1)
    table["suspect"] = audit.suspect(evidence)
    columns = ["image_id", "modality", "group", "ap", *evidence.columns, "suspect"]
    write_csv(out / "audit.csv", table[columns].sort_values("ap"))
    suspects = table.loc[table["suspect"], ["image_id"]]
    write_csv(out / "suspects.csv", suspects.sort_values("image_id"))
    shown = pd.concat(
        [
            table[table["suspect"]].nsmallest(SHOWN, "ap"),
            table[~table["suspect"]].nsmallest(SHOWN, "ap"),
        ]
    )
    rows = [
        pictures(image, made[image.part], _caption(image))
        for image in shown.itertuples(index=False)
    ]
    write_image(out / "audit.png", figures.sheet(rows))
    console.print(
        f"{out / 'suspects.csv'}: {len(suspects)} of {len(table)} images; leave them out of training with "
        f'set="train.skip={out / "suspects.csv"}"'
    )


def _caption(image: Any) -> str:
    doubt = f"{'label' if image.suspect else 'model'}? {image.modality}, mAP {image.ap:.2f}"
    return f"{doubt}; promised {image.promised:.2f}, passed {image.passed:.2f}"


def _evidence(job: tuple, made: dict[str, Recipe]) -> dict[str, float]:
    image_id, labels_path, map_paths, part = job
    truth, probs = read_labels(labels_path), maps.read_mean(map_paths, image_id)
    first = made[part].candidates(probs)[0]
    return audit.evidence(truth, first.labels, first.promised)
