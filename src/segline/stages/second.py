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
from segline.errors import UserError
from segline.files import read_json, read_labels
from segline.forest import Forest
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
    """Write regressors and cutoff for `final` and for each part, fitted without that part.

    A part's cutoff is chosen on the other parts, whose objects are judged by regressors that have not
    seen them.
    """
    settings = read_stage(params)
    table = read_out_of_fold(images, folds, oof)
    table["part"] = tuning.parts(table, unseen=read_json(thresholds)["unseen"])
    tried = {
        "seed_offsets": tuple(settings["second_seed_offsets"]),
        "foreground_offsets": tuple(settings["second_foreground_offsets"]),
        "n_views": settings["n_views"],
    }
    plain = {name: recipe._replace(**tried) for name, recipe in recipes.load(thresholds).items()}
    jobs = out_of_fold_jobs(table, "part")
    examples = pooled(partial(_examples, plain=plain), jobs)
    judged = {
        name: recipe._replace(judges=_fitted(examples, tuning.fitted_on(table["part"], name)))
        for name, recipe in plain.items()
    }
    cutoffs = settings["second_cutoff"]
    scores = np.array(pooled(partial(_scores, judged=judged, cutoffs=cutoffs), jobs))
    chosen = {
        name: cutoffs[int(scores[tuning.fitted_on(table["part"], name)].mean(axis=0).argmax())]
        for name in plain
    }
    recipes.write_second(
        out, {name: recipe._replace(cutoff=chosen[name]) for name, recipe in judged.items()}
    )
    n_objects = sum(len(shares) for views in examples for _, shares in views)
    console.print(f"second stage on {n_objects} objects; cutoffs {chosen}")


Example = tuple[pd.DataFrame, np.ndarray]  # features (n, ...) and shares of thresholds passed (n,)


def _examples(job: tuple, plain: dict[str, Recipe]) -> list[Example]:
    """For each view all candidates' objects in one image."""
    image_id, labels_path, map_paths, part = job
    truth, probs = read_labels(labels_path), maps.read_mean(map_paths, image_id)
    views: list[list[Example]] = [[] for _ in range(plain[part].n_views)]
    for view, labels, features in plain[part].segmentations(probs):
        views[view].append((features, objects.shares_passed(truth, labels)))
    return [_joined(candidates) for candidates in views]


def _joined(examples: Sequence[Example]) -> Example:
    features, shares = zip(*examples, strict=True)
    return pd.concat(features, ignore_index=True), np.concatenate(shares)


def _fitted(examples: list[list[Example]], chosen: np.ndarray) -> tuple[Forest, ...]:
    """A judge a view, fitted on the images that are `chosen` (N,) bool."""
    used = [views for views, use in zip(examples, chosen, strict=True) if use]
    by_view = [_joined(view) for view in zip(*used, strict=True)]
    for number, (features, _) in enumerate(by_view):
        if features.empty:
            raise UserError(
                f"second stage: nothing found in view {number} of the held-out images; lower "
                f"tune.foreground_threshold or set tune.second_stage=false"
            )
    return tuple(objects.fit(*example) for example in by_view)


def _scores(job: tuple, judged: dict[str, Recipe], cutoffs: Sequence[float]) -> list[float]:
    """mAP of one image at each cutoff, judged by the regressors of its part."""
    image_id, labels_path, map_paths, part = job
    truth, probs = read_labels(labels_path), maps.read_mean(map_paths, image_id)
    candidates = judged[part].candidates(probs)
    return [metrics.map_iou(truth, recipes.chosen(candidates, cutoff=cutoff)) for cutoff in cutoffs]
