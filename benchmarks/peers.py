"""What the kernels are measured against, written from its description; each names its source.

All take and give what the kernel beside it takes and gives, so that results can be compared.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.measure import label, regionprops
from skimage.segmentation import find_boundaries, watershed


def stardist_map(true: NDArray, pred: NDArray) -> float:
    """stardist 0.9.2, `stardist.matching.matching`: its mean precision over the ten thresholds."""
    from stardist.matching import matching

    thresholds = tuple(np.arange(0.5, 1.0, 0.05).round(2))
    return float(np.mean([m.accuracy for m in matching(true, pred, thresh=thresholds)]))


def numpy_map(true: NDArray, pred: NDArray) -> float:
    """Our own definition without numba: a dense table of pair counts by `np.bincount`."""
    n_true, n_pred = int(true.max()) + 1, int(pred.max()) + 1
    table = np.bincount((true.astype(np.int64) * n_pred + pred).ravel(), minlength=n_true * n_pred)
    table = table.reshape(n_true, n_pred)
    true_sizes, pred_sizes = table.sum(axis=1), table.sum(axis=0)
    a, b = np.nonzero(table[1:, 1:])
    shared = table[a + 1, b + 1]
    union = true_sizes[a + 1] + pred_sizes[b + 1] - shared
    hits = (20 * shared > np.arange(10, 20)[:, None] * union).sum(axis=1)
    total = np.count_nonzero(true_sizes[1:]) + np.count_nonzero(pred_sizes[1:])
    return float(np.mean(hits / (total - hits)))


def kaggle_encode(mask: NDArray) -> str:
    """The run-length encoder most Kaggle kernels carry (paulorzp, "Run-length encode and decode")."""
    pixels = mask.T.flatten()
    pixels = np.concatenate([[0], pixels, [0]])
    runs = np.where(pixels[1:] != pixels[:-1])[0] + 1
    runs[1::2] -= runs[::2]
    return " ".join(str(number) for number in runs)


def kaggle_encode_labels(labels: NDArray) -> list[str]:
    """One mask at a time through the encoder."""
    return [kaggle_encode((labels == n).astype(np.uint8)) for n in np.unique(labels) if n]


def kaggle_decode(text: str, shape: tuple[int, int]) -> NDArray:
    """The decoder of the same kernel."""
    numbers = text.split()
    starts, lengths = (np.asarray(part, dtype=int) for part in (numbers[0::2], numbers[1::2]))
    starts = starts - 1
    image = np.zeros(shape[0] * shape[1], np.uint8)
    for low, high in zip(starts, starts + lengths, strict=True):
        image[low:high] = 1
    return image.reshape(shape[::-1]).T


def kaggle_decode_labels(rles: list[str], shape: tuple[int, int]) -> NDArray:
    """One mask at a time into a label image, refusing overlaps."""
    labels = np.zeros(shape, np.int32)
    for number, text in enumerate(rles, start=1):
        mask = kaggle_decode(text, shape) == 1
        if labels[mask].any():
            raise ValueError(f"object {number} overlaps another")
        labels[mask] = number
    return labels


def kaggle_faults(rles: list[str], shape: tuple[int, int]) -> None:
    """A check of them: that they decode without overlap."""
    kaggle_decode_labels(rles, shape)


def stacked_weight_map(labels: NDArray, w0: float = 10.0, sigma: float = 5.0) -> NDArray:
    """The usual U-Net weight map: every object's distance over the full image, stacked and sorted."""
    numbers = [n for n in np.unique(labels) if n]
    distances = np.empty((*labels.shape, len(numbers)), np.float32)
    for i, n in enumerate(numbers):
        boundary = find_boundaries(labels == n, mode="inner")
        distances[..., i] = ndimage.distance_transform_edt(~boundary)
    distances.sort(axis=-1)
    total = distances[..., 0] + distances[..., 1]
    share = (labels > 0).mean()
    w_c = np.where(labels > 0, 1 - share, share)
    return (w_c + w0 * np.exp(-(total**2) / (2 * sigma**2))).astype(np.float32)


def skimage_instances(foreground: NDArray, *, threshold: float, min_size_px: int) -> NDArray:
    """scikit-image's watershed example, with regionprops to drop specks and fill holes."""
    mask = foreground > threshold * 255
    depth = ndimage.distance_transform_edt(mask)
    peaks = peak_local_max(depth, min_distance=5, labels=label(mask))
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    flooded = watershed(-foreground.astype(np.float32), markers, mask=mask)
    labels = np.zeros(mask.shape, np.int32)
    kept = [region for region in regionprops(flooded) if region.area >= min_size_px]
    for number, region in enumerate(kept, start=1):
        window = labels[region.slice]
        window[region.image_filled & (window == 0)] = number
    return labels
