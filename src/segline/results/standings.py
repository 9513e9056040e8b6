"""What there is to show of submissions: which set each belongs to, its score, its CV figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from segline.base.checksums import sha256
from segline.base.errors import UserError
from segline.base.files import read_csv, read_json, read_toml
from segline.submission import classes, instances

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
    a solution exists; `cv` its cross-validated figures; `fault` why it cannot be scored."""

    name: str
    dataset: str | None
    n_images: int
    foreign_ids: list[str]
    result: dict[str, Any] | None
    cv: dict[str, Any] | None
    fault: str | None


def standings(submissions: Path, interim: Path) -> list[Standing]:
    """Every CSV of `submissions`, against the data sets below `interim`, by name."""
    samples = {
        path.parent.name: set(read_csv(path, instances.COLUMNS, dtype=str)["ImageId"])
        for path in sorted(interim.glob("*/sample_submission.csv"))
    }
    return [_standing(path, samples, interim) for path in sorted(submissions.glob("*.csv"))]


def _standing(path: Path, samples: dict[str, set[str]], interim: Path) -> Standing:
    cv_path = path.with_suffix(".json")
    cv = read_json(cv_path) if cv_path.exists() else None
    try:
        found = list(instances.read(path))
    except UserError as error:
        return Standing(path.stem, None, 0, [], None, cv, str(error))
    dataset = max(samples, key=lambda name: len(samples[name].intersection(found)), default=None)
    if dataset is None or not samples[dataset].intersection(found):
        return Standing(path.stem, None, len(found), [], None, cv, None)
    foreign = [image_id for image_id in found if image_id not in samples[dataset]]
    result, fault = None, None
    solution = interim / dataset / "solution.csv"
    if solution.exists():
        try:
            result = classes.scored(path, solution)
        except UserError as error:
            fault = str(error)
    return Standing(path.stem, dataset, len(found), foreign, result, cv, fault)
