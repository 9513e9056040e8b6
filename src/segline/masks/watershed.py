"""From probability maps to label images: seeds, flooding, holes, minimum size.

Objects are connected through their sides (4-connectivity) and numbered by their first pixel, row
by row, so equal input gives equal output.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_PROBABILITIES = np.arange(256) / 255
_ROUNDING = 1e-5  # how far sums of float32 probabilities may leave 0..1


def instances(
    body: ArrayLike,
    foreground: ArrayLike,
    *,
    seed_threshold: float,
    foreground_threshold: float,
    min_size_px: int,
    fill_holes: bool = True,
    min_seed_px: int = 1,
    keep_unseeded: bool = True,
) -> NDArray[np.int32]:
    """Label image (H, W) int32, 1..n, by marker-controlled watershed.

    body and foreground (which is body plus border) are probability maps (H, W), uint8 0..255 or
    floating 0..1; floating maps are rounded to 8 bits, as maps are stored. Seeds are the connected
    regions with body > seed_threshold, foreground > foreground_threshold and at least min_seed_px
    pixels. They grow from the highest body probability to the lowest through the pixels with
    foreground > foreground_threshold. A foreground region without a seed is one object, or none
    unless `keep_unseeded`. Objects below min_size_px are dropped; then, with `fill_holes`,
    background enclosed by a single object is given to it.

    Thresholds are probabilities 0..1 and compared strictly. Raises ValueError on unequal shapes,
    other dimensions or dtypes, values or thresholds outside 0..1, and negative pixel counts.

    Source: Meyer 1994, "Topographic distance and watershed lines" (flooding by ordered queues).

    >>> body = np.array([[0.9, 0.4, 0.9, 0.0, 0.2]])
    >>> foreground = np.array([[1.0, 0.9, 1.0, 0.0, 0.8]])
    >>> settings = {"seed_threshold": 0.5, "foreground_threshold": 0.5, "min_size_px": 1}
    >>> instances(body, foreground, **settings)
    array([[1, 1, 2, 0, 3]], dtype=int32)
    """
    from segline.masks.kernels import flood
    from segline.masks.kernels import runs as _runs

    levels = _as_bytes(body, "body")
    inside = _as_bytes(foreground, "foreground")
    if levels.shape != inside.shape:
        raise ValueError(f"body has shape {levels.shape}, foreground {inside.shape}")
    mask = inside > _cut(foreground_threshold, "foreground_threshold")
    core = mask & (levels > _cut(seed_threshold, "seed_threshold"))
    regions, n_regions = _runs.component_runs(mask)
    seeds, n_seeds = _runs.component_runs(core)
    if _checked_count(min_seed_px, "min_seed_px") > 1:
        large, n_seeds = _runs.tidy(_runs.painted(seeds, mask.shape), n_seeds, min_seed_px, 0)
        seeds, n_seeds = _runs.component_runs(large)
    framed = flood.flood(levels, regions, n_regions, seeds, n_seeds, keep_unseeded)
    return _finished(framed, 1, n_seeds + n_regions, min_size_px, fill_holes)


def components(
    foreground: ArrayLike, *, threshold: float, min_size_px: int, fill_holes: bool = True
) -> NDArray[np.int32]:
    """Label image (H, W) int32, 1..n, of the connected regions with foreground > threshold.

    The baseline that `instances` has to beat; arguments and errors as there.

    >>> components(np.array([[0.9, 0.9, 0.1, 0.7]]), threshold=0.5, min_size_px=1)
    array([[1, 1, 0, 2]], dtype=int32)
    """
    from segline.masks.kernels import runs as _runs

    mask = _as_bytes(foreground, "foreground") > _cut(threshold, "threshold")
    runs, n_regions = _runs.component_runs(mask)
    return _finished(_runs.painted(runs, mask.shape), 0, n_regions, min_size_px, fill_holes)


def _finished(
    labels: NDArray[np.int32], frame: int, highest: int, min_size_px: int, fill_holes: bool
) -> NDArray[np.int32]:
    """Cut off the frame, drop what is too small, number the rest by first pixel, fill holes."""
    from segline.masks.kernels import flood
    from segline.masks.kernels import runs as _runs

    smallest = max(_checked_count(min_size_px, "min_size_px"), 1)
    kept, _ = _runs.tidy(labels, highest, smallest, frame)
    if fill_holes:
        gaps, n_gaps = _runs.component_runs(kept == 0)
        flood.fill_gaps(kept, gaps, n_gaps)
    return kept


def _as_bytes(probabilities: ArrayLike, name: str) -> NDArray[np.uint8]:
    """A probability map as contiguous uint8 (H, W)."""
    array = np.asarray(probabilities)
    if array.ndim != 2:
        raise ValueError(f"{name} must be (H, W), not of shape {array.shape}")
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype.kind != "f":
        raise ValueError(f"{name} must be uint8 or floating, not {array.dtype}")
    # Written so that nan is refused as well.
    lowest, highest = array.min(initial=0), array.max(initial=0)
    if not (lowest >= -_ROUNDING and highest <= 1 + _ROUNDING):
        raise ValueError(f"{name} must lie in 0..1, found {lowest} to {highest}")
    return np.rint(np.clip(array, 0, 1) * 255, order="C").astype(np.uint8)


def _cut(threshold: float, name: str) -> int:
    """The largest byte whose probability does not exceed the threshold."""
    if not 0 <= threshold <= 1:
        raise ValueError(f"{name} must lie in 0..1, got {threshold}")
    return int(np.searchsorted(_PROBABILITIES, threshold, side="right")) - 1


def _checked_count(pixels: int, name: str) -> int:
    if pixels < 0:
        raise ValueError(f"{name} must not be negative, got {pixels}")
    return pixels
