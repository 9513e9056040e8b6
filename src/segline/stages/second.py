"""Fit the second stage: which objects to keep, and which split of a region to believe."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from segline.base.console import say
from segline.base.errors import UserError
from segline.base.files import read_json, read_labels
from segline.base.workers import pooled
from segline.config import claims
from segline.config.places import RunFiles
from segline.config.stages import TuneStage
from segline.metrics import objectives
from segline.objects import decoders, maps, out_of_fold, second_stage, thresholds
from segline.objects import judge as judges
from segline.objects.decoders import ObjectDecoder
from segline.objects.forest import Forest
from segline.objects.judge import Judge


@claims.makes(lambda run: run.second)
def run(run: RunFiles) -> None:
    """Fit the second stage on out-of-fold objects.

    Writes regressors and cutoff for `final` and for each part, fitted without that part. A part's cutoff
    is chosen on the other parts, whose objects are judged by regressors that have not seen them.
    """
    settings = run.settings(TuneStage)
    table = out_of_fold.read(run.data, run.maps("oof"))
    table["part"] = thresholds.parts(table, unseen=read_json(run.thresholds)["unseen"])
    tried: dict[str, Any] = {
        "seed_offsets": settings.second_seed_offsets,
        "foreground_offsets": settings.second_foreground_offsets,
        "n_views": settings.n_views,
    }
    plain = {
        name: decoder._replace(**tried) for name, decoder in decoders.load(run.thresholds).items()
    }
    judge = judges.of(settings.task, objectives.of_objects(settings.metric))
    jobs = judge.jobs(table, "part")
    examples = pooled(partial(_examples, plain=plain), jobs)
    judged = {
        name: decoder._replace(forests=_fitted(examples, thresholds.fitted_on(table["part"], name)))
        for name, decoder in plain.items()
    }
    cutoffs = settings.second_cutoff
    work = partial(_scores, judged=judged, cutoffs=cutoffs, judge=judge)
    kept = np.array(pooled(work, jobs))
    chosen = {
        name: cutoffs[int(judge.joined(kept[thresholds.fitted_on(table["part"], name)]).argmax())]
        for name in plain
    }
    decoders.write_second(
        run.second,
        {name: decoder._replace(cutoff=chosen[name]) for name, decoder in judged.items()},
    )
    n_objects = sum(len(shares) for views in examples for _, shares in views)
    say(f"second stage on {n_objects} objects; cutoffs {chosen}")


Example = tuple[pd.DataFrame, np.ndarray]  # features (n, ...) and shares of thresholds passed (n,)


def _examples(job: tuple, plain: dict[str, ObjectDecoder]) -> list[Example]:
    """For each view all candidates' objects in one image."""
    image_id, labels_path, map_paths, _, part = job
    truth, probs = read_labels(labels_path), maps.read_mean(map_paths, image_id)
    views: list[list[Example]] = [[] for _ in range(plain[part].n_views)]
    for view, labels, features in plain[part].segmentations(probs):
        views[view].append((features, second_stage.shares_passed(truth, labels)))
    return [_joined(candidates) for candidates in views]


def _joined(examples: Sequence[Example]) -> Example:
    features, shares = zip(*examples, strict=True)
    return pd.concat(features, ignore_index=True), np.concatenate(shares)


def _fitted(examples: list[list[Example]], chosen: np.ndarray) -> tuple[Forest, ...]:
    """A forest a view, fitted on the images that are `chosen` (N,) bool."""
    used = [views for views, use in zip(examples, chosen, strict=True) if use]
    by_view = [_joined(view) for view in zip(*used, strict=True)]
    for number, (features, _) in enumerate(by_view):
        if features.empty:
            raise UserError(
                f"second stage: nothing found in view {number} of the held-out images; lower "
                f"tune.foreground_threshold or set tune.second_stage=false"
            )
    return tuple(second_stage.fit(*example) for example in by_view)


def _scores(
    job: tuple,
    judged: dict[str, ObjectDecoder],
    cutoffs: Sequence[float],
    judge: Judge,
) -> list[np.ndarray]:
    """What the judge keeps of one image at each cutoff, judged by the regressors of its part."""
    image_id, labels_path, map_paths, names, part = job
    truth, probs = read_labels(labels_path), maps.read_mean(map_paths, image_id)
    decoder = judged[part]
    candidates = decoder.candidates(probs)
    found = [decoders.chosen(candidates, cutoff=cutoff)[0] for cutoff in cutoffs]
    return [judge.kept(truth, names, labels, decoder.kinds(probs, labels)) for labels in found]
