"""The text of a config, the inverse of `config.read`: keys with a comment each, every string escaped."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

BARE = re.compile(r"[A-Za-z0-9_-]+")
LAST_COLUMN = 108  # comments go there; a longer one stands above its key


class Line(NamedTuple):
    """One key of a table and why it has its value; without a value the comment stands alone."""

    key: str
    value: Any = None
    why: str = ""


def text(head: Iterable[str], tables: Mapping[str, Sequence[Line]]) -> str:
    """A whole config: comments, then the tables by name; '' holds the keys above all tables.

    >>> print(text(["mine"], {"data": [Line("dataset", "a", "its name")]}), end="")
    # mine
    <BLANKLINE>
    [data]
    dataset = "a"  # its name
    """
    parts = ["\n".join(f"# {commented(line)}" for line in head)]
    for name, lines in tables.items():
        if lines:
            heading = [f"[{name}]"] if name else []
            parts.append("\n".join([*heading, *(_line(line) for line in lines)]))
    return "\n\n".join(parts) + "\n"


def _line(line: Line) -> str:
    comment = f"# {commented(line.why)}" if line.why else ""
    if line.value is None:
        return comment
    setting = f"{_key(line.key)} = {value(line.value)}"
    if not comment:
        return setting
    beside = f"{setting}  {comment}"
    return beside if len(beside) <= LAST_COLUMN else f"{comment}\n{setting}"


def value(given: Any) -> str:
    r"""A value as TOML writes it; ValueError for what it has no way to write.

    >>> print(value(["a\"b\n", True, 2, {"id": "\x7f"}]))
    ["a\"b\n", true, 2, {id = "\u007f"}]
    """
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, int | float):
        return repr(given)
    if isinstance(given, str):
        return _string(given)
    if isinstance(given, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {value(v)}" for key, v in given.items()) + "}"
    if isinstance(given, Sequence):
        return f"[{', '.join(map(value, given))}]"
    raise ValueError(f"{given!r} is no value of a config")


def _string(given: str) -> str:
    """JSON's escapes are TOML's, but for DEL, which JSON leaves as it is."""
    if any("\ud800" <= letter <= "\udfff" for letter in given):
        raise ValueError(f"{commented(given)!r} has bytes that are no UTF-8; rename it")
    return json.dumps(given, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if BARE.fullmatch(name) else _string(name)


def commented(given: str) -> str:
    r"""A text in which nothing ends the line or steers a terminal.

    >>> print(commented("a\nb\x1b[1m"))
    a\nb\x1b[1m
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in given
    )
