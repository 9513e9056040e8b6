"""Training of the second of two nets: a classifier of regions, on those of a fold's training images."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
from rich.progress import track

from segline.base.console import console
from segline.base.files import read_image, read_labels
from segline.config.stages import RegionsStage
from segline.config.tables import Predict
from segline.masks import regions, weight_maps
from segline.masks.classes import IGNORE
from segline.nets import losses, models, predict
from segline.nets.predict import Net
from segline.objects import maps
from segline.samples import streams
from segline.samples.streams import Purpose

THRESHOLD = 0.5  # of training regions; tuned thresholds have seen the held-out images


class Crops(NamedTuple):
    """Crops (n, S, S, C) uint8 of regions and their classes (n,), 0 the background."""

    images: np.ndarray
    classes: np.ndarray


def examples(net: Net, rows: pd.DataFrame, settings: RegionsStage, prediction: Predict) -> Crops:
    """The regions that a fold's net finds in its training images, at one half and more loosely, each of
    its most frequent true class or background; and the true regions."""
    found: list[Crops] = []
    named = list(zip(rows["image"], rows["labels"], strict=True))
    for image_path, labels_path in track(
        named, description="regions", console=console, disable=not console.is_terminal
    ):
        image, truth = read_image(image_path), read_labels(labels_path)
        probs = maps.rounded(net.probabilities(image, prediction))
        segmentations = [regions.of_classes(np.where(truth == IGNORE, 0, truth))] + [
            regions.find(probs, threshold=at, min_size_px=settings.min_size_px)
            for at in (THRESHOLD, regions.LOOSE * THRESHOLD)
        ]
        found += [_crops(image, truth, labels, settings) for labels in segmentations]
    images, classes = zip(*found, strict=True)
    return Crops(np.concatenate(images), np.concatenate(classes))


def _crops(
    image: np.ndarray, truth: np.ndarray, labels: np.ndarray, settings: RegionsStage
) -> Crops:
    """The crops of all regions of which most is known."""
    unknown = truth == IGNORE
    cut = regions.crops(image, labels, margin=settings.margin, size_px=settings.size_px)
    classes = regions.majority(labels, np.where(unknown, 0, truth), len(settings.task.classes))
    hidden = np.bincount(labels.ravel(), unknown.ravel(), len(cut) + 1)[1:]
    kept = hidden <= regions.REGION * np.bincount(labels.ravel(), minlength=len(cut) + 1)[1:]
    return Crops(cut[kept], classes[kept])


def class_counts(crops: Crops, settings: RegionsStage) -> np.ndarray:
    """Number of examples of each class (K,)."""
    return np.bincount(crops.classes, minlength=len(settings.task.classes))


def fit_classifier(
    crops: Crops, settings: RegionsStage, *, fold: int = 0
) -> tuple[keras.Model, float]:
    """A classifier trained on the crops of a fold, and the share of them that it gets right."""
    n_classes = len(settings.task.classes)
    size = settings.model.model_dump(exclude={"name", "weights"})
    model = models.build(
        settings.model.name,
        channels=crops.images.shape[-1],
        outputs={"classes": n_classes},
        seed=streams.seed(Purpose.WEIGHTS, settings.seed, fold, 1),
        **size,
    )
    class_weights = weight_maps.configured_class_weights(
        settings.class_weights,
        n_classes=n_classes,
        count=lambda: class_counts(crops, settings),
    )
    rng = streams.generator(Purpose.REGIONS, settings.seed, fold)
    accuracy = train(model, crops, class_weights, settings, rng)
    return keras.Model(model.input, model.output), accuracy


def train(
    model: keras.Model,
    crops: Crops,
    class_weights: np.ndarray,
    settings: RegionsStage,
    rng: np.random.Generator,
) -> float:
    """Train by weighted cross-entropy; the share of examples that are right at the end.

    Every epoch sees each crop in one of the square's eight symmetries.
    """
    images, classes = crops
    weight = (class_weights / class_weights[classes].mean())[classes].astype(np.float32)
    batch, n = settings.batch_size, len(images)
    steps = settings.epochs * -(-n // batch)
    rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps)
    model.compile(
        keras.optimizers.AdamW(rate, global_clipnorm=1.0),
        loss={"classes": losses.Total({"cross_entropy": 1.0})},
    )
    for _ in range(settings.epochs):
        order = rng.permutation(n)
        for start in range(0, n, batch):
            chosen = order[start : start + batch]
            turned = _symmetry(images[chosen], int(rng.integers(8)))
            model.train_on_batch(
                turned.astype(np.float32) / 255,
                {"classes": classes[chosen]},
                {"classes": weight[chosen]},
            )
    logits = predict.crop_logits(model, images)
    return float((logits.argmax(axis=1) == classes).mean())


def _symmetry(crops: np.ndarray, number: int) -> np.ndarray:
    turned = np.rot90(crops, number % 4, axes=(1, 2))
    return turned[:, :, ::-1] if number >= 4 else turned
