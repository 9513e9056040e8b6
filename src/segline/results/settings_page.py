"""docs/settings.md: every key of a config, made from the tables themselves."""

from __future__ import annotations

import types
import typing
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from segline.config.tables import Table, tables
from segline.config.tables.dialect import Channel, Columns, Dialect

HEAD = """# Settings

Every key of a config and of `set="table.key=value ..."`, with its default. `make docs` writes this page
from `src/segline/config/tables/`.
"""


def markdown() -> str:
    """The whole page."""
    nested: dict[str, type[Table]] = {
        "data.dialect": Dialect,
        "data.dialect.columns": Columns,
        "data.dialect.channels": Channel,
    }
    return "\n".join([HEAD, *(_table(name, table) for name, table in (tables() | nested).items())])


def _table(name: str, table: type[Table]) -> str:
    said = (table.__doc__ or "").strip().splitlines()[0]
    rows = [_row(key, field) for key, field in table.model_fields.items()]
    head = f"## {name}\n\n{said}\n\n| key | default | meaning |\n|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _row(key: str, field: FieldInfo) -> str:
    known = _choices(field.annotation)
    choices = f" One of {', '.join(f'`{each}`' for each in known)}." if known else ""
    said = " ".join((field.description or "").split())  # one line, as a table needs it
    return f"| `{key}` | `{_shown(field.default)}` | {said}{choices} |"


def _choices(annotation: Any) -> list[str]:
    """The values of a Literal, also inside a union."""
    if typing.get_origin(annotation) is typing.Literal:
        return [str(value) for value in typing.get_args(annotation) if value != ""]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [each for part in typing.get_args(annotation) for each in _choices(part)]
    return []


def _shown(value: Any) -> str:
    """A default as a config would write it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_unset=True)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_shown(each)}" for key, each in value.items()) + " }"
    return "none" if value is None else str(value)
