"""The codecs of `codecs` one by one: text to runs and, for those a submission may use, back."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segline.base.numbers import shown
from segline.config.tables.dialect import Coding
from segline.masks import rle, rle_text
from segline.masks.rle_text import MAX_PIXELS

Shape = tuple[int, int]
Runs = tuple[
    NDArray[np.int64], NDArray[np.int64]
]  # first pixels from 0, lengths; as the order counts
COCO_BYTES = 7  # of a count, at the most: 5 bits a byte
FARTHEST = (
    2.0**20
)  # px of a corner outside the image; OpenCV counts in 32 bits, 16 of them fractions
_BEYOND = MAX_PIXELS + 1


def _numbers(text: str) -> NDArray[np.int64]:
    """The numbers of a text, parted by white space, in pairs."""
    numbers = rle_text.numbers(" ".join(text.split()))
    _check_count(numbers)
    _check_range(numbers)
    return numbers


def _check_count(numbers: NDArray) -> None:
    if numbers.size % 2:
        raise ValueError(f"odd count of numbers: {numbers.size}, the last start has no length")


def _check_range(numbers: NDArray[np.int64]) -> None:
    """Refuse what no image has, before sums of it overflow."""
    beyond = np.flatnonzero(np.abs(numbers) > MAX_PIXELS)
    if beyond.size:
        raise ValueError(
            f"a number beyond the 2^30 pixels of the largest image, at position {beyond[0] + 1}"
        )


def _read_pairs(text: str, shape: Shape, coding: Coding) -> Runs:
    numbers = _numbers(text.replace("|", " "))
    return numbers[::2] - coding.base, numbers[1::2]


def _read_relative(text: str, shape: Shape, coding: Coding) -> Runs:
    numbers = _numbers(text)
    gaps, lengths = numbers[::2].copy(), numbers[1::2]
    if gaps.size and (gaps[1:] < 0).any():
        raise ValueError("a negative distance between runs")
    gaps[:1] -= coding.base
    return np.cumsum(gaps) + np.cumsum(lengths) - lengths, lengths


def _read_lists(text: str, shape: Shape, coding: Coding) -> Runs:
    """`[start, length, ...]`, or a list of such pairs."""
    numbers = _whole(_json_list(text, "numbers"))
    _check_count(numbers)
    _check_range(numbers)
    return numbers[::2] - coding.base, numbers[1::2]


def _whole(found: list) -> NDArray[np.int64]:
    """The numbers of a list, or of the lists in it; ValueError for other than whole ones."""
    flat: list[Any] = []
    for part in found:
        flat += part if isinstance(part, list) else [part]
    kinds = set(map(type, flat))
    if kinds - {int}:  # True is an int as well
        wrong = next(each for each in flat if type(each) is not int)
        raise ValueError(f"not a JSON list of numbers ({shown(str(wrong))} is no whole number)")
    try:
        return np.array(flat, np.int64)
    except OverflowError:
        return np.array([max(-_BEYOND, min(each, _BEYOND)) for each in flat], np.int64)


def _json_list(text: str, what: str) -> list:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, brackets without end
        raise ValueError(f"not a JSON list of {what} ({error})") from None
    if not isinstance(found, list):
        raise ValueError(f"not a JSON list of {what}, but {shown(text)}")
    return found


def _read_coco(text: str, shape: Shape, coding: Coding) -> Runs:
    n_pixels = shape[0] * shape[1]
    try:
        data = _unpacked(base64.b64decode(text, validate=True), COCO_BYTES * (n_pixels + 2))
    except (ValueError, zlib.error) as error:  # binascii's is a ValueError
        raise ValueError(f"not COCO counts in zlib and base64 ({error})") from None
    counts = _coco_counts(data)
    ends = np.cumsum(counts)
    if counts.size and ends[-1] != n_pixels:
        raise ValueError(
            f"counts of {ends[-1]} px for an image of {shape[0]}x{shape[1]}; another size?"
        )
    starts, lengths = ends[::2][: counts.size // 2], counts[1::2]
    return starts[lengths > 0], lengths[lengths > 0]


def _unpacked(data: bytes, most: int) -> bytes:
    """What zlib packed, of no more than `most` bytes."""
    packed = zlib.decompressobj()
    found = packed.decompress(data, most)
    if packed.unconsumed_tail:
        raise ValueError(f"more than {most} bytes, which no image of this size needs")
    if not packed.eof:
        raise ValueError("incomplete")
    return found


def _coco_counts(data: bytes) -> NDArray[np.int64]:
    """Run lengths, background first, of COCO's bytes: 5 bits a byte, differences from the third on."""
    counts: list[int] = []
    value = shift = 0
    for byte in data:
        bits = byte - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20 and shift < 5 * COCO_BYTES:
            continue
        if bits & 0x10:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        if not 0 <= counts[-1] <= MAX_PIXELS:
            raise ValueError(f"count {len(counts)} of COCO is {counts[-1]}, which no image has")
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
        rings = [p if np.ndim(p[0]) == 2 else [p] for p in _json_list(text, "polygons")]
        return _filled(rings, shape)
    except (TypeError, IndexError, KeyError) as error:
        raise ValueError(f"not a JSON list of polygons ({error})") from None


def _filled(polygons: Sequence[Sequence[Sequence[Sequence[float]]]], shape: Shape) -> Runs:
    """The union of polygons, each an outer ring and holes; pixels on the outline belong to it."""
    mask = np.zeros(shape, np.uint8)
    for rings in polygons:
        part = np.zeros(shape, np.uint8)
        cv2.fillPoly(part, [_corners(ring) for ring in rings], 1)
        mask |= part
    numbers = rle_text.numbers(rle.encode(mask))
    return numbers[::2] - 1, numbers[1::2]


def _corners(ring: Sequence[Sequence[float]]) -> NDArray[np.int32]:
    """The corners (n, 2) of a ring, x before y; ValueError for those that are no pixels' places."""
    points = np.array(ring, np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"a ring of shape {points.shape}, not a list of corners x, y")
    if not (np.abs(points) <= FARTHEST).all():  # nan neither
        raise ValueError(
            f"a corner at {points[~(np.abs(points) <= FARTHEST)][0]:g}, no place in an image"
        )
    return np.rint(points).astype(np.int32)


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
    numbers = rle_text.numbers(text)
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
