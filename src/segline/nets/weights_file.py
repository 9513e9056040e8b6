"""Trained weights in half precision: what the repository carries, and how a model comes from it.

Training rounds a finished model's kernels to half precision (`round_kernels`), so that packing them loses
nothing and a model made from the packed file predicts what the trained one did, bit for bit.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path

import h5py
import keras
import numpy as np

from segline.base import hdf5
from segline.base.errors import UserError
from segline.base.files import store_array
from segline.config import stages
from segline.config.stages import TrainedStage
from segline.nets import checkpoint, model_file, models

HALF_MAX = float(np.finfo(np.float16).max)


def round_kernels(model: keras.Model) -> None:
    """Round every kernel (a weight of two axes or more) to the nearest half-precision number."""
    for variable in model.weights:
        if len(variable.shape) > 1:
            values = keras.ops.convert_to_numpy(variable)
            variable.assign(np.clip(values, -HALF_MAX, HALF_MAX).astype(np.float16))


def write(path: Path, model: keras.Model, settings: TrainedStage) -> None:
    """Write a model's weights and `settings` (model.json) as one HDF5 file, halves where exact."""
    with hdf5.writing(path) as (file, _):
        file.attrs["settings"] = json.dumps(settings.model_dump(mode="json"), sort_keys=True)
        for number, variable in enumerate(model.weights):
            values = keras.ops.convert_to_numpy(variable)
            half = values.astype(np.float16)
            stored = half if np.array_equal(half, values) else values
            store_array(file, f"{number:05d}", stored)


def settings_of(path: Path) -> TrainedStage:
    """The settings (model.json) that a packed model was trained with."""
    with _opened(path) as file:
        return stages.parse(json.loads(file.attrs["settings"]), TrainedStage, str(path))


def read(path: Path) -> keras.Model:
    """Build the packed model at `path` under its own precision, with its weights."""
    settings = settings_of(path)
    model = models.from_settings(settings, settings.precision, fetch=False)
    with _opened(path) as file:
        values = [file[name][()] for name in sorted(file)]
    try:
        checkpoint.assign(model.weights, values)
    except ValueError:
        raise UserError(
            f"{path}: its weights do not fit model {settings.model.name} of this version"
        ) from None
    return model


def start_from(model: keras.Model, path: Path) -> list[str]:
    """Give `model` the weights of the trained model at `path`; the names of the outputs left as they were.

    Those are outputs that it has not, or with other channels. UserError if the rest does not fit.
    """
    trained = model_file.read(path)
    try:
        checkpoint.assign(_body(model), _body(trained))
    except ValueError:
        raise UserError(
            f"{path}: its weights do not fit this model; give both configs the same model.name, width, "
            f"max_width, depth, stem and input.mode"
        ) from None
    new = []
    for name in model.output:
        theirs = trained.get_layer(name).weights if name in trained.output else []
        try:
            checkpoint.assign(model.get_layer(name).weights, theirs)
        except ValueError:
            new.append(name)
    return new


def _body(model: keras.Model) -> list[keras.Variable]:
    layers = [layer for layer in model.layers if layer.name not in model.output]
    return [variable for layer in layers for variable in layer.weights]


def _opened(path: Path) -> AbstractContextManager[h5py.File]:
    return hdf5.reading(path, "file of weights", "git checkout")
