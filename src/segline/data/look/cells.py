"""What the cells of a column are: masks in one of the ways of `masks.spellings`, or none."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from segline.data.look.folder import spread

NUMBERS = re.compile(r"-?\d+(?:[\s|]+-?\d+)*")
WKT = re.compile(r"(?:MULTI)?POLYGON\b", re.IGNORECASE)
BASE64 = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}")
CELLS = 300  # of a column that are looked at
MOST_SPELLINGS = 4  # different cells that may mean no mask


def kind(cells: Sequence[str]) -> str:
    """`numbers`, `lists`, `coco`, `wkt` or `polygons` if most of the cells are such masks, else ''.

    >>> kind(["1 3 10 2", "", "5 5"]), kind(["car", "tree"]), kind(["POLYGON ((0 0, 1 0, 1 1, 0 0))"])
    ('numbers', '', 'wkt')
    """
    counted = Counter(
        _kind(cell) for cell in spread(sorted({c.strip() for c in cells} - {""}), CELLS)
    )
    found, n = counted.most_common(1)[0] if counted else ("", 0)
    return found if 2 * n > counted.total() else ""


def _kind(cell: str) -> str:
    if NUMBERS.fullmatch(cell):
        words = re.split(r"[\s|]+", cell)
        return "numbers" if len(words) % 2 == 0 and any(int(n) > 0 for n in words[1::2]) else ""
    if WKT.match(cell):
        return "wkt"
    if cell.startswith("["):
        return _kind_of_json(cell)
    return "coco" if BASE64.fullmatch(cell) and _is_packed(cell) else ""


def _kind_of_json(cell: str) -> str:
    try:
        found = json.loads(cell)
        depth = _depth(found)
    except (json.JSONDecodeError, RecursionError):
        return ""
    if depth in (3, 4):
        return "polygons"
    whole = re.fullmatch(r"[\[\]\s,\d-]+", cell) and depth in (1, 2)
    return "lists" if whole and len(re.findall(r"\d+", cell)) % 2 == 0 else ""


def _depth(found: Any) -> int:
    return 1 + _depth(found[0]) if isinstance(found, list) and found else 0


def _is_packed(cell: str) -> bool:
    try:
        zlib.decompress(base64.b64decode(cell, validate=True))
    except (binascii.Error, zlib.error):
        return False
    return True


def spellings_of_nothing(cells: Iterable[str]) -> list[str]:
    """Cells that are no masks, the most frequent first; of too many different ones none.

    >>> spellings_of_nothing(["1 3", "-1", " -1", "", "1 0"])
    ['-1', '', '1 0']
    """
    stripped = [cell.strip() for cell in cells]
    odd = Counter(cell for cell in stripped if len(cell) < 20 and not _kind(cell))
    return [cell for cell, _ in odd.most_common()] if len(odd) <= MOST_SPELLINGS else []


def ascends(cells: Iterable[str]) -> bool:
    """Whether every run of numbers starts behind the one before, as absolute starts do."""
    for cell in cells:
        numbers = [int(word) for word in re.findall(r"-?\d+", cell)]
        starts, lengths = numbers[::2], numbers[1::2]
        ends = [start + length for start, length in zip(starts, lengths, strict=False)]
        if any(start < end for start, end in zip(starts[1:], ends, strict=False)):
            return False
    return True
