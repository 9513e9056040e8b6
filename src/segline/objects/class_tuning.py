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
from segline.metrics import semantic
from segline.metrics.objectives import MaskMetric
from segline.objects import class_scales, class_sizes, grids, maps, out_of_fold
from segline.objects import thresholds as tuning
from segline.objects.class_decoder import ClassDecoder
from segline.objects.grids import Axis
from segline.objects.thresholds import Fit

SIZES = ("class_min_size_px", "class_min_area_px")


def sizes_axis(name: str, values: Sequence[int]) -> Axis:
    """The sizes that are tried, 0 among them, with further ones."""
    return grids.axis(name, sorted({0, *values}), low=0, high=np.inf, whole=True)


def thresholds_by(
    metric: MaskMetric,
    images: pd.DataFrame,
    parts: pd.Series,
    grid: Sequence[float],
    classes: Classes,
    *,
    areas: Sequence[int] = (0,),
    read: Callable[[str], np.ndarray] = read_labels,
) -> dict[str, Any]:
    """`final` and `parts` of thresholds.json: of each channel the threshold of the best metric.

    It is chosen together with the area below which an image has nothing of the class, if that gains, since
    both depend on each other. `images` have a column `volume`; `read` gives the label image, of `classes`,
    at a path.
    """
    axes = (
        grids.axis("class_threshold", grid, low=0, high=1, whole=False),
        sizes_axis("class_min_area_px", areas),
    )
    work = partial(_kept_by_threshold, classes=classes, axes=axes, metric=metric, read=read)
    kept = np.array(pooled(work, out_of_fold.jobs(images)))  # (N, C, T, A, ...)
    volumes = images["volume"].to_numpy()
    return tuning.cross_fitted(
        parts, lambda rows: _best(_joined(metric, kept[rows], volumes[rows]), axes)
    )


def _joined(metric: MaskMetric, kept: np.ndarray, volumes: np.ndarray) -> np.ndarray:
    """The metric of images together, (C, ...); 1 where none of them counts, as nothing was wrong there."""
    return np.nan_to_num(metric.joined(kept, list(volumes)), nan=1.0)


def _kept_by_threshold(
    job: tuple[str, str, list[Path]],
    classes: Classes,
    axes: tuple[Axis, Axis],
    metric: MaskMetric,
    read: Callable[[str], np.ndarray],
) -> np.ndarray:
    """What the metric keeps of one image for each channel, threshold and smallest area, (C, T, A, ...)."""
    image_id, labels_path, map_paths = job
    truth = read(labels_path)
    known = class_images.known(truth, classes)
    masks = class_images.masks(truth[known], classes)
    probs = maps.read_mean(map_paths, image_id)[known]
    counts = [semantic.level_counts(masks[..., c], probs[..., c]) for c in range(masks.shape[-1])]
    thresholds, areas = axes[0].values, [int(area) for area in axes[1].values]
    return metric.kept(
        class_sizes.emptied(semantic.at_thresholds(np.array(counts), thresholds), areas)
    )


def _best(scores: np.ndarray, axes: tuple[Axis, Axis]) -> Fit:
    """The threshold of each channel from scores (C, T, A): that of the flattest high one.

    The area comes later (`with_sizes`); here it only lets a threshold win that needs one.
    """

    def choose(values: np.ndarray) -> tuple[int, ...]:
        alone = (tuning.flattest(values[:, 0])[0], 0)
        return class_sizes.best(values, alone)

    found = [grids.search(axes, grids.within(each), choose) for each in scores]
    chosen = [float(axes[0].values[place[0]]) for place, _ in found]
    return Fit({"thresholds": chosen}, _edges(found, axes[0].name))


def _edges(
    found: Sequence[tuple[tuple[int, ...], tuple[str, ...]]], *names: str
) -> tuple[str, ...]:
    """Those of the axes `names` whose end a class lies at."""
    return tuple(name for name in names if any(name in at_edge for _, at_edge in found))


def with_sizes(
    found: dict[str, Any],
    images: pd.DataFrame,
    parts: pd.Series,
    settings: Tune,
    classes: Classes,
    metric: MaskMetric,
) -> dict[str, Any]:
    """`final` and `parts` with smallest sizes where those gain, each from the images it may see."""
    axes = tuple(sizes_axis(name, getattr(settings, name)) for name in SIZES)

    def sized(choice: dict[str, Any], rows: np.ndarray) -> Fit:
        decoder = ClassDecoder(classes, **choice)
        work = partial(_kept_by_size, decoder=decoder, axes=axes, metric=metric)
        kept = np.array(pooled(work, out_of_fold.jobs(images[rows])))  # (N, C, S, A, ...)
        sizes = _best_sizes(_joined(metric, kept, images["volume"].to_numpy()[rows]), axes)
        return sizes._replace(choice=choice | sizes.choice)

    final = sized(found["final"], tuning.fitted_on(parts, "final"))
    edges = [*found.get("at_edge", ()), *final.at_edge]
    return {
        "final": final.choice,
        "parts": {
            name: sized(choice, tuning.fitted_on(parts, name)).choice
            for name, choice in found["parts"].items()
        },
        **({"at_edge": edges} if edges else {}),
    }


def _kept_by_size(
    job: tuple[str, str, list[Path]],
    decoder: ClassDecoder,
    axes: Sequence[Axis],
    metric: MaskMetric,
) -> np.ndarray:
    """What the metric keeps of one image for each class, smallest piece and area, (C, S, A, ...)."""
    image_id, labels_path, map_paths = job
    truth = read_labels(labels_path)
    known = class_images.known(truth, decoder.classes)[..., None]
    true = class_images.masks(truth, decoder.classes) & known
    found = (
        class_images.masks(decoder(maps.read_mean(map_paths, image_id)), decoder.classes) & known
    )
    sizes, areas = ([int(value) for value in axis.values] for axis in axes)
    return class_sizes.scores(true, found, sizes, areas, metric)


def _best_sizes(scores: np.ndarray, axes: Sequence[Axis]) -> Fit:
    """The smallest piece and area of each class from scores (C, S, A), those of 0 left out."""
    chosen = [
        grids.search(axes, grids.within(each), lambda values: class_sizes.best(values, (0, 0)))
        for each in scores
    ]
    sizes, areas = axes
    found = {
        "min_sizes": [int(sizes.values[s]) for (s, _), _ in chosen],
        "min_areas": [int(areas.values[a]) for (_, a), _ in chosen],
    }
    kept = {key: values for key, values in found.items() if any(values)}
    return Fit(kept, _edges(chosen, *SIZES))


def scales_by(
    metric: MaskMetric, images: pd.DataFrame, parts: pd.Series, grid: Sequence[float]
) -> dict[str, Any]:
    """`final` and `parts` of thresholds.json: the classes' factors of the best metric."""
    found = pooled(_distinct_pixels, out_of_fold.jobs(images))
    volumes = images["volume"].to_numpy()

    def fitted(rows: np.ndarray) -> Fit:
        chosen = [pixels for pixels, row in zip(found, rows, strict=True) if row]
        pixels = class_scales.together(chosen)
        return class_scales.best(pixels, grid, metric, volumes=list(volumes[rows]))

    return tuning.cross_fitted(parts, fitted)


def _distinct_pixels(job: tuple[str, str, list[Path]]) -> class_scales.Pixels:
    image_id, labels_path, map_paths = job
    truth = read_labels(labels_path)
    known = truth != class_images.IGNORE
    return class_scales.Pixels.of(truth[known], maps.read_mean(map_paths, image_id)[known])
