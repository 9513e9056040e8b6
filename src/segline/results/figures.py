"""Pictures of images, targets and outlines, as (H, W, 3) uint8 RGB arrays and PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from skimage.segmentation import find_boundaries

TRUE_COLOUR, FOUND_COLOUR = (60, 220, 60), (255, 70, 200)
CLASS_COLOURS = np.array(
    [(20, 20, 30), (70, 140, 220), (250, 200, 60), (220, 70, 80), (90, 200, 110), (170, 90, 210)],
    np.uint8,
)


def outlined(
    image: np.ndarray, truth: np.ndarray | None, found: np.ndarray | None, *, zoom: int = 2
) -> np.ndarray:
    """The image enlarged `zoom` times with true outlines in green and found ones in magenta."""
    canvas = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST)
    for labels, colour in ((truth, TRUE_COLOUR), (found, FOUND_COLOUR)):
        if labels is not None:
            large = np.kron(labels, np.ones((zoom, zoom), labels.dtype))
            canvas[find_boundaries(large, mode="inner")] = colour
    return canvas


def rgb(image: np.ndarray) -> np.ndarray:
    """An image (H, W, C) as (H, W, 3): one channel as grey, of more the first three (two: no blue)."""
    if image.shape[2] == 1:
        return np.repeat(image, 3, axis=2)
    return np.pad(image[..., :3], ((0, 0), (0, 0), (0, max(0, 3 - image.shape[2]))))


def heat(values: np.ndarray, *, high: float | None = None) -> np.ndarray:
    """A float map (H, W) from 0 to `high` (its maximum) in colours."""
    high = float(values.max()) if high is None else high
    return (colormaps["magma"](values / max(high, 1e-9))[..., :3] * 255).astype(np.uint8)


def classes(target: np.ndarray) -> np.ndarray:
    """Class indices (H, W), or channels (H, W, n) of 0 and 1, in colours, the background dark.

    Of channels that overlap the last is shown; beyond the palette classes share its last colour.
    """
    if target.ndim == 3:
        target = (target * np.arange(1, target.shape[2] + 1)).max(axis=2)
    return CLASS_COLOURS[np.minimum(target, len(CLASS_COLOURS) - 1)]


def curve(
    table: pd.DataFrame, *, x: str, y: Sequence[str], marks: Mapping[str, float]
) -> np.ndarray:
    """Columns `y` over column `x` on a logarithmic axis, with named vertical lines, (480, 720, 3)."""
    figure = Figure(figsize=(7.2, 4.8), dpi=100, layout="constrained")
    axes = figure.subplots()
    for name in y:
        axes.plot(table[x], table[name], label=name.replace("_", " "))
    for (name, at), style in zip(marks.items(), ("-", "--", ":"), strict=False):
        axes.axvline(at, linestyle=style, color="black", label=f"{name} {at:.1e}")
    axes.set(xscale="log", xlabel=x.replace("_", " "), ylabel="loss")
    axes.legend()
    return _pixels(figure)


def losses(histories: Mapping[str, pd.DataFrame]) -> np.ndarray:
    """Training loss (thin) and validation loss of each fold over the epochs, (480, 960, 3)."""
    figure = Figure(figsize=(9.6, 4.8), dpi=100, layout="constrained")
    axes = figure.subplots()
    for number, (name, history) in enumerate(histories.items()):
        axes.plot(history["epoch"], history["loss"], color=f"C{number}", linewidth=0.7)
        axes.plot(history["epoch"], history["val_loss"], color=f"C{number}", label=name)
    axes.set(xlabel="epoch", ylabel="loss: thin on training crops, thick held out")
    axes.legend()
    return _pixels(figure)


def _pixels(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def captioned(picture: np.ndarray, text: str) -> np.ndarray:
    """The picture under a strip with one line of text."""
    strip = np.full((20, picture.shape[1], 3), 255, np.uint8)
    cv2.putText(strip, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([strip, picture])


def sheet(rows: Sequence[Sequence[np.ndarray]], *, gap_px: int = 6) -> np.ndarray:
    """Pictures in rows on white, each at its own size from the upper left of its cell."""
    heights = [max(picture.shape[0] for picture in row) for row in rows]
    columns = max(len(row) for row in rows)
    widths = [max(row[c].shape[1] for row in rows if c < len(row)) for c in range(columns)]
    page = np.full(
        (sum(heights) + gap_px * (len(rows) + 1), sum(widths) + gap_px * (columns + 1), 3),
        255,
        np.uint8,
    )
    top = gap_px
    for row, height in zip(rows, heights, strict=True):
        left = gap_px
        for picture, width in zip(row, widths, strict=False):
            page[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
            left += width + gap_px
        top += height + gap_px
    return page


def result_row(
    image: np.ndarray,
    probs: np.ndarray,
    truth: np.ndarray,
    found: np.ndarray,
    caption: str,
    *,
    crop_px: int = 200,
) -> list[np.ndarray]:
    """Four captioned pictures of an image's most crowded part: itself, maps, true and found outlines.

    `image` (H, W, C) uint8, `probs` (H, W, n) uint8, label images (H, W). Two maps are shown; of three or
    more the first is the background and left out.
    """
    part = _most_crowded(truth, crop_px)
    image = stretched(rgb(image[part]))
    shown = probs[part][..., 1:3] if probs.shape[2] > 2 else probs[part]
    first, second = shown[..., 0], shown[..., -1]
    maps = np.dstack([np.maximum(first, second)] * 2 + [first])
    pictures = {
        caption: outlined(image, None, None),
        "maps: first white, second yellow": outlined(maps, None, None),
        "true (green)": outlined(image, truth[part], None),
        "found (magenta)": outlined(image, None, found[part]),
    }
    return [captioned(picture, text) for text, picture in pictures.items()]


def _most_crowded(labels: np.ndarray, crop_px: int) -> tuple[slice, slice]:
    """The window with most objects, among those that lie half their side apart."""
    starts = [
        [*range(0, max(size - crop_px, 0), crop_px // 2), max(size - crop_px, 0)]
        for size in labels.shape
    ]
    windows = [
        (slice(top, top + crop_px), slice(left, left + crop_px))
        for top in starts[0]
        for left in starts[1]
    ]
    return max(windows, key=lambda window: len(np.unique(labels[window])))


def stretched(image: np.ndarray) -> np.ndarray:
    """The image with its grey levels spread over 0..255 and dark ones lifted, for the eye."""
    low, high = np.percentile(image, [0.5, 99.8])
    levels = np.clip((image - low) / max(high - low, 1), 0, 1)
    return (255 * levels**0.7).astype(np.uint8)
