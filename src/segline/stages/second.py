"""Fit the second stage: which objects to keep, and which split of a region to believe."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from segline import maps, metrics, objects, recipes, tuning
from segline.config import read_stage
from segline.console import console
from segline.files import read_json, read_labels
from segline.manifest import out_of_fold_jobs, read_out_of_fold
from segline.recipes import Recipe
from segline.workers import pooled


def run(
    *,
    params: Path,
    images: Path,
    folds: Path,
    oof: Sequence[Path],
    thresholds: Path,
    out: Path,
) -> None:
    """Write regressor and cutoff for `final` and for each part, fitted without that part.

    A part's cutoff is chosen on the other parts, whose objects are judged by regressors that have not
    seen them.
    """
    settings = read_stage(params)
    table = read_out_of_fold(images, folds, oof)
    table["part"] = tuning.parts(table, unseen=read_json(thresholds)["unseen"])
    views = {
        "seed_offsets": tuple(settings["second_seed_offsets"]),
        "n_views": settings["n_views"],
    }
    plain = {name: recipe._replace(**views) for name, recipe in recipes.load(thresholds).items()}
    jobs = out_of_fold_jobs(table, "part")
    examples = pooled(partial(_examples, plain=plain), jobs)
    judges = {
        name: recipe._replace(
            regressor=objects.fit(*_stacked(examples, tuning.fitted_on(table["part"], name)))
        )
        for name, recipe in plain.items()
    }
    cutoffs = settings["second_cutoff"]
    scores = np.array(pooled(partial(_scores, judges=judges, cutoffs=cutoffs), jobs))
    chosen = {
        name: cutoffs[int(scores[tuning.fitted_on(table["part"], name)].mean(axis=0).argmax())]
        for name in plain
    }
    recipes.write_second(
        out, {name: judge._replace(cutoff=chosen[name]) for name, judge in judges.items()}
    )
    console.print(f"second stage on {sum(len(e[1]) for e in examples)} objects; cutoffs {chosen}")


def _examples(job: tuple, plain: dict[str, Recipe]) -> tuple[pd.DataFrame, np.ndarray]:
    """Features and shares of thresholds passed of all candidates' objects in one image."""
    image_id, labels_path, map_paths, part = job
    truth, probs = read_labels(labels_path), maps.read_mean(map_paths, image_id)
    found = plain[part].segmentations(probs)
    shares = [objects.shares_passed(truth, labels) for labels, _ in found]
    features = pd.concat([table for _, table in found], ignore_index=True)
    return features, np.concatenate(shares)


def _stacked(examples: list, chosen: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    used = [example for example, use in zip(examples, chosen, strict=True) if use]
    features = pd.concat([e[0] for e in used if len(e[1])], ignore_index=True)
    return features, np.concatenate([e[1] for e in used])


def _scores(job: tuple, judges: dict[str, Recipe], cutoffs: Sequence[float]) -> list[float]:
    """mAP of one image at each cutoff, judged by the regressor of its part."""
    image_id, labels_path, map_paths, part = job
    truth, probs = read_labels(labels_path), maps.read_mean(map_paths, image_id)
    found, promised = judges[part].candidates(probs)
    return [
        metrics.map_iou(truth, objects.choose(found, promised, cutoff=cutoff)) for cutoff in cutoffs
    ]
