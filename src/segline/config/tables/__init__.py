"""The tables of a config. Every key has a default, so that a file states only what it changes.

Each key's text is its entry in docs/settings.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import model_validator

from segline.config.names import MODALITIES
from segline.config.tables.base import Name, Table, nearest
from segline.config.tables.data import Augment, Data, Input, Target, Weights
from segline.config.tables.net import Fitting, Loss, Model, Regions, Train
from segline.config.tables.prediction import Predict, Tune

__all__ = [
    "Augment",
    "Config",
    "Data",
    "Fitting",
    "Input",
    "Loss",
    "Model",
    "Name",
    "Predict",
    "Regions",
    "Table",
    "Target",
    "Train",
    "Tune",
    "Weights",
    "known_keys",
    "nearest",
    "tables",
]


MOST_WINDOW_PX = 16384


class Config(Table):
    """A whole experiment."""

    data: Data = Data()
    input: Input = Input()
    target: Target = Target()
    weights: Weights = Weights()
    augment: Augment = Augment()
    model: Model = Model()
    loss: Loss = Loss()
    train: Train = Train()
    predict: Predict = Predict()
    tune: Tune = Tune()
    regions: Regions = Regions()

    @property
    def folds(self) -> tuple[int, ...]:
        """The folds this config trains."""
        return tuple(range(self.data.n_folds)) if self.train.folds is None else self.train.folds

    @model_validator(mode="after")
    def _tables_fit(self) -> Config:
        unknown = [fold for fold in self.folds if fold >= self.data.n_folds]
        if unknown:
            raise ValueError(
                f"train.folds names {unknown}, but data.n_folds is {self.data.n_folds}"
            )
        repeated = {fold for fold in self.folds if self.folds.count(fold) > 1}
        if repeated:
            raise ValueError(f"train.folds names {sorted(repeated)} more than once")
        if self.train.crop_px % self.model.multiple:
            raise ValueError(
                f"train.crop_px={self.train.crop_px} must be a multiple of {self.model.multiple} "
                f"(model.stem * 2**model.depth)"
            )
        self._check_sources()
        self._check_window()
        self._check_task()
        self._check_channels()
        if self.tune.surface == "distance" and not self.target.distance:
            raise ValueError("tune.surface=distance needs target.distance=true")
        if self.predict.other_scales and not self.tune.second_stage:
            raise ValueError("predict.other_scales needs tune.second_stage=true")
        return self

    def _check_sources(self) -> None:
        """What is left out of training, and what is added to it."""
        if self.data.dataset in self.train.extra:
            raise ValueError(
                f"train.extra names {self.data.dataset}, the data set itself, whose images are held out"
            )
        if self.model.name == "classifier":
            raise ValueError("model.name=classifier is for regions.model")
        if self.data.task == "instances" and set(self.train.without) >= set(MODALITIES):
            raise ValueError("train.without names every modality, so nothing is left to train on")

    def _check_window(self) -> None:
        """What is cut out of an image before it is turned and magnified."""
        low = min(1.0, self.augment.scale[0], self.augment.magnification[0])
        window_px = round(self.train.crop_px / low)
        if window_px > MOST_WINDOW_PX:
            raise ValueError(
                f"train.crop_px={self.train.crop_px} at the smallest magnification {low} (augment.scale, "
                f"augment.magnification) cuts {window_px} px, above {MOST_WINDOW_PX}"
            )

    def _check_task(self) -> None:
        is_instances = self.data.task == "instances"
        if is_instances and self.input.size:
            raise ValueError("input.size goes with task=semantic or two_stage")
        if not is_instances and self.input.mode == "nuclei":
            raise ValueError(
                f"input.mode=nuclei is for instances; task={self.data.task} has grey or rgb"
            )
        if not is_instances and (self.target.distance or self.tune.second_stage):
            raise ValueError("target.distance and tune.second_stage go with task=instances")
        two = ("background", "object")
        names = self.data.classes if self.data.task == "semantic" else two
        _check_numbers("weights.class_weights", self.weights.class_weights, names)
        if 0.0 in tuple(self.weights.class_weights):
            raise ValueError(
                f"weights.class_weights={list(self.weights.class_weights)} needs numbers above 0: a crop "
                f"of a class of weight 0 alone teaches nothing; pixels to leave out are data.ignore"
            )
        _check_numbers(
            "regions.class_weights", self.regions.class_weights, self.data.classes or two
        )

    def _check_channels(self) -> None:
        chosen, bands = self.data.n_channels, self.input.bands
        if chosen not in (0, 1, 3) and bands != chosen:
            raise ValueError(
                f"data.channels names {chosen} channels, which input.mode={chosen} shows to the net; found "
                f"input.mode={self.input.mode}"
            )
        if bands and bands != (chosen or 3):
            raise ValueError(
                f"input.mode={bands} needs data.channels to name those {bands}, found {chosen or 'none'}"
            )


def _check_numbers(key: str, weights: str | tuple[float, ...], names: Sequence[str]) -> None:
    if not isinstance(weights, str) and weights and not any(weights):
        raise ValueError(f"{key}: all of the weights are 0")
    if not isinstance(weights, str) and len(weights) != len(names):
        raise ValueError(f"{key} has {len(weights)} numbers for the classes {', '.join(names)}")


def tables() -> dict[str, type[Table]]:
    """The tables of a config by name."""
    found: dict[str, Any] = {name: field.annotation for name, field in Config.model_fields.items()}
    return found


def known_keys() -> list[str]:
    """Every key a config or `set=` may name, as `table.key`."""
    return [f"{name}.{key}" for name, table in tables().items() for key in table.model_fields]
