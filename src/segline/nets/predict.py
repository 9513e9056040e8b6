"""Probability maps of whole images at their own size: padding, tiles, symmetries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import numpy as np
from scipy.special import softmax

from segline.config import stages
from segline.config.places import FoldFiles
from segline.config.stages import ClassifierStage, RegionsStage, TrainedStage
from segline.config.tables import Input, Predict
from segline.masks import regions, resize
from segline.nets import model_file
from segline.samples import heads, normalise

PredictTile = Callable[[np.ndarray], np.ndarray]


class Net(NamedTuple):
    """A trained model and what of its settings prediction needs."""

    model: keras.Model
    multiple: int  # that its sides must be
    input: Input
    activation: str  # of the output `classes`
    unseen: tuple[str, ...]  # modalities it was trained without
    n_kinds: int = 0  # classes of objects

    def probabilities(self, image: np.ndarray, settings: Predict) -> np.ndarray:
        """Maps (H, W, n) of an image (H, W, C) uint8: RGB, or the channels of `input.mode`.

        A net of images of one size predicts at that size; its maps come back to the image's.
        """
        channels = normalise.to_channels(
            normalise.prepared(image, self.input), mode=self.input.mode
        )
        probs = probability_map(
            self.model,
            channels,
            settings,
            multiple=self.multiple,
            activation=self.activation,
            n_kinds=self.n_kinds,
        )
        return resize.smooth(probs, image.shape[:2])


def net(model: keras.Model, settings: TrainedStage) -> Net:
    """A trained model with its settings."""
    head = heads.of(settings.task, settings.target)
    return Net(
        model=model,
        multiple=settings.model.multiple,
        input=settings.input,
        activation=head.activation,
        unseen=settings.train.without,
        n_kinds=head.outputs.get("kinds", 0),
    )


def load(place: FoldFiles) -> Net:
    """The net of a fold."""
    return net(
        model_file.read(place.model),
        stages.read(place.settings, TrainedStage),
    )


class Classifier(NamedTuple):
    """The classifier of two stages and its settings."""

    model: keras.Model
    settings: RegionsStage

    def __call__(self, image: np.ndarray, probs: np.ndarray, threshold: float) -> np.ndarray:
        """Class maps (H, W, K) in 0..1 of an RGB image and its regions' map (H, W, 1) uint8."""
        table = self.settings
        found = regions.find(probs, threshold=threshold, min_size_px=table.min_size_px)
        crops = regions.crops(image, found, margin=table.margin, size_px=table.size_px)
        return regions.painted(found, softmax(crop_logits(self.model, crops), axis=1))


def load_classifier(place: FoldFiles) -> Classifier:
    """The classifier of a fold."""
    settings = stages.read(place.classifier_settings, ClassifierStage)
    return Classifier(model_file.read(place.classifier), settings)


def crop_logits(model: keras.Model, crops: np.ndarray, *, batch: int = 64) -> np.ndarray:
    """Logits (n, K) float32 of crops (n, S, S, C) uint8."""
    shown = [crops[i : i + batch].astype(np.float32) / 255 for i in range(0, len(crops), batch)]
    logits = [keras.ops.convert_to_numpy(model(part, training=False)["classes"]) for part in shown]
    return np.concatenate([np.zeros((0, model.output["classes"].shape[-1]), np.float32), *logits])


def probability_map(
    model: keras.Model,
    image: np.ndarray,
    settings: Predict,
    *,
    multiple: int,
    activation: str = "softmax",
    n_kinds: int = 0,
) -> np.ndarray:
    """Probabilities (H, W, n * views) float32 of an image (H, W, C) float32, any H and W.

    The channels are the softmax or sigmoid (`activation`) of the output `classes`, then, if the net has
    it, `distance` in 0..1. The softmax of its `n_kinds` channels `kinds` comes after those of all views.

    The net takes sides that are a `multiple`; others are padded by mirroring. Of `settings`, `symmetries`
    averages over the first so many of the square's symmetries, `scales` over predictions of the image so
    many times as large, brought back to its size. Each of `other_scales` is another view, whose n
    channels come after those of the first. Images above `tile_px` a side are predicted in tiles that
    share `overlap_px` and are blended linearly there.
    """

    def predict(tile: np.ndarray) -> np.ndarray:
        return _mean_over_symmetries(model, tile, settings.symmetries, multiple, activation)

    def at(scale: float) -> np.ndarray:
        shown = _scaled(image, scale)
        probs = _blended(predict, shown, tile_px=settings.tile_px, overlap_px=settings.overlap_px)
        return resize.smooth(probs, image.shape[:2])

    first = np.mean([at(scale) for scale in settings.scales], axis=0)
    others = [at(scale) for scale in settings.other_scales]
    n = first.shape[-1] - n_kinds
    views = [view[..., :n] for view in (first, *others)]
    return np.concatenate([*views, first[..., n:]] if n_kinds else views, axis=-1)


