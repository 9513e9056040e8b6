"""The whole state of a training in one file: every variable of model and optimizer, and the records."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from segline.base import hdf5, seals
from segline.base.console import console
from segline.base.errors import UserError
from segline.base.files import remove, replacing
from segline.config.places import maker


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
    """Write a state; of one with a record, which training goes on from, the one before is kept too."""
    if state.record and path.exists():
        _keep_before(path)
    with hdf5.writing(path, seal=maker(path)) as (file, _):
        file.attrs["record"] = json.dumps(state.record)
        for number, value in enumerate(state.variables):
            file.create_dataset(f"{number:05d}", data=value)


def _keep_before(path: Path) -> None:
    """Give the file a second name, which stays when it is replaced; copy it where there are no links."""
    try:
        seal = seals.of(path)
    except UserError:
        return
    with replacing(before(path), seal=seal.maker if seal else "") as temporary:
        temporary.unlink()
        try:
            temporary.hardlink_to(path)
        except OSError:
            shutil.copyfile(path, temporary)


def before(path: Path) -> Path:
    """Where the state before the one at `path` is kept."""
    return path.with_stem(f"{path.stem}.before")


def forget(path: Path) -> None:
    """Remove a state and the one before it."""
    remove(path)
    remove(before(path))


def load(path: Path) -> State:
    with hdf5.reading(path, "checkpoint", maker(path)) as file:
        names = sorted(file)
        return State([file[name][()] for name in names], json.loads(file.attrs["record"]))


def latest(path: Path) -> State | None:
    """The state at `path`, if that is damaged or gone the one before it; None if neither is there.

    Of a damaged one the line is printed, and it is removed, so that it never takes the place of the other.
    UserError if there is no other.
    """
    if not path.exists():
        return load(before(path)) if before(path).exists() else None
    try:
        return load(path)
    except UserError as damage:
        try:
            found = load(before(path))
        except UserError:
            raise UserError(f"{damage}; or start afresh with fresh=1") from None
        console.print(f"{damage}; going on from {before(path)}")
        remove(path)
        return found
