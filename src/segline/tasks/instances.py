"""Instances: three classes with a border, watershed, and the competition's metric of objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

from segline.base.files import read_labels
from segline.base.workers import pooled
from segline.config.stages import TaskTable, TuneStage
from segline.metrics import detections, objectives, outlines
from segline.metrics import instances as metrics
from segline.metrics.intervals import clustered_error, jackknife_error
from segline.objects import decoders, kind_sizes, maps, thresholds
from segline.objects import judge as judges
from segline.objects.decoders import ObjectDecoder
from segline.objects.judge import Judge, Names
from segline.submission import instances as submission
from segline.submission import kinds
from segline.tasks import by_kind

PERCENT = [round(100 * t) for t in metrics.THRESHOLDS]


# Columns of scores.csv beside mAP, means of which are in cv.json and below the table.
QUALITIES = {
    "panoptic": "PQ",
    "recognition": "F1 at .50",
    "matched_iou": "matched IoU",
    "jaccard": "AJI",
    "boundary_f1": "boundary F1",
    "hausdorff_px": "Hausdorff, px",
}
Ranked = tuple[np.ndarray, np.ndarray]  # of an image's objects: whether right, and how sure


class Instances:
    """A `Task`."""

    score, score_name, listed = "ap", "mAP", "objects.csv"

    def __init__(self, table: TaskTable, metric: str = "") -> None:
        self.table = table
        self.metric = objectives.of_objects(metric)
        self.judge = judges.of(table, self.metric)

    def tuned(self, images: pd.DataFrame, parts: pd.Series, settings: TuneStage) -> dict[str, Any]:
        """Thresholds of the watershed by the metric, and of classes the smallest size of each."""
        options, jobs = thresholds.options(settings), self.judge.jobs(images)
        axes = thresholds.axes(settings)

        def made(choices: list[thresholds.Thresholds]) -> np.ndarray:
            work = partial(_grid_scores, choices=choices, options=options, judge=self.judge)
            return np.array(pooled(work, jobs))

        tried = thresholds.Tried(axes, made)
        chosen = thresholds.cross_fitted(
            parts, lambda rows: thresholds.best(tried, self.judge, rows)
        )
        if not self.judge.classes:
            return chosen | {"options": options}
        sized = kind_sizes.with_sizes(chosen, images, parts, axes[-1], options, self.judge)
        return sized | {"options": options, "classes": self.judge.classes}

    def words(self, choice: Mapping[str, Any]) -> str:
        return ", ".join(f"{name} {value}" for name, value in choice.items())

    def decoders(self, tuned: Path, second: Path | None) -> Mapping[str, ObjectDecoder]:
        return decoders.load(tuned, second)

    def scored(
        self, images: pd.DataFrame, parts: pd.Series, by_part: Mapping[str, Any]
    ) -> tuple[pd.DataFrame, dict[str, Any]]:
        judged = zip(images.itertuples(index=False), parts, strict=True)
        found = [_row(image, part, by_part[part], self.judge) for image, part in judged]
        rows = pd.DataFrame([row for row, _, _ in found])
        summary = summarise(rows) | {"quality": _quality(rows)}
        if self.judge.classes:
            by_image = [each for _, _, each in found if each]
            return rows, summary | by_kind.summarised(rows, by_image, self.judge)
        ranked = [each for _, each, _ in found]
        by_metric = self._by_rank(rows, ranked) if self.metric.of is None else self._by_metric(rows)
        return rows, summary | by_metric

    def _by_metric(self, rows: pd.DataFrame) -> dict[str, Any]:
        """The metric that was tuned by, and what a submission without any object would have."""
        assert self.metric.of is not None
        tp, fp, fn = (rows[[f"{name}_{p}" for p in PERCENT]] for name in ("tp", "fp", "fn"))
        values = self.metric.of(tp, fp, fn).mean(axis=1)
        return {
            "metric": self.metric.name,
            "metric_mean": float(values.mean()),
            "metric_error": clustered_error(values, rows["group"]),
            "empty_mean": float((rows["n_true"] == 0).mean()),
        }

    def _by_rank(self, rows: pd.DataFrame, ranked: Sequence[Ranked]) -> dict[str, Any]:
        """The same of average precision, with all images' objects by confidence."""

        def of(chosen: np.ndarray) -> float:
            some = [each for each, use in zip(ranked, chosen, strict=True) if use]
            right, confidences = (np.concatenate(each) for each in zip(*some, strict=True))
            return detections.average_precision(right, confidences, int(n_true[chosen].sum()))

        n_true = rows["n_true"].to_numpy()
        return {
            "metric": self.metric.name,
            "metric_mean": of(np.ones(len(rows), bool)),
            "metric_error": jackknife_error(rows["group"], of),
            "empty_mean": float(not n_true.any()),
        }

    def summary_table(self, summary: Mapping[str, Any], title: str) -> Table:
        """Mean, error and precision at each IoU threshold, a line a modality."""
        table = Table(title=title, title_justify="left")
        for name in ("images", "n", "mAP", "±", *(f".{p}" for p in PERCENT)):
            table.add_column(name, justify="left" if name == "images" else "right")
        parts = {"all": summary} | summary["per_modality"]
        for name, part in parts.items():
            error = part["standard_error"]
            table.add_row(
                name,
                str(part["n_images"]),
                f"{part['mean']:.4f}",
                "-" if error is None else f"{error:.3f}",
                *(f"{value:.3f}" for value in part["per_threshold"]),
            )
        if "per_class" in summary:
            by_kind.add_rows(table, summary, n_columns=len(table.columns))
        if summary.get("metric", "map_iou") != "map_iou" or by_kind.some_scored(summary):
            error = summary["metric_error"]
            shown = [f"{summary['metric_mean']:.4f}", "-" if error is None else f"{error:.3f}"]
            title = objectives.of_objects(summary["metric"]).title
            table.add_row(title, "", *shown, *[""] * len(PERCENT))
        if "empty_mean" in summary:
            table.add_row(
                "no object", "", f"{summary['empty_mean']:.4f}", *[""] * (len(PERCENT) + 1)
            )
        table.add_section()
        for key, value in summary.get("quality", {}).items():
            cell = "-" if value is None else f"{value:.4f}"
            table.add_row(QUALITIES[key], "", cell, *[""] * (len(PERCENT) + 1))
        return table

    def submission(self, found: Iterable[tuple]) -> pd.DataFrame:
        """A row an instance, with its class if it has one."""
        if self.judge.classes:
            return kinds.table((image_id, labels, each) for image_id, labels, _, each in found)
        return submission.table((each[0], each[1]) for each in found)

    def checked(self, path: Path, sample: Path, shapes: Mapping[str, tuple[int, int]]) -> str:
        module = kinds if self.judge.classes else submission
        return module.checked(path, sample, shapes)

    def counts(self, labels: np.ndarray) -> dict[str, int]:
        return {"n_objects": int(labels.max(initial=0))}


