"""Crowds: label images of nuclei with irregular outlines, alone or against a neighbour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

MIN_AREA_PX = 20
MAX_AREA_PX = 3000
MIN_VISIBLE = 0.8  # share of a nucleus that neighbours may not cover


@dataclass(frozen=True)
class Habit:
    """How the nuclei of one field look and crowd."""

    radius_px: float
    coverage: float  # share of the field that nuclei fill
    touching: float  # probability that a nucleus is put against another one
    elongation: float  # long over short axis
    orientation: float | None  # radians; None means each nucleus its own

    def outline(self, rng: np.random.Generator) -> np.ndarray:
        """Draw one nucleus as a (H, W) bool stamp without empty margins."""
        area = np.pi * (self.radius_px * rng.lognormal(0, 0.22)) ** 2
        radius = np.sqrt(np.clip(area, 1.6 * MIN_AREA_PX, 0.8 * MAX_AREA_PX) / np.pi)
        ratio = 1 + (self.elongation - 1) * rng.uniform(0.5, 1.5)
        angle = rng.uniform(0, np.pi)
        if self.orientation is not None:
            angle = self.orientation + rng.normal(0, 0.25)
        return _stamp(radius, ratio, angle, rng)


def _stamp(radius: float, ratio: float, angle: float, rng: np.random.Generator) -> np.ndarray:
    reach = int(np.ceil(radius * np.sqrt(ratio) * 1.35)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float64)
    u = (x * np.cos(angle) + y * np.sin(angle)) / np.sqrt(ratio)
    v = (y * np.cos(angle) - x * np.sin(angle)) * np.sqrt(ratio)
    theta = np.arctan2(v, u)
    edge = np.ones_like(theta)
    for order in (2, 3, 4, 5):
        edge += rng.normal(0, 0.10 / order) * np.cos(order * theta + rng.uniform(0, 2 * np.pi))
    inside = np.hypot(u, v) < radius * edge
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def place_nuclei(shape: tuple[int, int], habit: Habit, *, rng: np.random.Generator) -> np.ndarray:
    """Fill a field with nuclei and return its labels, (H, W) int32, 0 background, 1..n.

    Nuclei never overlap; one put against another keeps at least `MIN_VISIBLE` of its own outline,
    in one piece. The area of each lies in `MIN_AREA_PX`..`MAX_AREA_PX`.
    """
    labels = np.zeros(shape, np.int32)
    placed: list[tuple[float, float, float]] = []  # row, column, equivalent radius
    goal = habit.coverage * labels.size
    covered = 0
    for _ in range(40 + int(8 * goal / (np.pi * habit.radius_px**2))):
        stamp = habit.outline(rng)
        size = float(np.sqrt(stamp.sum() / np.pi))
        row, column = _spot(shape, placed, size, habit.touching, rng)
        added = _press(labels, stamp, row, column, len(placed) + 1)
        if added:
            placed.append((row, column, size))
            covered += added
        if covered >= goal:
            break
    return labels


def _spot(
    shape: tuple[int, int],
    placed: list[tuple[float, float, float]],
    size: float,
    touching: float,
    rng: np.random.Generator,
) -> tuple[float, float]:
    if not placed or rng.random() > touching:
        return rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
    row, column, neighbour = placed[rng.integers(max(0, len(placed) - 12), len(placed))]
    angle = rng.uniform(0, 2 * np.pi)
    distance = (neighbour + size) * rng.uniform(0.9, 1.15)
    return row + distance * np.sin(angle), column + distance * np.cos(angle)


def _press(labels: np.ndarray, stamp: np.ndarray, row: float, column: float, label: int) -> int:
    """Write `stamp` centred at (row, column) where free; return its pixels, 0 if it won't fit."""
    top, left = int(row) - stamp.shape[0] // 2, int(column) - stamp.shape[1] // 2
    rows = slice(max(top, 0), min(top + stamp.shape[0], labels.shape[0]))
    columns = slice(max(left, 0), min(left + stamp.shape[1], labels.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return 0
    inside = stamp[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    free = inside & (labels[rows, columns] == 0)
    n_pixels = int(free.sum())
    if n_pixels < max(MIN_AREA_PX, MIN_VISIBLE * inside.sum()) or ndimage.label(free)[1] != 1:
        return 0
    labels[rows, columns][free] = label
    return n_pixels
