"""Phantoms: microscope-like pictures of nuclei with their exact label images.

Four modalities of the competition are imitated: `fluorescence`, `tissue_purple`, `tissue_light`,
`brightfield`. Nuclei have grain and spots, many touch (see `crowds`), the light is uneven, the
camera noisy. Nothing here is fitted to real pictures.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from segline.synthetic.camera import blur, light, noise, to_uint8
from segline.synthetic.crowds import Habit, place_nuclei


def paint(
    modality: str, shape: tuple[int, int], *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Paint one field: the picture (H, W, 3) uint8 RGB and its labels (H, W) int32.

    `modality` is a key of `PAINTERS`; ValueError otherwise. The same `rng` state
    gives the same field.
    """
    if modality not in PAINTERS:
        raise ValueError(f"modality {modality!r} is not one of {', '.join(PAINTERS)}")
    habit = _HABITS[modality](rng)
    labels = place_nuclei(shape, habit, rng=rng)
    return PAINTERS[modality](labels, habit.radius_px, rng), labels


def _fluorescence_habit(rng: np.random.Generator) -> Habit:
    radius = float(np.exp(rng.uniform(np.log(4.0), np.log(20.0))))
    return Habit(radius, rng.uniform(0.1, 0.32), rng.uniform(0.4, 0.8), 1.25, None)


def _tissue_habit(rng: np.random.Generator) -> Habit:
    orientation = rng.uniform(0, np.pi) if rng.random() < 0.6 else None
    elongation = rng.uniform(1.4, 2.4) if orientation is not None else 1.2
    coverage, touching = rng.uniform(0.15, 0.35), rng.uniform(0.4, 0.75)
    return Habit(rng.uniform(6, 13), coverage, touching, elongation, orientation)


def _brightfield_habit(rng: np.random.Generator) -> Habit:
    return Habit(rng.uniform(7, 14), rng.uniform(0.1, 0.25), rng.uniform(0.4, 0.75), 1.3, None)


def _depth(labels: np.ndarray) -> np.ndarray:
    """Distance in px from each nucleus pixel to the nearest pixel of anything else."""
    grown = cv2.dilate(labels.astype(np.float32), np.ones((3, 3), np.uint8))
    shrunk = cv2.erode(labels.astype(np.float32), np.ones((3, 3), np.uint8))
    interior = ((grown == shrunk) & (labels > 0)).astype(np.uint8)
    return cv2.distanceTransform(interior, cv2.DIST_L2, 5) + (labels > 0)


def _seams(labels: np.ndarray) -> np.ndarray:
    """Pixels of a nucleus with another nucleus within one pixel, float32 0 or 1."""
    high = cv2.dilate(labels.astype(np.float32), np.ones((3, 3), np.uint8))
    low = np.where(labels == 0, np.float32(1e9), labels.astype(np.float32))
    low = cv2.erode(low, np.ones((3, 3), np.uint8))
    return ((labels > 0) & (high > low)).astype(np.float32)


def _per_nucleus(labels: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], values]).astype(np.float32)[labels]


def _chromatin(labels: np.ndarray, radius_px: float, rng: np.random.Generator) -> np.ndarray:
    """Relative density inside nuclei: dome, coarse and fine grain, spots; 0 outside."""
    dome = 1 - np.exp(-_depth(labels) / (0.35 * radius_px))
    coarse = noise(labels.shape, max(0.8, radius_px / 3), rng)
    fine = noise(labels.shape, max(0.7, radius_px / 8), rng)
    grain = 1 + 0.16 * coarse + 0.12 * fine
    return (labels > 0) * (0.6 + 0.4 * dome) * np.clip(grain, 0.4, 1.8)


def _debris(shape: tuple[int, int], size_px: float, rng: np.random.Generator) -> np.ndarray:
    """A few soft specks that are no nuclei, float32 0..1."""
    specks = np.zeros(shape, np.float32)
    for _ in range(rng.poisson(shape[0] * shape[1] / 9000)):
        row, column = rng.integers(shape[0]), rng.integers(shape[1])
        axes = tuple(int(a) for a in np.maximum(1, size_px * rng.uniform(0.1, 0.3, 2)))
        angle, level = rng.uniform(0, 360), rng.uniform(0.3, 1)
        cv2.ellipse(specks, (int(column), int(row)), axes, angle, 0, 360, level, -1)
    return blur(specks, 0.8)


