"""Train the second of two stages: a classifier of regions, on those of a fold's training images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from rich.progress import track

from segline import inference, losses, maps, models, regions, weights
from segline.config import filled, read_stage
from segline.console import console
from segline.errors import UserError
from segline.files import read_image, read_json, read_labels, replacing, write_json
from segline.manifest import read_folds, read_images
from segline.sampling import fitted_on

THRESHOLD = 0.5  # of training regions; tuned thresholds have seen the held-out images


def run(
    *, model: Path, params: Path, predict: Path, images: Path, folds: Path, fold: int, out: Path
) -> None:
    """Write `out` (classifier.keras) and, beside it, .json with its settings and numbers of examples.

    Examples are the regions that the fold's net (`model`) finds in its training images, at one half and
    more loosely, each of its most frequent true class or background; and the true regions.
    """
    settings, net = read_stage(params), inference.load(model)
    trained = filled("train", read_json(model.with_suffix(".json")))["train"]
    table = read_folds(read_images(images), folds)
    rows = table[fitted_on(table, fold, trained)]
    crops, classes = _examples(net, rows, settings, read_stage(predict))
    names = settings["task"]["classes"]
    counts = np.bincount(classes, minlength=len(names))
    if not counts[1:].any():
        raise UserError(f"{images}: fold {fold} leaves no region to train the classifier on")
    keras.utils.set_random_seed(settings["seed"])
    size = dict(settings["model"])
    size.pop("weights")
    built = models.build(
        size.pop("name"), channels=3, outputs={"classes": len(names)}, seed=settings["seed"], **size
    )
    class_weights = weights.configured_class_weights(
        settings["class_weights"], n_classes=len(names), count=lambda: counts
    )
    accuracy = _fitted(built, crops, classes, class_weights, settings)
    shown = ", ".join(f"{name} {n}" for name, n in zip(names, counts, strict=True))
    write_json(out.with_suffix(".json"), settings | {"examples": counts.tolist()})
    with replacing(out) as temporary:
        keras.Model(built.input, built.output).save(temporary)
    console.print(f"wrote {out}: trained on {shown}; accuracy there {accuracy:.3f}")


def _examples(
    net: inference.Net, rows: pd.DataFrame, settings: dict, predict: dict
) -> tuple[np.ndarray, np.ndarray]:
    """Crops (n, S, S, 3) uint8 and their classes (n,)."""
    n_classes, crops, classes = len(settings["task"]["classes"]), [], []
    cut = {name: settings[name] for name in ("margin", "size_px")}
    named = list(zip(rows["image"], rows["labels"], strict=True))
    for image_path, labels_path in track(
        named, description="regions", console=console, disable=not console.is_terminal
    ):
        image, truth = read_image(image_path), read_labels(labels_path)
        probs = maps.rounded(net.probabilities(image, **predict))
        found = [regions.of_classes(truth)] + [
            regions.find(probs, threshold=at, min_size_px=settings["min_size_px"])
            for at in (THRESHOLD, regions.LOOSE * THRESHOLD)
        ]
        for labels in found:
            crops.append(regions.crops(image, labels, **cut))
            classes.append(regions.majority(labels, truth, n_classes))
    return np.concatenate(crops), np.concatenate(classes)


def _fitted(
    model: keras.Model,
    crops: np.ndarray,
    classes: np.ndarray,
    class_weights: np.ndarray,
    settings: dict[str, Any],
) -> float:
    """Train by weighted cross-entropy; the share of examples that are right at the end.

    Every epoch sees each crop in one of the square's eight symmetries.
    """
    rng = np.random.default_rng(settings["seed"])
    weight = (class_weights / class_weights[classes].mean())[classes].astype(np.float32)
    batch, n = settings["batch_size"], len(crops)
    steps = settings["epochs"] * -(-n // batch)
    rate = keras.optimizers.schedules.CosineDecay(settings["learning_rate"], steps)
    model.compile(
        keras.optimizers.AdamW(rate, global_clipnorm=1.0),
        loss={"classes": losses.Total({"cross_entropy": 1.0})},
    )
    for _ in range(settings["epochs"]):
        order = rng.permutation(n)
        for start in range(0, n, batch):
            chosen = order[start : start + batch]
            turned = _symmetry(crops[chosen], int(rng.integers(8)))
            model.train_on_batch(
                turned.astype(np.float32) / 255,
                {"classes": classes[chosen]},
                {"classes": weight[chosen]},
            )
    logits = inference.crop_logits(model, crops)
    return float((logits.argmax(axis=1) == classes).mean())


def _symmetry(crops: np.ndarray, number: int) -> np.ndarray:
    turned = np.rot90(crops, number % 4, axes=(1, 2))
    return turned[:, :, ::-1] if number >= 4 else turned
