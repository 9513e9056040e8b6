"""A smallest object for each class, in px, where that gains: what is dust of one class is whole of another.

Sizes are tuned once the watershed's thresholds are, class by class; all of them together are kept only if
those of either half of the images gain on the other half.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from segline.base.files import read_labels
from segline.base.workers import pooled
from segline.objects import class_sizes, maps, thresholds
from segline.objects.decoders import SIZES, ObjectDecoder
from segline.objects.grids import LEAST_GAIN, Axis
from segline.objects.judge import Judge


def with_sizes(
    found: dict[str, Any],
    images: pd.DataFrame,
    parts: pd.Series,
    axis: Axis,
    options: dict[str, Any],
    judge: Judge,
) -> dict[str, Any]:
    """thresholds.json with the sizes of each of its choices, from the images that it may see.

    `axis` are the sizes that are tried.
    """

    def sized(choice: dict[str, Any], part: str) -> dict[str, Any]:
        decoder = ObjectDecoder(thresholds.Thresholds(**choice), options, classes=judge.classes)
        sizes = _tuned(images[thresholds.fitted_on(parts, part)], decoder, axis, judge)
        return choice | ({SIZES: sizes} if any(sizes) else {})

    by_part = {name: sized(choice, name) for name, choice in found["parts"].items()}
    return found | {"final": sized(found["final"], "final"), "parts": by_part}


def _tuned(
    images: pd.DataFrame, decoder: ObjectDecoder, axis: Axis, judge: Judge
) -> tuple[int, ...]:
    """The smallest size of each class; none where they do not gain on images that did not choose them."""
    none = (0,) * len(judge.classes)
    larger = [int(size) for size in axis.values if size > decoder.thresholds.min_size_px]
    half = pd.factorize(images["group"])[0] % 2
    if not larger or not half.any():
        return none
    sizes, jobs = [0, *larger], judge.jobs(images)
    kept = np.array(pooled(partial(_kept_by_size, decoder=decoder, sizes=sizes, judge=judge), jobs))
    chosen = _best(kept, sizes, judge)
    if not any(chosen):
        return none
    gains = []
    for number in (0, 1):
        others = half != number
        tried = decoder._replace(sizes_px=_best(kept[half == number], sizes, judge))
        mine = [job for job, use in zip(jobs, others, strict=True) if use]
        after = np.array(pooled(partial(_kept, decoder=tried, judge=judge), mine))
        gains.append(float(judge.joined(after) - judge.joined(kept[others][:, 0, 0])))
    return chosen if np.mean(gains) > LEAST_GAIN else none


def _best(kept: np.ndarray, sizes: list[int], judge: Judge) -> tuple[int, ...]:
    """The size of each class from what is kept of images, (N, K, S, ...)."""
    scores = judge.joined(kept)
    return tuple(sizes[class_sizes.best(of_class, (0,))[0]] for of_class in scores)


def _kept(job: tuple, decoder: ObjectDecoder, judge: Judge) -> np.ndarray:
    image_id, labels_path, map_paths, names = job
    probs = maps.read_mean(map_paths, image_id)
    return judge.of(read_labels(labels_path), names, decoder, probs)


def _kept_by_size(job: tuple, decoder: ObjectDecoder, sizes: list[int], judge: Judge) -> np.ndarray:
    """What is kept of one image for each class and smallest size of that class alone, (K, S, ...)."""
    image_id, labels_path, map_paths, names = job
    truth, probs = read_labels(labels_path), maps.read_mean(map_paths, image_id)
    found = decoder(probs)
    kinds, areas = decoder.kinds(probs, found), np.bincount(found.ravel())[1:]

    def without(kind: int, size: int) -> np.ndarray:
        dropped = np.concatenate([[True], (kinds == kind) & (areas < size)])
        return judge.kept(truth, names, np.where(dropped[found], 0, found), kinds)

    numbers = range(1, len(judge.classes) + 1)
    return np.array([[without(kind, size) for size in sizes] for kind in numbers])
