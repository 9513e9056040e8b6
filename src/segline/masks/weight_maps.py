"""What each pixel and each class weighs in the loss."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segline.masks.labels import checked

METHODS = ("inverse", "total_over_class", "median", "effective")

_NEGLIGIBLE = 1e-6  # border weights below this are left out


def unet_weight_map(
    labels: ArrayLike,
    *,
    w0: float = 10.0,
    sigma: float = 5.0,
    class_weights: tuple[float, float] | None = None,
) -> NDArray[np.float32]:
    """The U-Net paper's pixel weights, which stress the gaps between objects; (H, W) float32.

    w(x) = w_c(x) + w0 exp(-(d1 + d2)^2 / (2 sigma^2)), d1 and d2 the Euclidean distances in px to
    the inner boundary pixels of the nearest and second-nearest object, at every pixel, inside
    objects too. Inner boundary pixels have a 4-neighbour inside the image that does not belong to
    their object; an object without any, which fills the image, adds nothing. With one object the
    exponent uses d1 alone, with none the map is w_c. Terms below 1e-6 are left out.

    labels is a label image (H, W); class_weights is (background, object), None the other class's
    share of the image's pixels. Raises ValueError on negative w0, non-positive sigma, and what
    `labels.checked` refuses.

    Source: Ronneberger, Fischer and Brox 2015, "U-Net", equation 2.

    >>> unet_weight_map([[1, 0, 2]], class_weights=(1, 1)).round(3)
    array([[10.231, 10.231, 10.231]], dtype=float32)
    """
    from segline.masks.kernels import nearest, runs

    if not (w0 >= 0 and math.isfinite(w0)):
        raise ValueError(f"w0 must be at least 0, got {w0}")
    if not (sigma > 0 and math.isfinite(sigma)):
        raise ValueError(f"sigma must be above 0, got {sigma}")
    image = checked(labels)
    background, inside = _class_weights(image) if class_weights is None else class_weights
    base = np.array([background, inside], np.float64)
    if w0 <= _NEGLIGIBLE:
        return base[(image > 0).astype(np.intp)].astype(np.float32)
    reach = sigma * math.sqrt(2 * math.log(w0 / _NEGLIGIBLE))
    boxes = runs.boxes(image, image.max(initial=0))
    first, second, n_objects = nearest.nearest_two(image, boxes, math.ceil(reach))
    return nearest.add_border_weights(
        image, first, second, n_objects == 1, float(w0), float(sigma), reach, base
    )


def _class_weights(image: NDArray[np.int32]) -> tuple[float, float]:
    """(background, object): each the other class's share of the pixels."""
    share = np.count_nonzero(image) / max(image.size, 1)
    return share, 1 - share


def class_weights(
    pixel_counts: ArrayLike, *, method: str, beta: float | None = None
) -> NDArray[np.float64]:
    """Weights that balance classes, (n_classes,), from a training fold's pixels of each class.

    A class without pixels has weight 0 and leaves the others' weights alone. With n_c a class's
    pixels, N their sum and K the number of classes that have any:

    - inverse: 1 / n_c, scaled to sum to K;
    - total_over_class: N / n_c;
    - median: median(n) / n_c, median frequency balancing (Eigen and Fergus 2015, section 6.3.2,
      with one frequency for the whole fold);
    - effective: (1 - beta) / (1 - beta^n_c), scaled to sum to K (Cui et al. 2019, "Class-balanced
      loss", equation 2); beta in [0, 1), None is their (N - 1) / N.

    Raises ValueError on an unknown method, naming those there are, counts that are negative,
    not finite or not one-dimensional, or no pixel at all.

    >>> class_weights([300, 100], method="total_over_class").round(3)
    array([1.333, 4.   ])
    """
    counts = _checked_counts(pixel_counts)
    if beta is not None and method != "effective":
        raise ValueError(f"beta belongs to method 'effective', not to {method!r}")
    present = counts > 0
    n = counts[present]
    if method == "inverse":
        found = _summing_to_size(1 / n)
    elif method == "total_over_class":
        found = n.sum() / n
    elif method == "median":
        found = np.median(n) / n
    elif method == "effective":
        found = _summing_to_size(1 / _effective_numbers(n, beta))
    else:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    weights = np.zeros(counts.shape)
    weights[present] = found
    return weights


def configured_class_weights(
    method: str | Sequence[float], *, n_classes: int, count: Callable[[], ArrayLike]
) -> NDArray[np.float64]:
    """Weights (n_classes,) by a config's `class_weights`: `none` weighs all alike, numbers are as they are.

    Only for a method of `class_weights` is `count` called; it gives the pixels of each class.

    >>> configured_class_weights("median", n_classes=2, count=lambda: [300, 100]).round(3)
    array([0.667, 2.   ])
    """
    if not isinstance(method, str):
        return np.array(method, float)
    if method == "none":
        return np.ones(n_classes)
    return class_weights(count(), method=method)


def _checked_counts(pixel_counts: ArrayLike) -> NDArray[np.float64]:
    counts = np.asarray(pixel_counts, dtype=np.float64)
    if counts.ndim != 1:
        raise ValueError(f"pixel_counts must be (n_classes,), not of shape {counts.shape}")
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise ValueError(f"pixel_counts must be finite and not negative, got {counts.tolist()}")
    if not counts.any():
        raise ValueError("pixel_counts holds no pixel")
    return counts


def _summing_to_size(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return weights * (weights.size / weights.sum())


def _effective_numbers(n: NDArray[np.float64], beta: float | None) -> NDArray[np.float64]:
    """(1 - beta^n) / (1 - beta), in a form that survives beta close to 1."""
    if beta is None:
        beta = 1 - 1 / n.sum()
    if not 0 <= beta < 1:
        raise ValueError(f"beta must lie in [0, 1), got {beta}")
    if beta == 0:
        return np.ones_like(n)
    return -np.expm1(n * math.log(beta)) / (1 - beta)
