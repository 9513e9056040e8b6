"""How the decoder of class masks is tuned: thresholds or factors, then the smallest sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from segline.base.files import read_labels
from segline.base.workers import pooled
from segline.config.tables import Tune
from segline.masks import classes as class_images
from segline.masks.classes import Classes
from segline.metrics import objectives, semantic
from segline.objects import class_scales, class_sizes, maps, out_of_fold
from segline.objects import thresholds as tuning
from segline.objects.class_decoder import ClassDecoder


def thresholds_by(
    metric: str,
    images: pd.DataFrame,
    parts: pd.Series,
    grid: Sequence[float],
    classes: Classes,
    *,
    areas: Sequence[int] = (0,),
    read: Callable[[str], np.ndarray] = read_labels,
) -> dict[str, Any]:
    """`final` and `parts` of thresholds.json: of each channel the threshold of the best mean metric.

    It is chosen together with the area below which an image has nothing of the class, if that gains, since
    both depend on each other. `read` gives the label image, of `classes`, at a path.
    """
    areas = sorted({0, *areas})
    work = partial(
        _scores_by_threshold, classes=classes, grid=grid, areas=areas, metric=metric, read=read
    )
    scores = np.array(pooled(work, out_of_fold.jobs(images)))  # (N, C, T, A)
    return tuning.cross_fitted(parts, lambda rows: _best(scores[rows], grid))


def _scores_by_threshold(
    job: tuple[str, str, list[Path]],
    classes: Classes,
    grid: Sequence[float],
    areas: Sequence[int],
    metric: str,
    read: Callable[[str], np.ndarray],
) -> np.ndarray:
    """The metric of one image for each channel, threshold and smallest area, (C, T, A)."""
    image_id, labels_path, map_paths = job
    truth = read(labels_path)
    known = class_images.known(truth, classes)
    masks = class_images.masks(truth[known], classes)
    probs = maps.read_mean(map_paths, image_id)[known]
    counts = [semantic.level_counts(masks[..., c], probs[..., c]) for c in range(masks.shape[-1])]
    at = semantic.at_thresholds(np.array(counts), grid)
    return objectives.of_masks(metric)[1](class_sizes.emptied(at, areas))


def _best(scores: np.ndarray, grid: Sequence[float]) -> dict[str, Any]:
    """The threshold of each channel from scores (N, C, T, A): that of the flattest high mean.

    The area comes later (`with_sizes`); here it only lets a threshold win that needs one.
    """
    chosen = []
    for mean in scores.mean(axis=0):
        alone = (tuning.flattest(mean[:, 0])[0], 0)
        chosen.append(float(grid[class_sizes.best(mean, alone)[0]]))
    return {"thresholds": chosen}


def with_sizes(
    found: dict[str, Any],
    images: pd.DataFrame,
    parts: pd.Series,
    settings: Tune,
    classes: Classes,
    metric: str,
) -> dict[str, Any]:
    """`final` and `parts` with smallest sizes where those gain, each from the images it may see."""
    grids = settings.class_min_size_px, settings.class_min_area_px

    def sized(choice: dict[str, Any], rows: np.ndarray) -> dict[str, Any]:
        decoder = ClassDecoder(classes, **choice)
        work = partial(_size_scores, decoder=decoder, grids=grids, metric=metric)
        scores = np.array(pooled(work, out_of_fold.jobs(images[rows])))  # (N, C, S, A)
        return choice | _best_sizes(scores.mean(axis=0), grids)

    return {
        "final": sized(found["final"], tuning.fitted_on(parts, "final")),
        "parts": {
            name: sized(choice, tuning.fitted_on(parts, name))
            for name, choice in found["parts"].items()
        },
    }


def _size_scores(
    job: tuple[str, str, list[Path]],
    decoder: ClassDecoder,
    grids: tuple[Sequence[int], Sequence[int]],
    metric: str,
) -> np.ndarray:
    """The metric of one image for each class, smallest piece and smallest area, (C, S, A)."""
    image_id, labels_path, map_paths = job
    truth = read_labels(labels_path)
    known = class_images.known(truth, decoder.classes)[..., None]
    true = class_images.masks(truth, decoder.classes) & known
    found = (
        class_images.masks(decoder(maps.read_mean(map_paths, image_id)), decoder.classes) & known
    )
    sizes, areas = (sorted({0, *grid}) for grid in grids)
    return class_sizes.scores(true, found, sizes, areas, objectives.of_masks(metric)[1])


def _best_sizes(
    mean: np.ndarray, grids: tuple[Sequence[int], Sequence[int]]
) -> dict[str, list[int]]:
    """The smallest piece and area of each class from mean scores (C, S, A), those of 0 left out."""
    sizes, areas = (sorted({0, *grid}) for grid in grids)
    chosen = [class_sizes.best(each, (0, 0)) for each in mean]
    found = {
        "min_sizes": [int(sizes[s]) for s, _ in chosen],
        "min_areas": [int(areas[a]) for _, a in chosen],
    }
    return {key: values for key, values in found.items() if any(values)}


def scales_by_dice(images: pd.DataFrame, parts: pd.Series, grid: Sequence[float]) -> dict[str, Any]:
    """`final` and `parts` of thresholds.json: the classes' factors of the best mean Dice."""
    found = pooled(_distinct_pixels, out_of_fold.jobs(images))

    def fitted(rows: np.ndarray) -> dict[str, Any]:
        chosen = [pixels for pixels, row in zip(found, rows, strict=True) if row]
        return {"scales": class_scales.best(class_scales.together(chosen), grid)}

    return tuning.cross_fitted(parts, fitted)


def _distinct_pixels(job: tuple[str, str, list[Path]]) -> class_scales.Pixels:
    image_id, labels_path, map_paths = job
    truth = read_labels(labels_path)
    known = truth != class_images.IGNORE
    return class_scales.Pixels.of(truth[known], maps.read_mean(map_paths, image_id)[known])
