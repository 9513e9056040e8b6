"""What a camera adds to every generated picture: uneven light, smooth noise, blur."""

from __future__ import annotations

import cv2
import numpy as np


def noise(shape: tuple[int, int], sigma_px: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise (H, W) of zero mean and unit deviation with features of about `sigma_px`."""
    step = max(1, int(sigma_px / 2))
    coarse = rng.standard_normal((shape[0] // step + 8, shape[1] // step + 8)).astype(np.float32)
    smooth = blur(coarse, sigma_px / step)
    coarse = (smooth - smooth.mean()) / smooth.std()
    size = (coarse.shape[1] * step, coarse.shape[0] * step)
    fine = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR) if step > 1 else coarse
    return fine[: shape[0], : shape[1]]


def blur(image: np.ndarray, sigma_px: float) -> np.ndarray:
    """Gaussian blur of a float image (H, W) or (H, W, C)."""
    return cv2.GaussianBlur(image, (0, 0), sigma_px)


def light(shape: tuple[int, int], strength: float, rng: np.random.Generator) -> np.ndarray:
    """Uneven illumination (H, W): a slope and a hump, between 1 - strength and 1."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j].astype(np.float32)
    angle, centre = rng.uniform(0, 2 * np.pi), rng.uniform(-0.6, 0.6, 2)
    slope = x * np.cos(angle) + y * np.sin(angle)
    field = 0.6 * slope - (x - centre[0]) ** 2 - (y - centre[1]) ** 2
    return 1 - strength * (field.max() - field) / (field.max() - field.min())


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Round and clip levels in 0..255."""
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
