"""Score a submission CSV against a solution CSV, as the leaderboard does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segline.base.console import console, say
from segline.base.errors import UserError
from segline.base.files import read_csv, write_json
from segline.config import read
from segline.config.places import DataFiles
from segline.config.tables.built_in import built_in
from segline.config.tables.dialect import Dialect
from segline.data.tables import described, read_images, settings_of, shapes
from segline.metrics import instances as metrics
from segline.metrics import objectives
from segline.submission import classes, ids, kinds, rows
from segline.submission import scored as in_dialect


def run(
    submission: Path,
    solution: Path,
    json: Path | None = None,
    dialect: str = "",
    images: Path | None = None,
) -> None:
    """Score a submission CSV against a solution CSV: mean, and into `json` all figures.

    With `dialect`, the name of a built-in one or a config, or with the `images` of a set read by one, both
    are in the competition's own way and the score is by its metric; sizes are those of `images`
    (images.csv), of columns Height and Width of the solution, or the dialect's. Else, of instances, and of
    binary masks, one an image, the mean is the mAP of IoU; the latter have Dice and IoU too. With ClassId
    it is the mean Dice, or of objects with classes the mean of their mAP.
    """
    way = _named(dialect) if dialect else described(images) if images else None
    sample = _sample(solution, images)
    if sample:
        _check_spelling(submission, sample, way)
    if way is None or way.source != "dialect":
        n_classes = _n_object_classes(images)
        result = (
            kinds.score(submission, solution, n_classes)
            if n_classes
            else classes.scored(submission, solution)
        )
        _show(submission, result)
    else:
        sizes = shapes(read_images(images)) if images else None
        result = in_dialect.score(submission, solution, way, sizes)
        _show_metric(submission, result)
    if json:
        write_json(json, result)


def _sample(solution: Path, images: Path | None) -> Path | None:
    """The sample submission beside the images, or else beside the solution."""
    beside = (DataFiles(path.parent).sample for path in (images, solution) if path)
    return next((path for path in beside if path.is_file()), None)


def _check_spelling(submission: Path, sample: Path, way: Dialect | None) -> None:
    """Refuse ids that are not spelt as in the sample, as `validate` does."""
    if way is None or way.source != "dialect":
        mine, theirs = (
            list(read_csv(path, ("ImageId",), dtype=str)["ImageId"])
            for path in (submission, sample)
        )
    else:
        mine, theirs = (
            [row.written for row in rows.of(rows.read(path), way.submitted, way, path)]
            for path in (submission, sample)
        )
    ids.check_spelling(mine, theirs, submission, sample)


def _n_object_classes(images: Path | None) -> int:
    """How many classes the objects of a set have, 0 if none or not known."""
    settings = settings_of(images) if images else None
    return len(settings.object_classes) if settings else 0


def _named(name: str) -> Dialect:
    """The dialect that is built in by that name, or that of a config."""
    if name.endswith(".toml"):
        found = read.load(name).data.dialect
        if found is None:
            raise UserError(f"{name}: no data.dialect; name a built-in one: --dialect SLUG")
        return found
    try:
        return Dialect.model_validate(built_in(name))
    except ValueError as error:
        raise UserError(f"--dialect: {error}") from None


def _show_metric(submission: Path, result: dict[str, Any]) -> None:
    name = result["metric"]
    metric = objectives.OF_OBJECTS.get(name) or objectives.OF_MASKS[name]
    mean, empty = (_figure(result[key]) for key in ("mean", "empty_mean"))
    say(f"{submission}: {metric.title} {mean} on {result['n_images']} images")
    if len(result.get("per_class", {})) > 1:
        parts = (f"{name} {_figure(value)}" for name, value in result["per_class"].items())
        console.print("  " + ", ".join(parts))
    say(f"  without any mask it would be {empty}")


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _show(submission: Path, result: dict[str, Any]) -> None:
    figures = {"Dice": "dice", "IoU": "iou"} | (
        {"mAP": "mean"} if "dice" not in result or "per_threshold" in result else {}
    )
    shown = ", ".join(f"{name} {result[key]:.4f}" for name, key in figures.items() if key in result)
    say(f"{submission}: {shown} on {result['n_images']} images")
    if "per_threshold" in result:
        pairs = zip(metrics.THRESHOLDS, result["per_threshold"], strict=True)
        console.print("precision by IoU  " + "  ".join(f"{t:.2f}:{p:.3f}" for t, p in pairs))
    for number, part in result.get("per_class", {}).items():
        console.print(f"  class {number}: " + ", ".join(f"{k} {v:.4f}" for k, v in part.items()))
