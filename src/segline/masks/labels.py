"""Label images: (H, W) integers, 0 background, one positive number an object."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray


def checked(labels: ArrayLike, *, name: str = "labels") -> NDArray[np.int32]:
    """A label image as contiguous int32 (H, W), the form every compiled kernel reads.

    Takes any integer or boolean dtype and memory order; a contiguous int32 image comes back as it
    is, not copied. Numbers are kept, unless one exceeds both the number of pixels and 65,535: then
    all are replaced by 1..n in the same order, so that tables over labels stay small.

    Raises ValueError, naming `name` and the value, for other than two dimensions, a dtype that is
    not integer, or a negative label.

    >>> checked([[0, 7]], name="truth")
    array([[0, 7]], dtype=int32)
    """
    array = np.asarray(labels)
    if array.ndim != 2:
        raise ValueError(f"{name} must be (H, W), not of shape {array.shape}")
    if array.dtype.kind not in "iub":
        raise ValueError(f"{name} must hold integers, not {array.dtype}")
    lowest, highest = int(array.min(initial=0)), int(array.max(initial=0))
    if lowest < 0:
        raise ValueError(f"{name} must not be negative, found {lowest}")
    if highest > max(array.size, 65_535):
        return _ranks(array)
    return np.ascontiguousarray(array, dtype=np.int32)


def _ranks(array: NDArray[np.integer]) -> NDArray[np.int32]:
    """Each label's place among the labels present, 0 staying 0."""
    values, inverse = np.unique(array, return_inverse=True)
    first = 0 if values[0] == 0 else 1
    return np.ascontiguousarray(inverse.reshape(array.shape) + first, dtype=np.int32)


def sizes(labels: ArrayLike) -> NDArray[np.int64]:
    """Pixels of every label 0..max, (max + 1,) int64; labels that do not occur have 0.

    Raises ValueError for what `checked` refuses.

    >>> sizes([[0, 2, 2], [0, 0, 1]])
    array([3, 1, 2])
    """
    from segline.masks.kernels import runs

    image = checked(labels)
    return runs.sizes(image, image.max(initial=0))


def relabel(labels: ArrayLike) -> NDArray[np.int32]:
    """The same objects numbered 1..n without gaps, in the order of their old numbers.

    >>> relabel([[0, 7], [100, 7]])
    array([[0, 1],
           [2, 1]], dtype=int32)
    """
    from segline.masks.kernels import runs

    image = checked(labels)
    present = sizes(image) > 0
    present[0] = False
    new_label = np.cumsum(present, dtype=np.int32)
    return runs.replace(image, new_label)


def split_components(labels: ArrayLike) -> NDArray[np.int32]:
    """Give every 4-connected region of equal label its own number, 1..n by first pixel.

    Needed after a crop, which can cut an object in two. First pixel means row by row.

    >>> split_components([[5, 0, 5], [5, 0, 5]])
    array([[1, 0, 2],
           [1, 0, 2]], dtype=int32)
    """
    from segline.masks.kernels import runs

    image = checked(labels)
    return runs.painted(runs.component_runs(image)[0], image.shape)


def from_masks(masks: Iterable[ArrayLike]) -> NDArray[np.int32]:
    """Join masks (H, W), non-zero inside, into one label image: 1..n in the order given.

    Where masks overlap the smaller object keeps the pixel, of equal ones the earlier. Masks are
    taken one at a time, so a generator that reads files holds one in memory. An empty mask uses
    up its number.

    Raises ValueError when there is no mask, or one differs in shape, naming its position.

    >>> from_masks([[[1, 1, 1]], [[0, 0, 1]]])
    array([[1, 1, 2]], dtype=int32)
    """
    return merge(masks)[0]


def merge(masks: Iterable[ArrayLike]) -> tuple[NDArray[np.int32], int]:
    """`from_masks`, and the number of pixels that more than one mask claimed.

    >>> merge([[[1, 1, 1]], [[0, 0, 1]]])[1]
    1
    """
    areas = [0]
    labels: NDArray[np.int32] | None = None
    for position, given in enumerate(masks):
        mask = np.asarray(given) != 0
        if labels is None:
            if mask.ndim != 2:
                raise ValueError(f"mask 0 must be (H, W), not of shape {mask.shape}")
            labels = np.zeros(mask.shape, np.int32)
            contested = np.zeros(mask.shape, bool)
        if mask.shape != labels.shape:
            raise ValueError(f"mask {position} has shape {mask.shape}, the first {labels.shape}")
        pixels = np.nonzero(mask)
        area = pixels[0].size
        owners = labels[pixels]
        contested[pixels] |= owners > 0
        wins = (owners == 0) | (np.asarray(areas)[owners] > area)
        labels[pixels] = np.where(wins, position + 1, owners)
        areas.append(area)
    if labels is None:
        raise ValueError("no mask given, so the image's shape is unknown")
    return labels, int(contested.sum())
