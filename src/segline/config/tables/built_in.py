"""The built-in dialects, Kaggle slugs, one TOML each in data/dialects; and what follows from a dialect."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from segline.config.tables.base import nearest
from segline.config.tables.dialect import Dialect

BUILT_IN = Path(__file__).parents[2] / "data/dialects"


@cache
def known() -> tuple[str, ...]:
    """Names of the built-in dialects."""
    return tuple(sorted(path.stem for path in BUILT_IN.glob("*.toml")))


def built_in(name: str) -> dict[str, Any]:
    """The table of a built-in dialect; ValueError with the nearest name for an unknown one."""
    if name not in known():
        raise ValueError(
            f"no dialect {name!r}; did you mean {nearest(name, known())}? built in are "
            f"{', '.join(known())}; a [data.dialect] table describes another"
        )
    return tomllib.loads((BUILT_IN / f"{name}.toml").read_text())


def resolved(given: object) -> object:
    """The table that a name, or a table with `like`, stands for; anything else as it is."""
    if isinstance(given, str):
        return built_in(given) if given else None
    if isinstance(given, Mapping) and "like" in given:
        own = {key: value for key, value in given.items() if key != "like"}
        return built_in(str(given["like"])) | own
    return given


def followed(data: Mapping[str, Any]) -> dict[str, Any]:
    """The table `data` with what follows from its dialect: source, task, classes, object_classes,
    exclusive.

    So does the competition, of a dialect given by name. What is given stays. ValueError for an unknown
    name, pydantic's error for a faulty table.
    """
    dialect = Dialect.model_validate(found) if (found := resolved(data.get("dialect"))) else None
    if dialect is None:
        return dict(data)
    rules: dict[str, Any] = {
        "source": dialect.source,
        "task": dialect.task,
        "n_folds": dialect.n_folds,
    }
    if isinstance(data["dialect"], str):
        rules["competition"] = data["dialect"]
    if data.get("task", dialect.task) == "instances":
        rules |= {"object_classes": dialect.objects}
    elif dialect.classes and not dialect.objects:
        rules |= {"classes": dialect.classes, "exclusive": dialect.exclusive}
    return rules | dict(data) | {"dialect": dialect}