def _grid_scores(
    job: tuple[str, str, list[Path], Names],
    choices: Sequence[thresholds.Thresholds],
    options: dict,
    judge: Judge,
) -> np.ndarray:
    """What the metric keeps of one image under every choice."""
    image_id, labels_path, map_paths, names = job
    truth, probs = read_labels(labels_path), maps.read_mean(map_paths, image_id)
    made = (ObjectDecoder(choice, options, classes=judge.classes) for choice in choices)
    return np.array([judge.of(truth, names, decoder, probs) for decoder in made])


def _row(
    image: Any, part: str, decoder: ObjectDecoder, judge: Judge
) -> tuple[dict[str, Any], Ranked, by_kind.Judged | None]:
    """Counts and scores of one image, its objects, and these by class if they have any."""
    probs = maps.read_mean(image.oof, image.image_id)
    truth = read_labels(image.labels)
    found, confidences = decoder.with_confidences(probs)
    tp, fp, fn = metrics.match_counts(truth, found, metrics.THRESHOLDS)
    counts = {
        f"{name}_{percent}": int(value)
        for name, values in (("tp", tp), ("fp", fp), ("fn", fn))
        for percent, value in zip(PERCENT, values, strict=True)
    }
    row = {
        "image_id": image.image_id,
        "fold": image.fold,
        "part": part,
        "modality": image.modality,
        "group": image.group,
        "n_true": int(truth.max()),
        "n_pred": int(found.max()),
        **counts,
        "ap": float(metrics.precision(tp, fp, fn).mean()),
        **_qualities(truth, found),
    }
    ranked = (detections.matched(truth, found), confidences)
    if not judge.classes:
        return row, ranked, None
    of_found = decoder.kinds(probs, found)
    of_classes = by_kind.judged(truth, image.object_classes, found, of_found, confidences, judge)
    return row | of_classes.columns, ranked, of_classes


def _qualities(truth: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """`QUALITIES` of one image; nan for those of matches where there is none."""
    quality = metrics.quality(truth, found)
    far = outlines.matched_hausdorff_px(truth, found)
    return {
        "panoptic": quality.panoptic,
        "recognition": quality.recognition,
        "matched_iou": quality.segmentation if far.size else np.nan,
        "jaccard": quality.jaccard,
        "boundary_f1": outlines.boundary_f1(truth, found),
        "hausdorff_px": float(far.mean()) if far.size else np.nan,
    }


def _quality(rows: pd.DataFrame) -> dict[str, float | None]:
    """The means over images of `QUALITIES`, None where there is no match at all."""
    means = {key: rows[key].mean() for key in QUALITIES}
    return {key: None if np.isnan(value) else float(value) for key, value in means.items()}


def summarise(rows: pd.DataFrame) -> dict[str, Any]:
    """Mean, standard error over groups, and the same by modality and by IoU threshold."""
    tp, fp, fn = (rows[[f"{name}_{p}" for p in PERCENT]].to_numpy() for name in ("tp", "fp", "fn"))
    precision = metrics.precision(tp, fp, fn)
    by_modality = {
        str(name): {
            "mean": float(part["ap"].mean()),
            "standard_error": clustered_error(part["ap"], part["group"]),
            "n_images": len(part),
            "per_threshold": precision[(rows["modality"] == name).to_numpy()].mean(0).tolist(),
        }
        for name, part in rows.groupby("modality")
    }
    return {
        "mean": float(rows["ap"].mean()),
        "standard_error": clustered_error(rows["ap"], rows["group"]),
        "n_images": len(rows),
        "n_groups": int(rows["group"].nunique()),
        "per_threshold": precision.mean(axis=0).tolist(),
        "per_modality": by_modality,
    }
