"""From a TOML file, those it `extends` and `key=value` settings to a checked `Config`."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from segline.base.errors import UserError
from segline.base.files import read_toml
from segline.config.tables import Config, Table, known_keys, nearest
from segline.config.tables.built_in import followed, resolved
from segline.config.tables.dialect import Dialect

LONGEST_NAME = 255  # bytes
LONGEST_QUOTE = 120
AnyTable = TypeVar("AnyTable", bound=Table)


def load(path: Path | str, settings: Iterable[str] = ()) -> Config:
    """Read `path` over the configs it extends and apply `key.path=value` settings, the last wins."""
    path = Path(path)
    tree: dict[str, Any] = {}
    for ancestor in reversed(ancestry(path)):
        tree = _merged(tree, _read_toml(ancestor))
    tree.pop("extends", None)
    tree = _open_dialect(tree)
    for setting in settings:
        tree = _merged(tree, _setting_tree(setting))
    tree = _with_dialect(tree, str(path))
    return validated(Config, _merged(Config().model_dump(mode="json"), tree), str(path))


def ancestry(path: Path) -> list[Path]:
    """The config at `path`, the one it extends, the one that extends, and so on; UserError for a circle."""
    found = [path]
    while (name := _read_toml(found[-1]).get("extends")) is not None:
        parent = _beside(found[-1], name)
        if parent in found:
            circle = " extends ".join(each.stem for each in [*found[found.index(parent) :], parent])
            raise UserError(f"{path}: {circle}, in a circle; let one of them extend no other")
        found.append(parent)
    return found


def _beside(path: Path, name: object) -> Path:
    """The config that `path` extends; UserError unless the name can be that of a file."""
    file = f"{name}.toml"
    if "\0" in file or Path(file).name != file or len(os.fsencode(file)) > LONGEST_NAME:
        raise UserError(
            f"{path}: extends: expected the name of a config in the same folder, without .toml, found "
            f"{_quoted(name)}"
        )
    return path.with_name(file)


def lineage(path: Path) -> list[Path]:
    """The config at `path`, the one it extends, and likewise the one whose weights it starts from."""
    found: list[Path] = []
    waiting = [path]
    while waiting:
        path = waiting.pop(0)
        if path not in found:
            found.append(path)
            names = (_read_toml(path).get("extends"), load(path).model.start)
            waiting += [path.with_stem(name) for name in names if name]
    return found


def validated(table: type[AnyTable], tree: object, where: str) -> AnyTable:
    """The table that `tree` holds; UserError naming the first key at fault."""
    try:
        return table.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        parts = [str(part) for part in first["loc"]]
        key = ".".join(
            part for part in parts if "[" not in part
        )  # not which of several types it was
        if first["type"] == "extra_forbidden":
            names = Dialect.model_fields if table is Dialect else known_keys()
            hint = f"; did you mean {nearest(key, names)}?"
            raise UserError(f"{where}: unknown key {key}{hint}") from None
        found = "" if isinstance(first["input"], dict) else f", found {_quoted(first['input'])}"
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{where}: {key + ': ' if key else ''}{message}{found}") from None


def _quoted(value: object) -> str:
    """A value as a message quotes it: of a long one the beginning and the length."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return "what is too long to show"
    return text if len(text) <= LONGEST_QUOTE else f"{text[:24]}... ({len(text)} characters)"


def _open_dialect(tree: dict[str, Any]) -> dict[str, Any]:
    """A dialect given by name as a table, so that settings may change single keys of it."""
    data = tree.get("data")
    name = data.get("dialect") if isinstance(data, Mapping) else None
    if not isinstance(name, str):
        return tree
    opened = _merged(tree, {"data": {"dialect": {"like": name}}})
    return _merged({"data": {"competition": name}}, opened) if name else opened


def _with_dialect(tree: dict[str, Any], where: str) -> dict[str, Any]:
    """The tree with what follows from `data.dialect`, before defaults can stand in its way."""
    data = tree.get("data")
    if not isinstance(data, Mapping) or not data.get("dialect"):
        return tree
    try:
        found = resolved(data["dialect"])
    except ValueError as error:
        raise UserError(f"{where}: data.dialect: {error}") from None
    dialect = validated(Dialect, found, f"{where}: data.dialect")
    mode = {"input": {"mode": dialect.input}}
    return _merged(mode, tree) | {"data": followed(data)}


def _read_toml(path: Path) -> dict[str, Any]:
    if not path.exists():
        known = ", ".join(sorted(other.stem for other in path.parent.glob("*.toml"))) or "none"
        raise UserError(f"{path}: no such config; configs here: {known}")
    return read_toml(path)


def _merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in change.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            value = _merged(merged[key], value)
        merged[key] = value
    return merged


def _setting_tree(setting: str) -> dict[str, Any]:
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise UserError(f"set: expected key=value such as train.epochs=3, found {setting!r}")
    value = _parse_value(text)
    for name in reversed(key.split(".")):
        value = {name: value}
    return value


def _parse_value(text: str) -> Any:
    """A TOML value; bare words are strings, and `1,2` and `a,b` are lists."""
    words = ", ".join(f'"{word.strip()}"' for word in text.split(","))
    lists = (f"[{text}]", f"[{words}]") if "," in text else ()
    for candidate in (text, *lists, f'"{text}"'):
        try:
            return tomllib.loads(f"value = {candidate}")["value"]
        except (ValueError, RecursionError):  # no TOML, too many digits, too many brackets
            continue
    raise UserError(f"set: {text!r} is not a TOML value")