def _fluorescence(labels: np.ndarray, radius_px: float, rng: np.random.Generator) -> np.ndarray:
    n = int(labels.max())
    brightness = rng.lognormal(0, rng.uniform(0.15, 0.4), n) * (1 + (rng.random(n) < 0.06))
    signal = _chromatin(labels, radius_px, rng) * _per_nucleus(labels, brightness)
    signal *= 1 - rng.uniform(0, 0.5) * _seams(labels)
    signal += 0.5 * _debris(labels.shape, radius_px, rng)
    ghosts = np.roll(signal, rng.integers(20, 60, 2), (0, 1))  # nuclei far out of focus
    signal += 0.15 * blur(ghosts, radius_px) + rng.uniform(0.05, 0.2) * blur(signal, radius_px)
    signal = blur(signal, rng.uniform(0.6, 1.3)) + rng.uniform(0.02, 0.15)
    signal *= light(labels.shape, rng.uniform(0.2, 0.6), rng)
    peak = np.exp(rng.uniform(np.log(45), np.log(235)))
    grey = signal / np.percentile(signal, 99.5) * peak
    grey += np.sqrt(grey) * rng.uniform(0.1, 0.7) * rng.standard_normal(grey.shape)
    grey += rng.uniform(0.5, 2.0) * rng.standard_normal(grey.shape)
    return np.repeat(to_uint8(grey)[..., None], 3, 2)


def _tissue(
    labels: np.ndarray,
    radius_px: float,
    rng: np.random.Generator,
    *,
    nucleus: tuple[float, float, float],
    ground: tuple[float, float, float],
    stroma: float,
) -> np.ndarray:
    """Stained section: `nucleus` and `ground` are optical densities in R, G, B at full stain."""
    n = int(labels.max())
    stain = _chromatin(labels, radius_px, rng) * _per_nucleus(labels, rng.lognormal(0, 0.25, n))
    stain *= 1 - rng.uniform(0, 0.45) * _seams(labels)
    stain += 0.4 * _debris(labels.shape, radius_px, rng)
    stain = blur(stain.astype(np.float32), rng.uniform(0.6, 1.1))
    body = blur((labels > 0).astype(np.float32), 0.9 * radius_px)  # cytoplasm around the nuclei
    fibres = cv2.blur(noise(labels.shape, 2.0, rng), (1 + 2 * int(radius_px), 1))
    cytoplasm = stroma + (1 - stroma) * body * (1 + 0.3 * noise(labels.shape, radius_px, rng))
    cytoplasm = np.clip(cytoplasm * (1 + 0.18 * fibres), 0, None)
    jitter = rng.uniform(0.9, 1.1, 3)
    density = stain[..., None] * (np.array(nucleus) * jitter)
    density = density + cytoplasm[..., None] * np.array(ground)
    white = rng.uniform(232, 246) * light(labels.shape, rng.uniform(0.03, 0.12), rng)
    colour = white[..., None] * np.exp(-density)
    colour += rng.uniform(1.5, 4.0) * rng.standard_normal(colour.shape)
    return to_uint8(colour)


def _tissue_purple(labels: np.ndarray, radius_px: float, rng: np.random.Generator) -> np.ndarray:
    nucleus, ground = (0.85, 1.25, 0.35), (0.30, 0.44, 0.14)
    return _tissue(labels, radius_px, rng, nucleus=nucleus, ground=ground, stroma=0.85)


def _tissue_light(labels: np.ndarray, radius_px: float, rng: np.random.Generator) -> np.ndarray:
    nucleus, ground = (0.75, 1.60, 0.75), (0.10, 0.30, 0.14)
    return _tissue(labels, radius_px, rng, nucleus=nucleus, ground=ground, stroma=0.05)


def _brightfield(labels: np.ndarray, radius_px: float, rng: np.random.Generator) -> np.ndarray:
    n = int(labels.max())
    stain = _chromatin(labels, radius_px, rng) * _per_nucleus(labels, rng.uniform(0.3, 0.8, n))
    stain *= 1 - rng.uniform(0, 0.5) * _seams(labels)
    stain += 0.3 * _debris(labels.shape, radius_px, rng)
    body = (labels > 0).astype(np.float32)
    halo = blur(body, 2.5) * (1 - body)  # refraction brightens the rim
    ragged = blur(body, 1.1 * radius_px) + 0.04 * noise(labels.shape, 0.5 * radius_px, rng)
    cells = blur(1 / (1 + np.exp((0.16 - ragged) / 0.008)), 0.8) * rng.uniform(0.08, 0.25)
    stain = blur(stain.astype(np.float32), rng.uniform(0.7, 1.2)) - 0.08 * halo + cells
    lamp = light(labels.shape, rng.uniform(0.05, 0.25), rng)
    grey = rng.uniform(205, 228) * lamp * np.exp(-stain)
    grey += 2.0 * noise(labels.shape, 3.0, rng)
    grey += rng.uniform(1.5, 4.0) * rng.standard_normal(grey.shape)
    return np.repeat(to_uint8(grey)[..., None], 3, 2)


PAINTERS: dict[str, Callable[[np.ndarray, float, np.random.Generator], np.ndarray]] = {
    "fluorescence": _fluorescence,
    "tissue_purple": _tissue_purple,
    "tissue_light": _tissue_light,
    "brightfield": _brightfield,
}
_HABITS: dict[str, Callable[[np.random.Generator], Habit]] = {
    "fluorescence": _fluorescence_habit,
    "tissue_purple": _tissue_habit,
    "tissue_light": _tissue_habit,
    "brightfield": _brightfield_habit,
}
