"""The whole state of a training in one file: every variable of model and optimizer, and the records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import keras
import numpy as np

from segline.base.files import replacing


class State(NamedTuple):
    """Variables in their fixed order and a record (epoch, history, settings) that JSON can hold."""

    variables: list[np.ndarray]
    record: dict[str, Any]


def variables_of(model: keras.Model) -> list[keras.Variable]:
    """Weights, batch statistics, seed generators' states, and the optimizer's slots and averages."""
    return [*model.variables, *model.optimizer.variables]


def capture(model: keras.Model, record: dict[str, Any] | None = None) -> State:
    """Copy the state of a model whose optimizer is built."""
    values = [keras.ops.convert_to_numpy(variable).copy() for variable in variables_of(model)]
    return State(values, record or {})


def restore(model: keras.Model, state: State) -> None:
    """Put a captured state back; ValueError if the model is of another make."""
    assign(variables_of(model), state.variables)


def assign(variables: Sequence[keras.Variable], values: Sequence[Any]) -> None:
    """Give each of `variables` its value, an array or another variable; ValueError if the shapes differ."""
    shapes = [[tuple(each.shape) for each in side] for side in (variables, values)]
    if shapes[0] != shapes[1]:
        raise ValueError("the checkpoint belongs to a model of another shape")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def save(path: Path, state: State) -> None:
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["record"] = json.dumps(state.record)
        for number, value in enumerate(state.variables):
            file.create_dataset(f"{number:05d}", data=value)


def load(path: Path) -> State:
    with h5py.File(path, "r") as file:
        names = sorted(file)
        return State([file[name][()] for name in names], json.loads(file.attrs["record"]))
