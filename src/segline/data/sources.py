"""Which images come from one source: the same laboratory, microscope and stain, judged by pixels alone.

What a source leaves in every image (frame, black level, colour of stain and ground, noise, compression,
sharpness) is measured, brought to scales on which images of one source differ by about 1, and the means
of whole fields are joined by average linkage up to a fixed distance. Scales and distance are constants
and no result of the data, so that some images more or less move no others.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pandas as pd
from scipy.cluster import hierarchy

# By what images of one source differ, as seen within and between the fields of stage 1's 729 images.
SCALES = {
    **{"log_side": 0.25, "log_aspect": 0.25},  # of the frame; all logs are powers of two
    **{"dark_L": 16.0, "bright_L": 16.0},  # CIELAB of either side of Otsu's level
    **{
        "dark_a": 10.0,
        "dark_b": 10.0,
        "bright_a": 6.0,
        "bright_b": 6.0,
    },  # bright is tissue's ground
    **{"log_black": 0.5, "log_median": 0.6, "log_white": 1.0},  # percentiles of the luminance
    **{"log_noise": 0.8, "filled": 0.25, "log_blocks": 0.1},  # `_noise`, `_filled`, `_blocks`
    **{"slope_1": 0.4, "slope_2": 0.3, "slope_3": 0.3, "slope_4": 0.4, "slope_5": 0.5},  # `_slopes`
}
# From 3.4 to 4 the sources of 20 images and more stay. Random nine tenths of the fields give the same
# sources (adjusted Rand index 0.999).
CUT = 3.5
MOST_FIELDS = 4000  # that are compared with one another; the others join the nearest source


def features(image: np.ndarray) -> np.ndarray:
    """What tells sources apart in an image (H, W, C) uint8: one number for each of `SCALES`, float64.

    They are in units of `SCALES`, so that differences of 1 are small and of 3 are large. Channels that are
    no colours count by their mean.
    """
    if image.shape[-1] != 3:
        image = np.repeat(image.mean(axis=-1, keepdims=True).astype(np.uint8), 3, axis=-1)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    black, median, white = np.percentile(grey, (0.5, 50, 99.5))
    measured = [
        np.log2(height * width) / 2,
        np.log2(width / height),
        *_halves(image, grey),
        *np.log2([black + 4, median + 4, white + 4]),
        np.log2(_noise(grey) + 0.3),
        _filled(image[..., 1]),
        np.log2(_blocks(grey)),
        *_slopes(grey),
    ]
    return np.array(measured) / np.array(list(SCALES.values()))


def _halves(image: np.ndarray, grey: np.ndarray) -> list[float]:
    """Median colour of the dark and the bright side of Otsu's level: L of both, then a and b of each."""
    level, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    thin = slice(None, None, 2)
    lab = cv2.cvtColor(image[thin, thin].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    dark = grey[thin, thin] <= level
    everywhere = np.ones_like(dark)
    first, second = (
        np.median(lab[half if half.any() else everywhere], axis=0) for half in (dark, ~dark)
    )
    return [first[0], second[0], *first[1:], *second[1:]]


def _noise(grey: np.ndarray) -> float:
    """Standard deviation of the noise in grey levels, from second differences (Immerkaer 1996), robust."""
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return float(np.median(np.abs(cv2.filter2D(grey, cv2.CV_32F, mask)))) * 1.4826 / 6


def _filled(channel: np.ndarray) -> float:
    """Share of the levels from the darkest to the brightest that occur: stretching leaves gaps."""
    there = np.flatnonzero(np.bincount(channel.ravel(), minlength=256))
    return len(there) / (there[-1] - there[0] + 1)


def _blocks(grey: np.ndarray) -> float:
    """How much larger steps are at every eighth pixel, as JPEG leaves them; the less of both directions."""
    found = []
    for axis in (0, 1):
        steps = np.abs(np.diff(grey.astype(np.float32), axis=axis)).mean(axis=1 - axis)
        if len(steps) < 16:
            return 1.0
        phases = np.array([steps[start::8].mean() for start in range(8)])
        found.append((phases.max() + 0.01) / (np.median(phases) + 0.01))
    return float(min(found))


def _slopes(grey: np.ndarray) -> np.ndarray:
    """Ratios of the contrast in neighbouring octaves, finest first, powers of two, (5,)."""
    level: np.ndarray = grey.astype(np.float32)
    contrast = []
    for _ in range(6):
        coarser = cv2.pyrDown(level)
        contrast.append(float(np.std(level - cv2.pyrUp(coarser, dstsize=level.shape[::-1]))) + 0.1)
        level = coarser
    return -np.diff(np.log2(contrast))


def assign(looks: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """Give every image the number of its source, (N,) int64, from its `features` (N, F).

    Images of one of `groups` (N,) have one source. Sources are counted from 0, the largest first, of
    equal ones that with the first group in alphabetical order.
    """
    fields, field_of = np.unique(np.asarray(groups), return_inverse=True)
    points = pd.DataFrame(looks).groupby(field_of).mean().to_numpy()
    compared = slice(None, None, -(-len(fields) // MOST_FIELDS))
    joined = _joined(points[compared])
    centres = pd.DataFrame(points[compared]).groupby(joined).mean().to_numpy()
    source = np.array([((centres - point) ** 2).sum(axis=1).argmin() for point in points])
    source[compared] = joined
    sizes = np.bincount(source[field_of])
    firsts = np.array([(source == number).argmax() for number in range(len(sizes))])
    rank = np.argsort(np.lexsort((firsts, -sizes)))
    return rank[source[field_of]]


def _joined(points: np.ndarray) -> np.ndarray:
    """Number of the cluster of each point (N, F), from 0: average linkage up to the distance `CUT`."""
    if len(points) == 1:
        return np.zeros(1, np.int64)
    tree = hierarchy.linkage(points, "average")
    return hierarchy.fcluster(tree, CUT, "distance").astype(np.int64) - 1


def names(sources: np.ndarray, images: pd.DataFrame) -> list[str]:
    """A name for the source of each image, of its most frequent modality and size.

    Sources with the same are numbered from the largest on: `fluorescence-256x256`,
    `fluorescence-256x256-2`. `images` has the columns modality, height and width.
    """
    sizes = images["height"].astype(str) + "x" + images["width"].astype(str)
    kinds = (images["modality"] + "-" + sizes).groupby(sources).agg(lambda kind: kind.mode()[0])
    numbers = kinds.groupby(kinds).cumcount() + 1
    named = kinds.where(numbers == 1, kinds + "-" + numbers.astype(str))
    return named.loc[sources].tolist()
