"""Depth scans of layered tissue, as optical coherence tomography shows them."""

from __future__ import annotations

import numpy as np

from segline.synthetic.camera import blur, noise, to_uint8
from segline.synthetic.scenes import Scene

CLASSES = ("background", "inner", "middle", "outer", "fluid")
FLUID = 4
SHAPE = (224, 244)
REFLECTIVITY = np.array(
    [0.10, 0.62, 0.34, 0.66, 0.12]
)  # inner and outer look alike, as fluid and none


def paint(rng: np.random.Generator) -> Scene:
    """One scan, grey, of `SHAPE` px with the classes `CLASSES`; fluid is about 4 % of the pixels.

    Brightness alone tells neither inner from outer nor fluid from background: order and place do.
    """
    height, width = SHAPE
    y, x = np.mgrid[:height, :width].astype(np.float32)
    top = height * rng.uniform(0.22, 0.38) + _waves(width, 14, rng)
    thickness = [
        np.clip(height * share + _waves(width, 4, rng), 8, None) for share in (0.10, 0.20, 0.12)
    ]
    edges = top + np.cumsum([np.zeros(width), *thickness], axis=0)  # (4, W)
    mask = np.zeros(SHAPE, np.uint8)
    for number in (1, 2, 3):
        mask[(y >= edges[number - 1]) & (y < edges[number])] = number
    for _ in range(int(rng.integers(1, 4))):
        _add_fluid(mask, x, y, edges, rng)
    jitter = rng.uniform(0.85, 1.15, len(CLASSES))
    signal = blur((REFLECTIVITY * jitter)[mask].astype(np.float32), 0.8)
    below = np.clip((y - edges[3]) / (0.3 * height), 0, 1)
    signal += 0.22 * np.exp(-4 * below) * (y >= edges[3])  # the choroid's glow is background too
    signal *= 1 + 0.10 * noise(SHAPE, 6, rng)
    for column in rng.uniform(0, width, int(rng.integers(1, 4))):  # shadows of vessels
        shade = np.exp(-(((x - column) / rng.uniform(2, 5)) ** 2)) * (y > edges[0] + 6)
        signal *= 1 - rng.uniform(0.3, 0.6) * shade
    signal *= rng.uniform(0.6, 1.0) * (0.8 + 0.2 * np.cos((x / width - rng.uniform(0.3, 0.7)) * 3))
    speckle = rng.gamma(4.0, 0.25, SHAPE)
    return Scene(to_uint8(255 * signal * blur(speckle.astype(np.float32), 0.6)), mask)


def _waves(width: int, height_px: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth curve (W,) in px."""
    t = np.linspace(0, 2 * np.pi, width)
    curve = np.zeros(width)
    for order in (1, 2, 3):
        phase = rng.uniform(0, 2 * np.pi)
        curve += height_px / order * rng.normal(0, 0.6) * np.cos(order * t / 1.6 + phase)
    return curve


def _add_fluid(
    mask: np.ndarray, x: np.ndarray, y: np.ndarray, edges: np.ndarray, rng: np.random.Generator
) -> None:
    """A pocket inside the middle layer."""
    column = int(rng.integers(30, mask.shape[1] - 30))
    low, high = edges[1, column], edges[2, column]
    row, half = (low + high) / 2, (high - low) / 2 * rng.uniform(0.5, 0.85)
    pocket = ((x - column) / (half * rng.uniform(1.0, 2.0))) ** 2 + ((y - row) / half) ** 2 < 1
    mask[pocket & (mask == 2)] = FLUID
