"""Instances: three classes with a border, watershed, and the competition's mAP of IoU."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

from segline import maps, metrics, submission, tuning
from segline import recipes as object_recipes
from segline.files import read_labels
from segline.manifest import out_of_fold_jobs
from segline.samples import ObjectTeacher, ReadPair, fold_class_weights
from segline.uncertainty import clustered_error
from segline.workers import pooled

OPTIONS = ("fill_holes", "surface")
PERCENT = [round(100 * t) for t in metrics.THRESHOLDS]


class Instances:
    """A `Task`; classes and `exclusive` say nothing here."""

    activation = "softmax"
    target_channels: int | None = None
    score, score_name, listed = "ap", "mAP", "objects.csv"

    def __init__(self, classes: Sequence[str] = (), exclusive: bool = True) -> None:
        pass

    def outputs(self, settings: Mapping[str, Any]) -> dict[str, int]:
        """Background, body and border, and the distance if the target has it."""
        return {"classes": 3} | ({"distance": 1} if settings["target"]["distance"] else {})

    def teacher(self, read: ReadPair, n_images: int, settings: Mapping[str, Any]) -> ObjectTeacher:
        target, weights = settings["target"], settings["weights"]
        widths = zip([*target["border_area_px"], np.inf], target["border_px"], strict=True)
        background, body = fold_class_weights(read, n_images, method=weights["class_weights"])
        return ObjectTeacher(
            border={"widths": tuple(widths), "gap_px": target["gap_px"]},
            w0=weights["w0"],
            sigma=weights["sigma"],
            class_weights=(float(background), float(body)),
            distance=target["distance"],
        )

    def tuned(
        self, images: pd.DataFrame, parts: pd.Series, settings: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Thresholds of the watershed by mAP."""
        axes = {name: settings[name] for name in tuning.Thresholds._fields}
        options = {name: settings[name] for name in OPTIONS}
        score = partial(_grid_scores, choices=tuning.grid(axes), options=options)
        scores = np.array(pooled(score, out_of_fold_jobs(images)))
        chosen = tuning.cross_fitted(parts, lambda rows: tuning.best(scores[rows], axes)._asdict())
        return chosen | {"options": options}

    def words(self, choice: Mapping[str, Any]) -> str:
        return ", ".join(f"{name} {value}" for name, value in choice.items())

    def recipes(self, thresholds: Path, second: Path | None) -> Mapping[str, object_recipes.Recipe]:
        return object_recipes.load(thresholds, second)

    def scored(
        self, images: pd.DataFrame, parts: pd.Series, recipes: Mapping[str, Any]
    ) -> tuple[pd.DataFrame, dict[str, Any]]:
        judged = zip(images.itertuples(index=False), parts, strict=True)
        rows = pd.DataFrame(_row(image, part, recipes[part]) for image, part in judged)
        return rows, summarise(rows)

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
        return table

    def submission(self, found: Iterable[tuple[str, np.ndarray]]) -> pd.DataFrame:
        """A row an instance."""
        return submission.table(found)

    def counts(self, labels: np.ndarray) -> dict[str, int]:
        return {"n_objects": int(labels.max(initial=0))}


def _grid_scores(
    job: tuple[str, str, list[Path]], choices: Sequence[tuning.Thresholds], options: dict
) -> np.ndarray:
    """mAP of one image under every choice."""
    image_id, labels_path, map_paths = job
    truth, probs = read_labels(labels_path), maps.read_mean(map_paths, image_id)
    return tuning.grid_scores(truth, probs, choices, **options)


def _row(image: Any, part: str, recipe: object_recipes.Recipe) -> dict[str, Any]:
    """Counts and score of one image."""
    probs = maps.read_mean(image.oof, image.image_id)
    truth = read_labels(image.labels)
    found = recipe(probs)
    tp, fp, fn = metrics.match_counts(truth, found, metrics.THRESHOLDS)
    counts = {
        f"{name}_{percent}": int(value)
        for name, values in (("tp", tp), ("fp", fp), ("fn", fn))
        for percent, value in zip(PERCENT, values, strict=True)
    }
    return {
        "image_id": image.image_id,
        "fold": image.fold,
        "part": part,
        "modality": image.modality,
        "group": image.group,
        "n_true": int(truth.max()),
        "n_pred": int(found.max()),
        **counts,
        "ap": float(metrics.precision(tp, fp, fn).mean()),
    }


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
