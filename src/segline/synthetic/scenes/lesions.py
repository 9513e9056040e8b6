"""Skin with one pigmented lesion, hairs and freckles."""

from __future__ import annotations

import cv2
import numpy as np

from segline.synthetic.camera import blur, light, noise, to_uint8
from segline.synthetic.scenes import Scene

SHAPE = (128, 128)
SKIN = np.array([206, 160, 140])


def paint(rng: np.random.Generator) -> Scene:
    """One picture of `SHAPE` px, RGB, the lesion as class 1; hairs and freckles are background."""
    height, width = SHAPE
    y, x = np.mgrid[:height, :width].astype(np.float32)
    row, column = rng.uniform(0.35, 0.65, 2) * SHAPE
    radius = rng.uniform(12, 34)
    angle = np.arctan2(y - row, x - column)
    edge = 1 + sum(
        rng.normal(0, 0.22 / order) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
        for order in range(2, 7)
    )
    reach = np.hypot(y - row, (x - column) * rng.uniform(0.75, 1.3))
    depth = 1 - reach / (radius * edge)  # above 0 inside
    tone = SKIN * rng.uniform(0.55, 1.1) * rng.uniform(0.95, 1.05, 3)
    colour = tone * (1 + 0.04 * noise(SHAPE, 12, rng) + 0.03 * noise(SHAPE, 1.5, rng))[..., None]
    pigment = rng.uniform(0.25, 0.55) * np.array([0.75, 1.0, 1.1]) * rng.uniform(0.9, 1.1, 3)
    inside = np.clip(depth / rng.uniform(0.08, 0.3), 0, 1)
    inside = inside * np.clip(1 + 0.3 * noise(SHAPE, 5, rng), 0.4, 1.6)
    colour = colour * np.exp(-1.6 * inside[..., None] * pigment)
    for _ in range(int(rng.poisson(4))):  # freckles: the lesion's colour, but small
        centre = tuple(rng.integers(0, 128, 2).tolist())
        spot = np.zeros(SHAPE, np.float32)
        cv2.circle(spot, centre, int(rng.integers(1, 4)), 1.0, -1)
        colour = colour * np.exp(-0.8 * blur(spot, 0.8)[..., None] * pigment)
    for _ in range(int(rng.integers(0, 9))):
        _draw_hair(colour, rng)
    corner = np.hypot(y / height - 0.5, x / width - 0.5)[..., None]
    colour = colour * (1 - rng.uniform(0, 0.6) * corner**2)
    colour = colour * light(SHAPE, rng.uniform(0.05, 0.3), rng)[..., None]
    colour = blur(colour.astype(np.float32), 0.7) + rng.normal(0, 2.5, (*SHAPE, 3))
    return Scene(to_uint8(colour), (depth > 0).astype(np.uint8))


def _draw_hair(colour: np.ndarray, rng: np.random.Generator) -> None:
    start, end = rng.uniform(-10, 138, (2, 2))
    bend = rng.normal(0, 14, 2)
    t = np.linspace(0, 1, 20)[:, None]
    points = np.rint(start + (end - start) * t + bend * 4 * t * (1 - t)).astype(np.int32)
    shade = tuple(float(v) for v in rng.uniform(25, 60) * np.array([1, 0.85, 0.75]))
    cv2.polylines(colour, [points], False, shade, 1, cv2.LINE_AA)
