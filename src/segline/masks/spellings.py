"""The codecs of `codecs` one by one: text to runs and, for those a submission may use, back."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from segline.config.tables.dialect import Coding
from segline.masks import rle

Shape = tuple[int, int]
Runs = tuple[
    NDArray[np.int64], NDArray[np.int64]
]  # first pixels from 0, lengths; as the order counts


def _numbers(words: Sequence[str]) -> NDArray[np.int64]:
    for position, word in enumerate(words, start=1):
        if not word.lstrip("-").isdecimal():
            raise ValueError(f"not a whole number: {word!r} at position {position}")
    if len(words) % 2:
        raise ValueError(f"odd count of numbers: {len(words)}, the last start has no length")
    return np.array(words, dtype=np.int64)


def _read_pairs(text: str, shape: Shape, coding: Coding) -> Runs:
    numbers = _numbers(re.split(r"[\s|]+", text.strip("| ")) if text else [])
    return numbers[::2] - coding.base, numbers[1::2]


def _read_relative(text: str, shape: Shape, coding: Coding) -> Runs:
    numbers = _numbers(text.split())
    gaps, lengths = numbers[::2].copy(), numbers[1::2]
    if gaps.size and (gaps[1:] < 0).any():
        raise ValueError("a negative distance between runs")
    gaps[:1] -= coding.base
    return np.cumsum(gaps) + np.cumsum(lengths) - lengths, lengths


def _read_lists(text: str, shape: Shape, coding: Coding) -> Runs:
    """`[start, length, ...]`, or a list of such pairs."""
    try:
        flat = np.ravel(np.array(json.loads(text), dtype=np.int64))
    except (json.JSONDecodeError, TypeError) as error:
        raise ValueError(f"not a JSON list of numbers ({error})") from None
    if flat.size % 2:
        raise ValueError(f"odd count of numbers: {flat.size}, the last start has no length")
    return flat[::2] - coding.base, flat[1::2]


def _read_coco(text: str, shape: Shape, coding: Coding) -> Runs:
    try:
        counts = _coco_counts(zlib.decompress(base64.b64decode(text, validate=True)))
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"not COCO counts in zlib and base64 ({error})") from None
    ends = np.cumsum(counts)
    if counts.size and ends[-1] != shape[0] * shape[1]:
        raise ValueError(
            f"counts of {ends[-1]} px for an image of {shape[0]}x{shape[1]}; another size?"
        )
    starts, lengths = ends[::2][: counts.size // 2], counts[1::2]
    return starts[lengths > 0], lengths[lengths > 0]


def _coco_counts(data: bytes) -> NDArray[np.int64]:
    """Run lengths, background first, of COCO's bytes: 5 bits a byte, differences from the third on."""
    counts: list[int] = []
    value = shift = 0
    for byte in data:
        bits = byte - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    return np.array(counts, np.int64)


def _coco_bytes(counts: Sequence[int]) -> bytes:
    found = bytearray()
    for i, count in enumerate(counts):
        value = count - counts[i - 2] if i > 2 else count
        more = True
        while more:
            bits, value = value & 0x1F, value >> 5
            more = value != (-1 if bits & 0x10 else 0)
            found.append((bits | 0x20 if more else bits) + 48)
    return bytes(found)


def _read_wkt(text: str, shape: Shape, coding: Coding) -> Runs:
    """POLYGON and MULTIPOLYGON in pixels, x before y; inner rings are holes."""
    polygons = re.findall(r"\(\s*(\([^()]*\)(?:\s*,\s*\([^()]*\))*)\s*\)", text)
    if not polygons and "EMPTY" not in text.upper():
        raise ValueError(f"not a WKT polygon: {text[:40]!r}")
    rings = [[_wkt_ring(ring) for ring in re.findall(r"\(([^()]*)\)", p)] for p in polygons]
    return _filled(rings, shape)


def _wkt_ring(text: str) -> list[list[float]]:
    return [[float(number) for number in point.split()[:2]] for point in text.split(",")]


def _read_polygons(text: str, shape: Shape, coding: Coding) -> Runs:
    """A JSON list of polygons, each a list of rings or one ring, of [x, y]."""
    try:
        rings = [p if np.ndim(p[0]) == 2 else [p] for p in list(json.loads(text)[:])]
        return _filled(rings, shape)
    except (json.JSONDecodeError, TypeError, IndexError, KeyError) as error:
        raise ValueError(f"not a JSON list of polygons ({error})") from None


def _filled(polygons: Sequence[Sequence[Sequence[Sequence[float]]]], shape: Shape) -> Runs:
    """The union of polygons, each an outer ring and holes; pixels on the outline belong to it."""
    mask = np.zeros(shape, np.uint8)
    for rings in polygons:
        part = np.zeros(shape, np.uint8)
        cv2.fillPoly(part, [np.rint(np.array(ring)).astype(np.int32) for ring in rings], 1)
        mask |= part
    numbers = np.array(rle.encode(mask).split(), np.int64)
    return numbers[::2] - 1, numbers[1::2]


READERS = {
    "pairs": _read_pairs,
    "relative": _read_relative,
    "lists": _read_lists,
    "coco": _read_coco,
    "wkt": _read_wkt,
    "polygons": _read_polygons,
}


def pairs(starts: NDArray, lengths: NDArray) -> str:
    return " ".join(map(str, np.stack([starts, lengths], axis=1).ravel().tolist()))


def spelled(text: str, coding: Coding, shape: Shape) -> str:
    """Canonical pairs as the coding writes them."""
    if coding.codec in ("wkt", "polygons"):
        raise ValueError(f"no submission is written as {coding.codec}; name data.dialect.written")
    if not text or (coding.codec == "pairs" and coding.base == 1):
        return text
    numbers = np.array(text.split(), np.int64)
    starts, lengths = numbers[::2] - 1, numbers[1::2]
    if coding.codec == "coco":
        ends = np.concatenate([[0], starts + lengths])
        counts = np.stack([starts - ends[:-1], lengths], axis=1).ravel().tolist()
        rest = shape[0] * shape[1] - int(ends[-1])
        data = zlib.compress(_coco_bytes([*counts, *([rest] if rest else [])]))
        return base64.b64encode(data).decode("ascii")
    if coding.codec == "relative":
        starts = starts - np.concatenate([[0], (starts + lengths)[:-1]])
        starts[0] += coding.base
        return pairs(starts, lengths)
    text = pairs(starts + coding.base, lengths)
    return f"[{', '.join(text.split())}]" if coding.codec == "lists" else text
