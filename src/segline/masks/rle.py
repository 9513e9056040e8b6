"""Run-length encoding of masks: the `EncodedPixels` column of Kaggle's segmentation CSV files.

An RLE is a string of `start length` pairs. Pixels count from 1, column by column (top to bottom,
then left to right); runs ascend, lie inside the image and cover no pixel twice. Runs that touch
are legal to read and never written. Spaces
separate numbers. Source: the evaluation page of the 2018 Data Science Bowl.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segline.base.numbers import shown, whole
from segline.masks.labels import checked
from segline.masks.rle_text import Shape, overlap_message, parsed, sides


def encode(mask: ArrayLike) -> str:
    """The RLE of one mask (H, W): boolean, or integers that are 0 and one of 1 or 255.

    '' when no pixel is set. Raises ValueError for other dimensions, dtypes or values; a label
    image belongs to `encode_labels`.

    >>> encode([[0, 1], [1, 1]])
    '2 3'
    """
    array = np.asarray(mask)
    if array.ndim != 2:
        raise ValueError(f"mask must be (H, W), not of shape {array.shape}")
    if array.dtype.kind not in "iub":
        raise ValueError(f"mask must be boolean or 0/255, not {array.dtype}")
    inside = np.ascontiguousarray(array != 0).view(np.uint8)
    if array.dtype != bool:
        top = int(array.max(initial=0))
        if top not in (0, 1, 255) or not np.array_equal(inside * array.dtype.type(top), array):
            raise ValueError(f"mask must be boolean or 0/255, found values {_some_values(array)}")
    return "".join(_texts(inside))


def _some_values(array: NDArray[np.integer]) -> str:
    values = np.unique(array)
    shown = ", ".join(str(value) for value in values[:5])
    return shown + (", ..." if values.size > 5 else "")


def encode_labels(labels: ArrayLike) -> list[str]:
    """One RLE a label, in ascending order of the labels present; [] for an empty image.

    labels is (H, W), any integer dtype, 0 background. Raises ValueError for what
    `labels.checked` refuses.

    >>> encode_labels([[5, 0, 2], [5, 2, 2]])
    ['4 3', '1 2']
    """
    return _texts(checked(labels))


def _texts(image: NDArray) -> list[str]:
    from segline.masks.kernels import rle as kernels
    from segline.masks.kernels import runs

    if image.size == 0:
        return []
    edges = runs.changes(image.ravel(), image.shape[1])
    start, length, slices = kernels.label_runs(image, edges, int(image.max()))
    text, ends = kernels.write(start, length, slices)
    written = text.tobytes().decode("ascii")
    bounds = pairwise(ends.tolist())
    return [written[begin : end - 1] for begin, end in bounds if end > begin]


def decode(rle: str, shape: Shape) -> NDArray[np.bool_]:
    """The mask (H, W) bool of one RLE; '' is all False.

    Raises ValueError that names the fault and its position for an odd count, something that is no
    number, a start or length below 1, a run outside the image, and runs unsorted or overlapping.

    >>> decode("2 3", (2, 2)).astype(int)
    array([[0, 1],
           [1, 1]])
    """
    return decode_labels([rle], shape) != 0


def decode_labels(
    rles: Sequence[str], shape: Shape, *, overlap: Literal["raise", "smaller"] = "raise"
) -> NDArray[np.int32]:
    """A label image (H, W) int32 in which rles[i] has the number i + 1.

    Where two objects overlap, `overlap="raise"` raises ValueError naming both list positions and
    the pixel (row, column), all from 0; `overlap="smaller"` gives the pixel to the object with
    fewer pixels, of equal ones to the earlier. '' uses up its number. Raises ValueError for what
    `decode` refuses, naming the list position.

    >>> decode_labels(["4 3", "1 2"], (2, 3))
    array([[2, 0, 1],
           [2, 1, 1]], dtype=int32)
    """
    from segline.masks.kernels import rle as kernels

    if overlap not in ("raise", "smaller"):
        raise ValueError(f"overlap must be 'raise' or 'smaller', not {overlap!r}")
    height, width = sides(shape)
    start, length, slices = parsed(rles, (height, width))
    labels, first = kernels.paint(start, length, slices, height, width, overlap == "raise")
    if first[0] >= 0:
        raise ValueError(overlap_message(*first))
    return labels


def count_overlaps(rles: Sequence[str], shape: Shape) -> int:
    """Number of pixels that more than one of the RLEs covers; errors as in `decode`.

    >>> count_overlaps(["1 3", "3 2"], (2, 2))
    1
    """
    from segline.masks.kernels import rle as kernels

    height, width = sides(shape)
    start, length, _ = parsed(rles, (height, width))
    return kernels.claimed_twice(start, length, height, width)


def repair(rle: str, shape: Shape) -> tuple[NDArray[np.bool_], list[str]]:
    """The mask (H, W) bool that a faulty RLE most likely means, and what was wrong with it.

    Pairs are taken by position: one that holds no whole number, or has no pixel inside the image,
    is left out, as is a last start without length; runs that reach outside are cut, runs in the
    wrong order or overlapping are painted all the same. No problem, no entry in the list. Any
    white space separates.

    >>> mask, problems = repair("3 9 1 1 x 2", (2, 2))
    >>> mask.astype(int).tolist(), problems[0]
    ([[1, 1], [0, 1]], "run 1 '3 9' was cut to the image's 4 pixels")
    """
    height, width = sides(shape)
    n_pixels = height * width
    flat = np.zeros(n_pixels, bool)
    problems = []
    tokens = rle.split()
    if len(tokens) % 2:
        problems.append(f"the last start {shown(tokens[-1])} has no length and was left out")
    previous_begin = 0
    for run, pair in enumerate(zip(tokens[::2], tokens[1::2], strict=False), start=1):
        named = f"run {run} {shown(' '.join(pair))}"
        begin, count = map(_signed, pair)
        if begin is None or count is None:
            problems.append(f"{named} is not two whole numbers and was left out")
            continue
        end = begin + count
        first, last = max(begin, 1), min(end, n_pixels + 1)
        if first >= last:
            problems.append(f"{named} has no pixel inside the image and was left out")
            continue
        if (first, last) != (begin, end):
            problems.append(f"{named} was cut to the image's {n_pixels} pixels")
        if first < previous_begin:
            problems.append(f"{named} begins before the run before it")
        if flat[first - 1 : last - 1].any():
            problems.append(f"{named} overlaps an earlier run")
        flat[first - 1 : last - 1] = True
        previous_begin = first
    return np.ascontiguousarray(flat.reshape(width, height).T), problems


def _signed(text: str) -> int | None:
    number = whole(text.removeprefix("-"))
    return -number if number is not None and text.startswith("-") else number
