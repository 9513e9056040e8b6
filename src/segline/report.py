"""What there is to show of submissions: which set each belongs to, its score, its CV figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from segline import class_submission, submission
from segline.errors import UserError
from segline.files import read_csv, read_json
from segline.scores import KINDS, means_by_kind

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
        path.parent.name: set(read_csv(path, submission.COLUMNS, dtype=str)["ImageId"])
        for path in sorted(interim.glob("*/sample_submission.csv"))
    }
    return [_standing(path, samples, interim) for path in sorted(submissions.glob("*.csv"))]


def _standing(path: Path, samples: dict[str, set[str]], interim: Path) -> Standing:
    cv_path = path.with_suffix(".json")
    cv = read_json(cv_path) if cv_path.exists() else None
    try:
        found = list(submission.read(path))
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
            result = class_submission.scored(path, solution)
        except UserError as error:
            fault = str(error)
    return Standing(path.stem, dataset, len(found), foreign, result, cv, fault)


def with_block(text: str, name: str, content: str, *, where: str) -> str:
    """`text` with what stands between `<!-- NAME -->` and `<!-- /NAME -->` replaced by `content`."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise UserError(f"{where}: expected the markers {begin} and {end} around the block {name}")
    return f"{before}{begin}\n{content}\n{end}{after}"


def results_table(submissions: Path) -> str:
    """Markdown: this project's cross-validated figures on DSB2018 beside the public scores."""
    lines = [
        f"| what | set | mAP | {' | '.join(KINDS)} |",
        "|---|---|---|---|---|---|",
    ]
    for path in sorted(submissions.glob("*.json")):
        cv = read_json(path)
        if cv.get("dataset") == "dsb2018":
            lines.append(_result_row(path.stem, cv))
    lines += [
        f"| {name} | stage1_test, 65 images | {score:.3f} | | | |"
        for name, score in PUBLIC_STAGE1.items()
    ]
    return "\n".join(lines)


def _result_row(name: str, cv: dict[str, Any]) -> str:
    mean, _, error = mean_and_error(cv).partition(" ")
    folds = "fold" if len(cv["folds"]) == 1 else "folds"
    where = f"grouped hold-out, {folds} {', '.join(map(str, cv['folds']))}, {cv['n_images']} images"
    cells = " | ".join(means_by_kind(cv["per_modality"]))
    return f"| **segline `config={name}`** | {where} | **{mean}** {error} | {cells} |"


def model_card(
    *,
    name: str,
    configs: Mapping[str, str],
    settings: dict[str, Any],
    cv: dict[str, Any],
    provenance: dict[str, Any],
    sums: dict[str, str],
) -> str:
    """Markdown beside shipped weights: what they are, how good, where they end, what they hash to.

    `configs` are, by name, the texts of the run's config and of those it builds on (`config.lineage`).
    """
    rows = "\n".join(
        f"| {part} | {mean_and_error(found)} | {found['n_images']} |"
        for part, found in ({"all": cv} | cv["per_modality"]).items()
    )
    versions = ", ".join(
        f"{package} {version}" for package, version in provenance["packages"].items()
    )
    folds = ", ".join(map(str, cv["folds"]))
    hashes = "\n".join(f"    {digest}  {file}" for file, digest in sums.items())
    recipe = "\n\n".join(
        f"`configs/{config}.toml`:\n\n```toml\n{text.strip()}\n```"
        for config, text in configs.items()
    )
    return f"""# Weights of `config={name}`

{settings["model"]["name"]} ({settings["precision"]}), one model a fold, folds {folds}.
Trained on: {_trained_on(settings, cv)}.
First weights: {_first_weights(settings["model"]["weights"])}.
Kernels are in half precision, which loses nothing (training rounds them before they are ever used).

    make submit config={name} pretrained=1                   # the committed CSV again, minutes on a CPU
    make segment config={name} pretrained=1 images=DIR       # instance masks of your own images

Grouped cross-validation (images of one field never on both sides; thresholds and second stage
cross-fitted), mean average precision over IoU .50-.95:

| images | mAP | n |
|---|---|---|
{rows}

**Limits.** Nuclei in two-dimensional fluorescence, stained-tissue and brightfield images of the kinds
in the training set, 10 to 60 px across; a kind never seen scores far lower. Brightfield was trained on
16 images. Overlapping objects cannot be expressed. Not validated for diagnosis.

Recipe, {recipe}

Made with {versions}; python {provenance["python"]}; {provenance["device"]}; commit {provenance["git"]}.

{hashes}
"""


def _first_weights(name: str) -> str:
    known = {"none": "random", "imagenet": "of the encoder ImageNet's, else random"}
    return known.get(name, f"those of `config={name}`, fold by fold")


def _trained_on(settings: dict[str, Any], cv: dict[str, Any]) -> str:
    train = settings["train"]
    parts = [f"data set `{cv['dataset']}` (hash {cv['data_hash']})"]
    parts += [f"`{extra}`" for extra in train["extra"]]
    without = [f"{name} images" for name in train["without"]]
    if train["skip"]:
        without.append(f"{len(train['skip'])} listed images")
    return " and ".join(parts) + (f", without {' and '.join(without)}" if without else "")


def mean_and_error(found: Mapping[str, Any]) -> str:
    """`mean` and, where there is one, `standard_error` of a cv.json or a part of it."""
    error = found["standard_error"]
    return f"{found['mean']:.3f}" + ("" if error is None else f" ± {error:.3f}")
