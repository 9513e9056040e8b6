"""Semantic masks: a class (or, where classes overlap, any number of them) for every pixel.

Two classes and overlapping ones are sigmoid channels, each cut at a threshold; of three or more exclusive
classes, a softmax, the largest wins after each is scaled by a factor. Both are tuned by the metric, or by
what stands in for one of whole volumes. With `data.score_background` so is the background, except that
thresholds of overlapping classes and smallest sizes of several know the foreground alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

from segline.base.files import read_labels
from segline.base.reading import refusing
from segline.config.stages import ScoredTask, TaskTable, TuneStage
from segline.masks import classes as class_images
from segline.masks.classes import Classes
from segline.metrics import objectives, semantic, volumes
from segline.metrics.intervals import clustered_error, jackknife_error
from segline.objects import class_sizes, class_tuning, maps
from segline.objects import thresholds as tuning
from segline.objects.class_decoder import ClassDecoder
from segline.submission import classes as class_submission


class Semantic:
    """A `Task`. Scores of an image count a class neither true nor predicted as 1."""

    score, score_name, listed = "dice", "mean Dice", "classes.csv"

    def __init__(self, table: TaskTable, metric: str = "") -> None:
        scored = table if isinstance(table, ScoredTask) else ScoredTask(**dict(table))
        self.table = scored.model_dump(mode="json")  # in thresholds.json and cv.json
        self.metric = objectives.of_masks(metric)
        self.classes = Classes(table.classes, table.exclusive)
        self.background, self.volume = scored.score_background, scored.volume
        self.scored_names = table.classes[0 if self.background else 1 :]

    def tuned(self, images: pd.DataFrame, parts: pd.Series, settings: TuneStage) -> dict[str, Any]:
        """A threshold a channel, or with softmax a factor a class; then the smallest sizes."""
        images = self._with_volumes(images)
        is_binary = len(self.classes) == 2
        metric = replace(self.metric, background=self.background and is_binary)
        if self.classes.activation == "softmax":
            rule, whole = "largest", replace(self.metric, background=self.background)
            found = class_tuning.scales_by(whole, images, parts, settings.class_scale)
        else:
            rule, areas = "threshold", settings.class_min_area_px
            found = class_tuning.thresholds_by(
                metric, images, parts, settings.class_threshold, self.classes, areas=areas
            )
        with_sizes = class_tuning.with_sizes(found, images, parts, settings, self.classes, metric)
        return {"task": self.table, "rule": rule} | with_sizes

    def _with_volumes(self, images: pd.DataFrame) -> pd.DataFrame:
        return images.assign(volume=volumes.names(images["image_id"], self.volume))

    def words(self, choice: Mapping[str, Any]) -> str:
        if "scales" in choice:
            named = zip(self.classes.names, choice["scales"], strict=True)
            said = "the largest of " + ", ".join(f"{name} x{scale:g}" for name, scale in named)
        else:
            named = zip(self.classes.channels, choice["thresholds"], strict=True)
            said = ", ".join(f"{name} above {threshold}" for name, threshold in named)
        for key, words in (("min_sizes", "pieces"), ("min_areas", "images' areas")):
            if key in choice:
                sizes = zip(self.classes.names[1:], choice[key], strict=True)
                said += f"; {words} from " + ", ".join(f"{name} {size} px" for name, size in sizes)
        return said

    def decoders(self, thresholds: Path, second: Path | None) -> Mapping[str, ClassDecoder]:
        tuned = tuning.read(thresholds)
        choices = {"final": tuned["final"], **tuned["parts"]}
        with refusing(thresholds, "table of thresholds", tuning.REMEDY):
            found = {name: ClassDecoder(self.classes, **each) for name, each in choices.items()}
        return found

    def scored(
        self, images: pd.DataFrame, parts: pd.Series, decoders: Mapping[str, Any]
    ) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Dice and IoU of every class, of every image and of all pixels together."""
        judged = list(zip(images.itertuples(index=False), parts, strict=True))
        found = [self._judged(image, part, decoders[part]) for image, part in judged]
        rows = pd.DataFrame([row for row, _, _ in found])
        matrices = np.array([each for _, each, _ in found])
        summary = summarise(rows, matrices, self.scored_names)
        if self.metric.real:
            summary |= self._by_volume(matrices, [(each, decoders[part]) for each, part in judged])
        else:
            summary |= self._by_metric(rows, matrices)
        levels = [counts for _, _, counts in found if counts is not None]
        if levels:
            summary["auc"] = _finite(semantic.auc(np.sum(levels, axis=0)))
        return rows, {"task": self.table} | summary

    def _by_metric(self, rows: pd.DataFrame, matrices: np.ndarray) -> dict[str, Any]:
        """The metric that was tuned by, and what a submission of empty masks would have."""
        metric, names = self.metric, np.array(volumes.names(rows["image_id"], self.volume))
        kept = metric.kept(matrices)

        def of(chosen: np.ndarray) -> float:
            return metric.overall(kept[chosen], list(names[chosen]))

        everything = np.ones(len(rows), bool)
        return {
            "metric": metric.name,
            "metric_mean": _finite(of(everything)),
            "metric_error": jackknife_error(rows["group"], of)
            if metric.over != "images" or np.isnan(kept).any()
            else clustered_error(kept.mean(axis=-1), rows["group"]),
            "empty_mean": _finite(
                metric.overall(metric.kept(self._emptied(matrices)), list(names))
            ),
        }

    def _emptied(self, matrices: np.ndarray) -> np.ndarray:
        """The counts (N, C, 2, 2) if only background were found."""
        nothing = class_sizes.emptied(matrices, [2**62])[..., 0, :, :]
        if self.background:
            nothing[:, 0] = nothing[:, 0, :, ::-1]
        return nothing

    def _by_volume(self, matrices: np.ndarray, judged: list[tuple[Any, Any]]) -> dict[str, Any]:
        """The same of a metric of volumes, which has no error here; empty masks share nothing with any."""
        order = sorted(range(len(judged)), key=lambda i: judged[i][0].image_id)
        names = volumes.names([judged[i][0].image_id for i in order], self.volume)
        found = volumes.scored(
            self.metric, matrices, names, lambda i: self._masks(*judged[order[i]])
        )
        return {
            "metric": self.metric.name,
            "metric_mean": _finite(found.mean),
            "metric_error": None,
            "empty_mean": 0.0,
        }

    def _masks(self, image: Any, decoder: Any) -> volumes.Slice:
        """The masks (H, W, C) of an image, true and found, without pixels whose class is not known."""
        probs, truth = maps.read_mean(image.oof, image.image_id), read_labels(image.labels)
        known = class_images.known(truth, self.classes)[..., None]
        return self._scored(truth) & known, self._scored(decoder(probs)) & known

    def _scored(self, labels: np.ndarray) -> np.ndarray:
        """The mask of each class that is scored, (..., C), of labels (...)."""
        masks = class_images.masks(labels, self.classes)
        if not self.background:
            return masks
        return np.concatenate([~masks.any(axis=-1, keepdims=True), masks], axis=-1)

    def _judged(
        self, image: Any, part: str, decoder: Any
    ) -> tuple[dict[str, Any], np.ndarray, np.ndarray | None]:
        """A row, the confusion counts (C, 2, 2) of each class that is scored, the levels if binary."""
        probs, truth = maps.read_mean(image.oof, image.image_id), read_labels(image.labels)
        known = class_images.known(truth, self.classes)
        truth, found = truth[known], decoder(probs)[known]
        matrices = semantic.channel_confusion(self._scored(truth), self._scored(found))
        true = class_images.masks(truth, self.classes)
        is_binary = probs.shape[-1] == true.shape[-1] == 1
        levels = semantic.level_counts(true, probs[known]) if is_binary else None
        row = {
            "image_id": image.image_id,
            "fold": image.fold,
            "part": part,
            "modality": image.modality,
            "group": image.group,
            "accuracy": float((truth == found).mean()) if truth.size else 1.0,
            **class_scores(matrices, self.scored_names),
        }
        return row, matrices, levels

    def summary_table(self, summary: Mapping[str, Any], title: str) -> Table:
        """A line a class: mean over images with its standard error, and of all pixels together."""
        table = Table(title=title, title_justify="left")
        for name in ("class", "true in", "Dice", "±", "IoU", "±", "pooled IoU"):
            table.add_column(name, justify="left" if name == "class" else "right")
        n_images = str(summary["n_images"])
        for name in self.scored_names:  # in a cv.json that is read again they are sorted
            part = summary["per_class"][name]
            table.add_row(name, str(part["n_true"]), *_cells(part, part["pooled_iou"]))
        table.add_section()
        table.add_row("all", n_images, *_cells(summary, summary["pooled_mean_iou"]))
        extra = {"pixel accuracy": "accuracy", "mAP of IoU": "map", "AUC": "auc"}
        for words, key in extra.items():
            if summary.get(key) is not None:
                table.add_row(words, "", f"{summary[key]:.4f}", "", "", "", "")
        if "empty_mean" in summary:
            shown = [_cell(summary[key]) for key in ("metric_mean", "metric_error")]
            metric = objectives.of_masks(summary["metric"])
            table.add_row(f"metric: {metric.title}", "", *shown, "", "", "")
            table.add_row("  all masks empty", "", _cell(summary["empty_mean"]), "", "", "", "")
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


def class_scores(matrices: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Dice and IoU of each class and their means from counts (C, 2, 2); with one class also mAP (`ap`)."""
    dices, ious = semantic.dice(matrices)[:, 1], semantic.iou(matrices)[:, 1]
    scores = {"dice": float(dices.mean()), "iou": float(ious.mean())}
    if len(names) == 1:
        scores["ap"] = float(semantic.map_iou(matrices[0]))
    scores |= {f"dice_{name}": float(dice) for name, dice in zip(names, dices, strict=True)}
    return scores | {f"iou_{name}": float(iou) for name, iou in zip(names, ious, strict=True)}


def summarise(rows: pd.DataFrame, matrices: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Means over images with standard errors over groups, and scores of all pixels together.

    `matrices` (N, C, 2, 2) are the images' counts of each class of `names`. `mean` is the mean Dice.
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
        for c, name in enumerate(names)
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
    return [_cell(value) for value in values]


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
