"""What there is to show of submissions: which set each belongs to, its score, its CV figures."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, NamedTuple

from segline.base.checksums import sha256
from segline.base.errors import UserError
from segline.base.files import read_json, read_toml
from segline.config.places import DataFiles
from segline.config.tables.dialect import Dialect
from segline.data.tables import described, read_images, shapes
from segline.metrics import objectives
from segline.submission import classes, dialect, instances, rows, scored

# Public scores on DSB2018 stage1_test (65 images), mean average precision over IoU .50-.95.
PUBLIC_STAGE1 = {
    "Keras U-Net starter (keegil)": 0.277,
    "plain U-Net (samuelschen)": 0.361,
    "plain U-Net + watershed (samuelschen)": 0.413,
    "minerva open solution, ResNet152 U-Nets": 0.457,
    "three-head U-Net from scratch (samuelschen)": 0.481,
    "ResNet34 ImageNet three-head U-Net + TTA (samuelschen)": 0.549,
    "the same with external data (samuelschen)": 0.618,
}


def official(submissions: Path) -> dict[str, dict[str, float]]:
    """Scores on the official stage1_test labels by submission, from official.toml beside the CSVs.

    `mAP`, and `fluorescence` and `tissue` alone. One whose CSV has changed since then is left out.
    """
    path = submissions / "official.toml"
    found = read_toml(path) if path.exists() else {}
    return {
        name: {key: value for key, value in row.items() if key != "sha256"}
        for name, row in found.items()
        if (csv := submissions / f"{name}.csv").exists() and sha256(csv) == row["sha256"]
    }


class Standing(NamedTuple):
    """One CSV: `dataset` is None if no data set made here has its ids; `result` is its score where
    a solution exists, by `metric` in words; `cv` its cross-validated figures; `fault` why it cannot be
    scored."""

    name: str
    dataset: str | None
    n_images: int
    foreign_ids: list[str]
    result: dict[str, Any] | None
    cv: dict[str, Any] | None
    fault: str | None
    metric: str = ""

    @property
    def cross_validated(self) -> tuple[str, float | None, float | None]:
        """The metric of the cross-validated figure in words, the figure and its error."""
        cv = self.cv or {}
        if cv.get("metric_mean") is not None:
            return title(cv["metric"]), cv["metric_mean"], cv["metric_error"]
        usual = ("map_iou" if "per_threshold" in cv else "dice") if cv else ""
        return title(usual), cv.get("mean"), cv.get("standard_error")


class DataSet(NamedTuple):
    """What tells whose a CSV is: the images of the sample submission, and how it is read."""

    folder: DataFiles
    image_ids: set[str]
    dialect: Dialect | None

    def ids(self, path: Path) -> list[str]:
        """The images of a CSV, each once; UserError if it is none of this set's kind."""
        if self.dialect is None:
            return list(instances.read(path))
        return dialect.image_ids(rows.read(path), self.dialect, path)


def title(metric: str) -> str:
    """A metric in words, by its name; empty for an empty one."""
    known = objectives.OF_OBJECTS | objectives.OF_MASKS
    return known[metric].title if metric in known else metric


def standings(submissions: Path, interim: Path) -> list[Standing]:
    """Every CSV of `submissions`, against the data sets below `interim`, by name.

    Sets that another version of the package made are left out: they know no CSV of today.
    """
    sets = []
    for path in sorted(interim.glob("*/sample_submission.csv")):
        with contextlib.suppress(UserError):
            sets.append(_data_set(DataFiles(path.parent)))
    return [_standing(path, sets) for path in sorted(submissions.glob("*.csv"))]


def _data_set(folder: DataFiles) -> DataSet:
    way = described(folder.images)
    made = DataSet(folder, set(), way)
    return made._replace(image_ids=set(made.ids(folder.sample)))


def _standing(path: Path, sets: list[DataSet]) -> Standing:
    cv_path = path.with_suffix(".json")
    cv = read_json(cv_path) if cv_path.exists() else None
    owner, found, fault = _owner(path, sets)
    if owner is None:
        return Standing(path.stem, None, len(found), [], None, cv, fault)
    foreign = [image_id for image_id in found if image_id not in owner.image_ids]
    result, metric, fault = None, "", None
    if owner.folder.solution.exists():
        try:
            result, metric = _scored(path, owner)
        except UserError as error:
            fault = str(error)
    name = owner.folder.folder.name
    return Standing(path.stem, name, len(found), foreign, result, cv, fault, metric)


def _owner(path: Path, sets: list[DataSet]) -> tuple[DataSet | None, list[str], str | None]:
    """The set that shares most images with a CSV, those of the CSV, and why nobody can read it."""
    best: tuple[DataSet | None, list[str], str | None] = None, [], None
    shared, fault = 0, None
    for each in sets or [DataSet(DataFiles(path.parent), set(), None)]:
        try:
            found = each.ids(path)
        except UserError as error:
            fault = fault or str(error)
            continue
        if (n := len(each.image_ids.intersection(found))) > shared:
            best, shared = (each, found, None), n
        elif not best[1]:
            best = None, found, None
    return best if best[1] else (None, [], fault)


def _scored(path: Path, owner: DataSet) -> tuple[dict[str, Any], str]:
    """A CSV's score against its set's solution, and the metric in words."""
    solution = owner.folder.solution
    if owner.dialect is not None:
        sizes = shapes(read_images(owner.folder.images))
        result = scored.score(path, solution, owner.dialect, sizes)
        return result, title(result["metric"])
    of_objects = owner.folder.object_classes.exists()
    result = classes.scored(path, solution, of_objects=of_objects)
    return result, title("map_iou" if of_objects or "per_threshold" in result else "dice")
