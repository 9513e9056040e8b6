"""From a probability map to objects, as a run's files say: thresholds and, if fitted, a second stage."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd

from segline.base import hdf5
from segline.base.errors import UserError
from segline.base.files import store_array
from segline.base.reading import refusing
from segline.config.places import maker
from segline.masks.labels import relabel
from segline.masks.targets import Channel
from segline.objects import maps, second_stage
from segline.objects import thresholds as tuning
from segline.objects.forest import Forest

# What the objects of another view promise counts so much: the best of many uncertain claims is too high.
OTHER_VIEW = 0.5
SIZES = "class_sizes_px"  # in thresholds.json, of objects of each class


class Candidate(NamedTuple):
    """One segmentation for the second stage to choose among."""

    view: int
    labels: np.ndarray  # (H, W) int32
    promised: np.ndarray  # (n,) float, the share of IoU thresholds each object is expected to pass


class ObjectDecoder(NamedTuple):
    """Thresholds with their options; what follows is the second stage's, if there is one.

    A map has the channels of `n_views` views one after the other, the tuned one first. Each has a forest
    of its own. Where objects have `classes` the last channels are theirs, and those of a class below its
    `sizes_px` are dropped.
    """

    thresholds: tuning.Thresholds
    options: dict[str, Any]
    forests: tuple[Forest, ...] = ()
    cutoff: float = 0.0
    seed_offsets: tuple[float, ...] = (0.0,)
    foreground_offsets: tuple[float, ...] = (0.0,)
    n_views: int = 1
    classes: tuple[str, ...] = ()
    sizes_px: tuple[int, ...] = ()

    def __call__(self, probs: np.ndarray) -> np.ndarray:
        """Label image (H, W) int32 of a map (H, W, 3 or 4 a view, and one a class) uint8."""
        if not self.forests:
            labels = tuning.instances(self._shapes(probs), self.thresholds, **self.options)
            return self._large(probs, labels)[0]
        return self.with_promises(probs)[0]

    def with_promises(self, probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The label image and what the second stage promises of its objects 1..n, (n,); nan without one."""
        if self.forests:
            labels, promised = chosen(self.candidates(probs), cutoff=self.cutoff)
            labels, kept = self._large(probs, labels)
            return labels, promised[kept]
        labels = self(probs)
        return labels, np.full(int(labels.max(initial=0)), np.nan)

    def kinds(self, probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The class, from 1, of each object 1..n of a label image, (n,) int64: the likeliest on average.

        Without classes all are 0.
        """
        n = int(labels.max(initial=0))
        if not self.classes:
            return np.zeros(n, np.int64)
        channels = np.moveaxis(probs[..., -len(self.classes) :], -1, 0)
        sums = [np.bincount(labels.ravel(), weights=each.ravel())[1:] for each in channels]
        return np.argmax(sums, axis=0) + 1

    def _shapes(self, probs: np.ndarray) -> np.ndarray:
        """The map without the channels of classes."""
        return probs[..., : -len(self.classes)] if self.classes else probs

    def _large(self, probs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The label image without what is too small for its class, and which objects stay, (n,) bool."""
        if not any(self.sizes_px):
            return labels, np.ones(int(labels.max(initial=0)), bool)
        smallest = np.array([0, *self.sizes_px])[self.kinds(probs, labels)]
        kept = np.bincount(labels.ravel())[1:] >= smallest
        return relabel(np.where(np.append(False, kept)[labels], labels, 0)), kept

    def with_confidences(self, probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The label image and how sure its objects 1..n are, (n,) in 0..1.

        That is the second stage's promise, without one the mean probability of foreground.
        """
        labels, promised = self.with_promises(probs)
        if self.forests:
            return labels, np.asarray(promised, np.float64)
        pixels = np.bincount(labels.ravel())[1:]
        sums = np.bincount(labels.ravel(), weights=maps.foreground(probs).ravel())[1:]
        return labels, sums / pixels / 255

    def candidates(self, probs: np.ndarray) -> list[Candidate]:
        """The `segmentations` with what their objects promise."""
        return [
            Candidate(
                view, labels, self.forests[view].predict(features) if len(features) else np.zeros(0)
            )
            for view, labels, features in self.segmentations(probs)
        ]

    def segmentations(self, probs: np.ndarray) -> list[tuple[int, np.ndarray, pd.DataFrame]]:
        """Number of the view, label image and its objects' features, for each view and pair of offsets."""
        views = np.split(self._shapes(probs), self.n_views, axis=2)
        found = []
        for number, view in enumerate(views):
            elsewhere = 1 - views[0][..., Channel.BACKGROUND] / 255 if number else None
            for thresholds in self._shifted():
                labels = tuning.instances(view, thresholds, **self.options)
                found.append(
                    (number, labels, second_stage.measure(labels, view, elsewhere=elsewhere))
                )
        return found

    def _shifted(self) -> list[tuning.Thresholds]:
        """The tuned thresholds moved by each pair of offsets, kept inside 0.02..0.98."""

        def moved(tuned: float, offsets: Sequence[float]) -> tuple[float, ...]:
            return _floats(np.clip([tuned + offset for offset in offsets], 0.02, 0.98))

        seeds = moved(self.thresholds.seed_threshold, self.seed_offsets)
        foregrounds = moved(self.thresholds.foreground_threshold, self.foreground_offsets)
        return [
            self.thresholds._replace(seed_threshold=seed, foreground_threshold=foreground)
            for seed, foreground in itertools.product(seeds, foregrounds)
        ]


def chosen(candidates: Sequence[Candidate], *, cutoff: float) -> tuple[np.ndarray, np.ndarray]:
    """The label image (H, W) int32 that a second stage's candidates make at a cutoff, and the promises of
    its objects (n,)."""
    views, labels, promised = zip(*candidates, strict=True)
    trust = [OTHER_VIEW if view else 1.0 for view in views]
    return second_stage.choose(labels, promised, cutoff=cutoff, trust=trust)


def load(thresholds: Path, second: Path | None = None) -> dict[str, ObjectDecoder]:
    """The decoder `final` and one for each part, which was made without that part's images."""
    tuned = tuning.read(thresholds)
    choices = {"final": tuned["final"], **tuned["parts"]}
    with refusing(thresholds, "table of thresholds", tuning.REMEDY):
        classes = tuple(tuned.get("classes", ()))
        decoders = {
            name: _plain(choice, tuned["options"], classes) for name, choice in choices.items()
        }
    if second is None:
        return decoders
    return {name: _with_second(decoder, name, second) for name, decoder in decoders.items()}


def _plain(
    choice: dict[str, Any], options: dict[str, Any], classes: tuple[str, ...]
) -> ObjectDecoder:
    sizes = tuple(choice.get(SIZES, ()))
    values = {name: choice[name] for name in tuning.Thresholds._fields}
    return ObjectDecoder(tuning.Thresholds(**values), options, classes=classes, sizes_px=sizes)


def write_second(path: Path, decoders: dict[str, ObjectDecoder]) -> None:
    """Write what the second stage adds to each decoder: HDF5, a group a decoder."""
    with hdf5.writing(path, seal=maker(path)) as (file, _):
        for name, decoder in decoders.items():
            group = file.create_group(name)
            group.attrs["cutoff"] = decoder.cutoff
            group.attrs["seed_offsets"] = decoder.seed_offsets
            group.attrs["foreground_offsets"] = decoder.foreground_offsets
            for view, forest in enumerate(decoder.forests):
                for field, values in forest._asdict().items():
                    stored = values.astype(object) if field == "names" else values
                    store_array(group, f"view_{view}/{field}", stored)


def _with_second(decoder: ObjectDecoder, name: str, path: Path) -> ObjectDecoder:
    with hdf5.reading(path, "second stage", maker(path)) as file:
        if f"{name}/view_0" not in file:
            raise UserError(
                f"{path}: nothing for {name}; it is older than thresholds.json or this version; "
                f"delete it and make the run again"
            )
        group = file[name]
        forests = tuple(_forest(group[view]) for view in sorted(group))
        return decoder._replace(
            forests=forests,
            cutoff=float(group.attrs["cutoff"]),
            seed_offsets=_floats(group.attrs["seed_offsets"]),
            foreground_offsets=_floats(group.attrs.get("foreground_offsets", (0.0,))),
            n_views=len(forests),
        )


def _floats(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _forest(group: h5py.Group) -> Forest:
    values = {field: group[field][()] for field in Forest._fields if field != "names"}
    return Forest(names=group["names"].asstr()[()], **values)
