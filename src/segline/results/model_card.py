"""The card beside shipped weights: what they are, how good, where they end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segline.config.stages import TrainedStage
from segline.results.scores import mean_and_error


def model_card(
    *,
    name: str,
    configs: Mapping[str, str],
    settings: TrainedStage,
    cv: dict[str, Any],
    provenance: dict[str, Any],
    sums: dict[str, str],
) -> str:
    """Markdown beside shipped weights: what they are, how good, where they end, what they hash to.

    `configs` are, by name, the texts of the run's config and of those it builds on (`read.lineage`).
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

{settings.model.name} ({settings.precision}), one model a fold, folds {folds}.
Trained on: {_trained_on(settings, cv)}.
First weights: {_first_weights(settings.model.weights)}.
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


def _trained_on(settings: TrainedStage, cv: dict[str, Any]) -> str:
    train = settings.train
    parts = [f"data set `{cv['dataset']}` (hash {cv['data_hash']})"]
    parts += [f"`{extra}`" for extra in train.extra]
    without = [f"{name} images" for name in train.without]
    if train.skip:
        without.append(f"{len(train.skip)} listed images")
    return " and ".join(parts) + (f", without {' and '.join(without)}" if without else "")
