"""Semantic masks: a class (or, where classes overlap, any number of them) for every pixel.

Two classes and overlapping ones are sigmoid channels, each cut at a threshold; of three or more exclusive
classes, a softmax, the largest wins after each is scaled by a factor. Both are tuned by mean Dice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich.table import Table

from segline.base.files import read_json, read_labels
from segline.base.workers import pooled
from segline.config.stages import TaskTable, TuneStage
from segline.masks import classes as class_images
from segline.masks.classes import Classes
from segline.metrics import semantic
from segline.metrics.intervals import clustered_error
from segline.objects import class_scales, maps, out_of_fold
from segline.objects import thresholds as tuning
from segline.submission import classes as class_submission


class ClassDecoder(NamedTuple):
    """From a map to a label image of `classes`: a threshold a channel, else the largest, `scales` times."""

    classes: Classes
    thresholds: Sequence[float] | None = None
    scales: Sequence[float] | None = None

    def __call__(self, probs: np.ndarray) -> np.ndarray:
        """Label image (H, W) int32 of a map (H, W, C) uint8."""
        if self.thresholds is None:
            scales = self.scales or (1.0,) * len(self.classes)
            return class_scales.largest(probs, scales).astype(np.int32)
        above = np.arange(256)[:, None] / 255 > np.array(self.thresholds)  # (256, C)
        chosen = np.stack([above[probs[..., c], c] for c in range(probs.shape[-1])], axis=-1)
        return class_images.from_channels(chosen)


class Semantic:
    """A `Task`. Scores of an image count a class neither true nor predicted as 1."""

    score, score_name, listed = "dice", "mean Dice", "classes.csv"

    def __init__(self, table: TaskTable) -> None:
        self.table = table.model_dump(mode="json")  # in thresholds.json and cv.json
        self.classes = Classes(table.classes, table.exclusive)

    def tuned(self, images: pd.DataFrame, parts: pd.Series, settings: TuneStage) -> dict[str, Any]:
        """By mean Dice over the images a threshold a channel, or with softmax a factor a class."""
        if self.classes.activation == "softmax":
            found = _scales_by_dice(images, parts, settings.class_scale)
            return {"task": self.table, "rule": "largest"} | found
        found = thresholds_by_dice(images, parts, settings.class_threshold, self.classes)
        return {"task": self.table, "rule": "threshold"} | found

    def words(self, choice: Mapping[str, Any]) -> str:
        if "scales" in choice:
            named = zip(self.classes.names, choice["scales"], strict=True)
            return "the largest of " + ", ".join(f"{name} x{scale:g}" for name, scale in named)
        named = zip(self.classes.channels, choice["thresholds"], strict=True)
        return ", ".join(f"{name} above {threshold}" for name, threshold in named)

    def decoders(self, thresholds: Path, second: Path | None) -> Mapping[str, ClassDecoder]:
        tuned = read_json(thresholds)
        choices = {"final": tuned["final"], **tuned["parts"]}
        return {name: ClassDecoder(self.classes, **choice) for name, choice in choices.items()}

    def scored(
        self, images: pd.DataFrame, parts: pd.Series, decoders: Mapping[str, Any]
    ) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Dice and IoU of every class, of every image and of all pixels together."""
        judged = zip(images.itertuples(index=False), parts, strict=True)
        found = [self._judged(image, part, decoders[part]) for image, part in judged]
        rows = pd.DataFrame([row for row, _, _ in found])
        summary = summarise(rows, np.array([matrices for _, matrices, _ in found]), self.classes)
        levels = [counts for _, _, counts in found if counts is not None]
        if levels:
            summary["auc"] = _finite(semantic.auc(np.sum(levels, axis=0)))
        return rows, {"task": self.table} | summary

    def _judged(
        self, image: Any, part: str, decoder: Any
    ) -> tuple[dict[str, Any], np.ndarray, np.ndarray | None]:
        """A row, the confusion counts (K - 1, 2, 2) of each foreground class, the levels if binary."""
        probs, truth = maps.read_mean(image.oof, image.image_id), read_labels(image.labels)
        known = class_images.known(truth, self.classes)
        truth, found = truth[known], decoder(probs)[known]
        true = class_images.masks(truth, self.classes)
        matrices = semantic.channel_confusion(true, class_images.masks(found, self.classes))
        is_binary = probs.shape[-1] == true.shape[-1] == 1
        levels = semantic.level_counts(true, probs[known]) if is_binary else None
        row = {
            "image_id": image.image_id,
            "fold": image.fold,
            "part": part,
            "modality": image.modality,
            "group": image.group,
            "accuracy": float((truth == found).mean()) if truth.size else 1.0,
            **class_scores(matrices, self.classes.names[1:]),
        }
        return row, matrices, levels

    def summary_table(self, summary: Mapping[str, Any], title: str) -> Table:
        """A line a class: mean over images with its standard error, and of all pixels together."""
        table = Table(title=title, title_justify="left")
        for name in ("class", "true in", "Dice", "±", "IoU", "±", "pooled IoU"):
            table.add_column(name, justify="left" if name == "class" else "right")
        n_images = str(summary["n_images"])
        for name, part in summary["per_class"].items():
            table.add_row(name, str(part["n_true"]), *_cells(part, part["pooled_iou"]))
        table.add_section()
        table.add_row("all", n_images, *_cells(summary, summary["pooled_mean_iou"]))
        extra = {"pixel accuracy": "accuracy", "mAP of IoU": "map", "AUC": "auc"}
        for words, key in extra.items():
            if summary.get(key) is not None:
                table.add_row(words, "", f"{summary[key]:.4f}", "", "", "", "")
        return table

    def submission(self, found: Iterable[tuple[str, np.ndarray]]) -> pd.DataFrame:
        """A row an image and foreground class, empty where it is absent."""
        return class_submission.table(found, self.classes)

    def checked(self, path: Path, sample: Path, shapes: Mapping[str, tuple[int, int]]) -> str:
        return class_submission.checked(path, sample, shapes)

    def counts(self, labels: np.ndarray) -> dict[str, int]:
        """Pixels of each class."""
        pixels = class_images.pixel_counts(labels, self.classes)
        return {f"{name}_px": int(n) for name, n in zip(self.classes.names, pixels, strict=True)}


