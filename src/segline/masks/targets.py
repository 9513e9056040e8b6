"""What a network learns, made from label images: classes with a border, and distances."""

import math
from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segline.masks.labels import checked


class Channel(IntEnum):
    """Channels of a map of objects, in order; the first three are also the classes of a target."""

    BACKGROUND = 0
    BODY = 1
    BORDER = 2
    DISTANCE = 3  # if the net has learnt it


# (below this many pixels, border width in px): the 2018 Data Science Bowl winner's sizes.
WIDTHS = ((300, 1), (2000, 2), (math.inf, 3))


def body_border(
    labels: ArrayLike, *, widths: Sequence[tuple[float, float]] = WIDTHS, gap_px: int = 0
) -> NDArray[np.uint8]:
    """Three classes (H, W) uint8: 0 background, 1 body, 2 border, the border growing with size.

    An object's border is its pixels within some px (Euclidean) of a pixel that does not belong to
    it; the image's edge is no boundary. The width is that of the first `widths` entry (below this
    many pixels, px) the object's size stays below. With `gap_px` background pixels within that many
    px of two different objects become border too.

    Raises ValueError on widths that do not ascend to infinity or are negative, a negative gap_px,
    and what `labels.checked` refuses. Source: the winner's border class (selimsef,
    dsb2018_topcoders), there in the gaps, here by default inside the objects.

    >>> body_border([[0, 1, 1, 1, 0, 2]], gap_px=1)
    array([[0, 2, 1, 2, 2, 2]], dtype=uint8)
    """
    from segline.masks.kernels import border, nearest, runs

    _check_widths(widths)
    if gap_px < 0:
        raise ValueError(f"gap_px must not be negative, got {gap_px}")
    image = checked(labels)
    pixels = runs.sizes(image, image.max(initial=0))
    limits, pxs = np.array(widths, np.float64).T
    width_px = pxs[np.searchsorted(limits, pixels, side="right")]
    squared = nearest.to_other_label(image, False)
    classes = border.classes_by_distance(image, squared, width_px**2)
    if gap_px:
        nearest.mark_gaps(image, gap_px, classes, int(Channel.BORDER))
    return classes


def _check_widths(widths: Sequence[tuple[float, float]]) -> None:
    limits = [limit for limit, _ in widths]
    if not limits or limits[-1] != math.inf or sorted(set(limits)) != limits:
        raise ValueError(f"widths must ascend and end at infinity, got {tuple(widths)}")
    if any(not 0 <= px < math.inf for _, px in widths):
        raise ValueError(f"widths must not be negative, got {tuple(widths)}")


def distance(labels: ArrayLike) -> NDArray[np.float32]:
    """How deep each pixel lies in its object, (H, W) float32 in 0..1, 1 at the deepest.

    The distance to the nearest pixel that does not belong to the object, over the object's largest;
    0 in the background. The image's edge is no boundary; an object that fills the image is 1 all
    over. Raises ValueError for what `labels.checked` refuses.

    >>> distance([[0, 1, 1, 1, 0]])
    array([[0. , 0.5, 1. , 0.5, 0. ]], dtype=float32)
    """
    from segline.masks.kernels import border, nearest

    image = checked(labels)
    squared = nearest.to_other_label(image, False)
    return border.share_of_largest(image, squared, image.max(initial=0))


def signed_distance(labels: ArrayLike, *, limit_px: float = math.inf) -> NDArray[np.float32]:
    """Signed distance in px, (H, W) float32: positive in objects, negative in the background.

    In an object, to the nearest pixel that does not belong to it; in the background, minus the
    distance to the nearest object's pixel. So it never is 0, and jumps from 1 to -1 across an edge.
    Clipped to -limit_px..limit_px, which an image without any boundary holds throughout.
    Raises ValueError unless limit_px > 0, and for what `labels.checked` refuses.

    >>> signed_distance([[0, 0, 1, 1, 1]])
    array([[-2., -1.,  1.,  2.,  3.]], dtype=float32)
    """
    from segline.masks.kernels import border, nearest

    if not limit_px > 0:
        raise ValueError(f"limit_px must be above 0, got {limit_px}")
    image = checked(labels)
    squared = nearest.to_other_label(image, True)
    return border.signed_root(image, squared, nearest.FAR, float(limit_px))
