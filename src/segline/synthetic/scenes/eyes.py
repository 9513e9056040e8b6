"""Eyes before several sensors: the iris between pupil, eyelids and lashes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from segline.synthetic.camera import blur, light, noise, to_uint8
from segline.synthetic.scenes import Scene


@dataclass(frozen=True)
class Sensor:
    """A camera: picture size, brightness of full signal, noise and blur in grey levels and px."""

    shape: tuple[int, int]
    gain: float  # grey level of a signal of 1
    noise: float
    blur_px: float
    iris: float  # brightness of an iris: infrared light makes it bright, visible light dark


SENSORS = {
    "near_infrared": Sensor((144, 192), 215, 3, 0.7, 0.62),
    "mobile": Sensor((160, 160), 95, 6, 1.3, 0.50),
    "visible": Sensor((160, 208), 235, 5, 0.9, 0.33),
    "dim": Sensor((128, 176), 46, 3, 1.0, 0.55),
}


def paint(rng: np.random.Generator, *, sensor: str) -> Scene:
    """One eye, grey, its iris (about 5 % of the pixels) as class 1: a ring cut by the eyelids."""
    camera = SENSORS[sensor]
    height, width = camera.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    row, column = height * rng.uniform(0.46, 0.60), width * rng.uniform(0.38, 0.62)
    radius = np.sqrt(0.047 * height * width / np.pi) * rng.uniform(0.98, 1.32)
    pupil = radius * rng.uniform(0.28, 0.46)
    distance = np.hypot(x - column, y - row)
    opening = _opening(x, y, row=row, column=column, radius=radius, rng=rng)
    ring = (distance < radius) & (distance >= pupil)

    signal = 0.60 + 0.06 * noise(camera.shape, 14, rng) + 0.03 * noise(camera.shape, 2, rng)  # skin
    brow = np.exp(-(((y - 0.06 * height) / (0.07 * height)) ** 2)) * (x > 0.1 * width)
    signal -= rng.uniform(0.15, 0.4) * brow * (1 + 0.3 * noise(camera.shape, 2, rng))
    white = 0.80 + 0.03 * noise(camera.shape, 5, rng) - 0.15 * np.abs(x - column) / width
    signal = np.where(opening, white, signal)
    signal = np.where(
        opening & ring, _iris(x - column, y - row, distance / radius, camera, rng), signal
    )
    signal = np.where(opening & (distance < pupil), 0.10, signal)
    signal = blur(signal.astype(np.float32), 0.8)
    _draw_lashes(signal, opening, rng)
    _draw_reflections(signal, row, column, pupil, rng)

    grey = camera.gain * signal * light(camera.shape, rng.uniform(0.25, 0.65), rng)
    grey = blur(grey.astype(np.float32), camera.blur_px)
    grey = grey * rng.uniform(0.85, 1.1) + camera.noise * rng.standard_normal(camera.shape)
    return Scene(to_uint8(grey), (opening & ring).astype(np.uint8))


def _opening(
    x: np.ndarray,
    y: np.ndarray,
    *,
    row: float,
    column: float,
    radius: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Between the eyelids: two parabolas that meet in the corners of the eye."""
    reach = radius * rng.uniform(2.0, 2.4)
    fall = 1 - ((x - column) / reach) ** 2
    upper = radius * rng.uniform(0.68, 1.05) * fall
    lower = radius * rng.uniform(0.85, 1.10) * fall
    return (y > row - upper) & (y < row + lower) & (fall > 0)


def _iris(
    x: np.ndarray, y: np.ndarray, depth: np.ndarray, camera: Sensor, rng: np.random.Generator
) -> np.ndarray:
    """Radial fibres, a bright collarette and a dark rim; `depth` is 1 at the rim."""
    angle = np.arctan2(y, x)
    fibres = np.zeros_like(angle)
    for order in rng.integers(9, 40, 6):
        fibres += np.cos(order * angle + rng.uniform(0, 2 * np.pi) + 2 * depth)
    collarette = np.exp(-(((depth - 0.55) / 0.12) ** 2))
    rim = np.exp(-(((1 - depth) / 0.10) ** 2))
    level = camera.iris * rng.uniform(0.8, 1.2)
    return level * (1 + 0.05 * fibres + 0.15 * collarette - 0.35 * rim)


def _draw_lashes(signal: np.ndarray, opening: np.ndarray, rng: np.random.Generator) -> None:
    """Dark curved hairs from the upper lid, some of them across the iris."""
    columns = np.flatnonzero(opening.any(axis=0))
    for column in rng.choice(columns, min(len(columns), int(rng.integers(10, 30)))):
        top = int(opening[:, column].argmax())
        length = rng.uniform(0.05, 0.13) * signal.shape[0]
        lean = (column - columns.mean()) / max(np.ptp(columns), 1)
        t = np.linspace(0, 1, 8)
        down = rng.uniform(0.2, 1.0) if rng.random() < 0.35 else -1.0
        points = np.stack(
            [column + 1.2 * lean * length * t, top + down * length * t * (1.4 - t)], 1
        )
        level = rng.uniform(0.12, 0.3)
        cv2.polylines(signal, [np.rint(points).astype(np.int32)], False, level, 1, cv2.LINE_AA)


def _draw_reflections(
    signal: np.ndarray, row: float, column: float, pupil: float, rng: np.random.Generator
) -> None:
    for _ in range(int(rng.integers(1, 4))):
        centre = (int(column + rng.normal(0, pupil)), int(row + rng.normal(0, pupil)))
        axes = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        cv2.ellipse(signal, centre, axes, 0, 0, 360, 1.15, -1, cv2.LINE_AA)