def thresholds_by_dice(
    images: pd.DataFrame,
    parts: pd.Series,
    grid: Sequence[float],
    classes: Classes,
    read: Callable[[str], np.ndarray] = read_labels,
) -> dict[str, Any]:
    """`final` and `parts` of thresholds.json: of each channel the threshold of the best mean Dice.

    `read` gives the label image, of `classes`, at a path.
    """
    work = partial(_dice_by_threshold, classes=classes, grid=grid, read=read)
    scores = np.array(pooled(work, out_of_fold.jobs(images)))  # (N, C, T)
    return tuning.cross_fitted(parts, lambda rows: {"thresholds": _best(scores[rows], grid)})


def _dice_by_threshold(
    job: tuple[str, str, list[Path]],
    classes: Classes,
    grid: Sequence[float],
    read: Callable[[str], np.ndarray],
) -> np.ndarray:
    """Dice of one image for each channel and threshold, (C, T)."""
    image_id, labels_path, map_paths = job
    truth = read(labels_path)
    known = class_images.known(truth, classes)
    masks = class_images.masks(truth[known], classes)
    probs = maps.read_mean(map_paths, image_id)[known]
    counts = [semantic.level_counts(masks[..., c], probs[..., c]) for c in range(masks.shape[-1])]
    return semantic.dice(semantic.at_thresholds(np.array(counts), grid))[..., 1]


def _best(scores: np.ndarray, grid: Sequence[float]) -> list[float]:
    """The threshold of each channel from scores (N, C, T): that of the flattest high mean."""
    return [float(grid[tuning.flattest(mean)[0]]) for mean in scores.mean(axis=0)]


def _scales_by_dice(
    images: pd.DataFrame, parts: pd.Series, grid: Sequence[float]
) -> dict[str, Any]:
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


def class_scores(matrices: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Dice and IoU of each class and their means from counts (C, 2, 2); with one class also mAP (`ap`)."""
    dices, ious = semantic.dice(matrices)[:, 1], semantic.iou(matrices)[:, 1]
    scores = {"dice": float(dices.mean()), "iou": float(ious.mean())}
    if len(names) == 1:
        scores["ap"] = float(semantic.map_iou(matrices[0]))
    scores |= {f"dice_{name}": float(dice) for name, dice in zip(names, dices, strict=True)}
    return scores | {f"iou_{name}": float(iou) for name, iou in zip(names, ious, strict=True)}


def summarise(rows: pd.DataFrame, matrices: np.ndarray, classes: Classes) -> dict[str, Any]:
    """Means over images with standard errors over groups, and scores of all pixels together.

    `matrices` (N, K - 1, 2, 2) are the images' counts of each foreground class. `mean` is the mean Dice.
    Pooled IoUs sum the counts first, so that images without a class do not lift it.
    """
    groups, pooled_counts = rows["group"], matrices.sum(axis=0)
    pooled_ious = semantic.iou(pooled_counts, absent=np.nan)[:, 1]
    per_class = {
        name: {
            **_mean(rows[f"dice_{name}"], groups, "mean", "standard_error"),
            **_mean(rows[f"iou_{name}"], groups, "iou", "iou_error"),
            "pooled_iou": _finite(pooled_ious[c]),
            "n_true": int((matrices[:, c, 1].sum(axis=-1) > 0).sum()),
        }
        for c, name in enumerate(classes.names[1:])
    }
    by_modality = {
        str(name): {**_mean(part["dice"], part["group"], "mean", "standard_error")}
        | {"n_images": len(part)}
        for name, part in rows.groupby("modality")
    }
    return {
        **_mean(rows["dice"], groups, "mean", "standard_error"),
        **_mean(rows["iou"], groups, "iou", "iou_error"),
        "pooled_mean_iou": _finite(np.ma.masked_invalid(pooled_ious).mean().item()),
        "accuracy": float(rows["accuracy"].mean()),
        **({"map": float(rows["ap"].mean())} if "ap" in rows else {}),
        "n_images": len(rows),
        "n_groups": int(groups.nunique()),
        "per_class": per_class,
        "per_modality": by_modality,
    }


def _mean(values: pd.Series, groups: pd.Series, name: str, error: str) -> dict[str, Any]:
    return {name: float(values.mean()), error: clustered_error(values, groups)}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _cells(part: Mapping[str, Any], pooled_iou: float | None) -> list[str]:
    values = (part["mean"], part["standard_error"], part["iou"], part["iou_error"], pooled_iou)
    return ["-" if value is None else f"{value:.4f}" for value in values]