def _scaled(image: np.ndarray, scale: float) -> np.ndarray:
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return resize.smooth(image, (height, width))


def _mean_over_symmetries(
    model: keras.Model, image: np.ndarray, symmetries: int, multiple: int, activation: str
) -> np.ndarray:
    """Each symmetry goes through the net alone, so that memory does not grow with their number."""
    total: np.ndarray | None = None
    padded, (height, width) = _padded(image, multiple=multiple)
    for turns, mirror in list(_symmetries())[:symmetries]:
        turned = np.rot90(padded[:, ::-1] if mirror else padded, turns)
        back = np.rot90(_activated(model, np.ascontiguousarray(turned), activation), -turns)
        back = back[:, ::-1] if mirror else back
        total = back if total is None else total + back
    assert total is not None
    return (total / symmetries)[:height, :width]


def _activated(model: keras.Model, image: np.ndarray, activation: str) -> np.ndarray:
    logits = model(image[None], training=False)
    parts = [
        {"softmax": keras.ops.softmax, "sigmoid": keras.ops.sigmoid}[activation](logits["classes"])
    ]
    if "distance" in logits:
        parts.append(keras.ops.sigmoid(logits["distance"]))
    if "kinds" in logits:
        parts.append(keras.ops.softmax(logits["kinds"]))
    return np.concatenate([keras.ops.convert_to_numpy(part)[0] for part in parts], axis=-1)


def _symmetries() -> Iterator[tuple[int, bool]]:
    """(quarter turns, mirrored): identity, mirror, half turns, then the quarter turns."""
    for turns in (0, 2, 1, 3):
        yield turns, False
        yield turns, True


def _padded(image: np.ndarray, *, multiple: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Mirror the lower and right side out to a multiple; a side of one pixel is repeated."""
    height, width = image.shape[:2]
    pads = [(0, -size % multiple) for size in (height, width)]
    return np.pad(image, [*pads, (0, 0)], mode="symmetric"), (height, width)


def _blended(
    predict: PredictTile, image: np.ndarray, *, tile_px: int, overlap_px: int
) -> np.ndarray:
    height, width = image.shape[:2]
    if max(height, width) <= tile_px:
        return predict(image)
    rows, columns = (starts(size, tile_px, overlap_px) for size in (height, width))
    total, weight = None, np.zeros((height, width, 1), np.float32)
    for top in rows:
        for left in columns:
            area = np.s_[top : min(top + tile_px, height), left : min(left + tile_px, width)]
            probs = predict(image[area])
            ramp = _ramp(probs.shape[:2], overlap_px)
            if total is None:
                total = np.zeros((height, width, probs.shape[2]), np.float32)
            total[area] += probs * ramp
            weight[area] += ramp
    assert total is not None
    return total / weight


def starts(size: int, tile: int, overlap: int) -> list[int]:
    """Where tiles of a side begin, so that neighbours share `overlap` px or more."""
    if size <= tile:
        return [0]
    count = -(-(size - overlap) // (tile - overlap))
    return [round(i * (size - tile) / (count - 1)) for i in range(count)]


def _ramp(shape: tuple[int, int], overlap: int) -> np.ndarray:
    """Weights that fall towards the tile's edges over the overlap, never 0: (H, W, 1) float32."""
    sides = []
    for size in shape:
        edge = np.minimum(np.arange(size) + 1, np.arange(size)[::-1] + 1)
        sides.append(np.minimum(edge, max(overlap, 1)).astype(np.float32))
    return (sides[0][:, None] * sides[1])[..., None]
