"""Aerial pictures: buildings, roads, and on the roads a few vehicles."""

from __future__ import annotations

import cv2
import numpy as np

from segline.synthetic.camera import blur, light, noise, to_uint8
from segline.synthetic.scenes import Scene

CLASSES = ("background", "building", "road", "vehicle")
BUILDING, ROAD, VEHICLE = 1, 2, 3
ROAD_PX = (18, 26)
VEHICLE_PX = (13, 7)  # length, width
BLOCK_PX = 96  # one building is tried for every square of this side
PAINTS = np.array([[196, 60, 52], [58, 84, 168], [228, 226, 220], [50, 52, 58], [214, 176, 70]])
ROOFS = np.array([[168, 92, 70], [134, 128, 122], [186, 178, 166], [98, 74, 66]])


def paint(rng: np.random.Generator, *, shape: tuple[int, int]) -> Scene:
    """One scene of (H, W) = `shape` px with the classes `CLASSES`; about half a percent are vehicles.

    Vehicles have the size and the colours of crates that lie off the roads and are background, roads
    the grey of paved yards: only the surroundings tell.
    """
    mask = np.zeros(shape, np.uint8)
    colour = _ground(shape, rng)
    asphalt = np.array([112, 112, 116]) + rng.normal(0, 6, 3)
    for _ in range(max(2, round(0.3 * shape[0] * shape[1] / BLOCK_PX**2 / 2))):
        _box(colour, _spot(shape, rng), rng.uniform(18, 40, 2), rng.uniform(0, 180), asphalt)
    roads = [_lay_road(mask, colour, asphalt, rng) for _ in range(max(1, round(sum(shape) / 420)))]
    for _ in range(round(shape[0] * shape[1] / BLOCK_PX**2)):
        _put_building(mask, colour, rng)
    for _ in range(round(shape[0] * shape[1] / 8000)):
        _put_small(mask, colour, _spot(shape, rng), rng.uniform(0, 180), 0, rng)
    for start, end in roads:
        _park(mask, colour, start, end, rng)
    colour = blur(colour, 0.7) * light(shape, rng.uniform(0.05, 0.35), rng)[..., None]
    colour = colour * rng.uniform(0.75, 1.1) + rng.normal(0, 5, (*shape, 1))
    return Scene(to_uint8(colour + rng.normal(0, 2, colour.shape)), mask)


def _ground(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    grass, soil = np.array([96, 118, 66]), np.array([150, 126, 94])
    share = 1 / (1 + np.exp(-2.5 * noise(shape, 30, rng)))[..., None]
    grain = 1 + 0.10 * noise(shape, 1.5, rng) + 0.06 * noise(shape, 5, rng)
    return ((share * grass + (1 - share) * soil) * grain[..., None]).astype(np.float32)


def _spot(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A point (x, y) inside the picture."""
    return rng.uniform((0, 0), (shape[1], shape[0]))


def _corners(centre: np.ndarray, sides: np.ndarray, angle: float) -> np.ndarray:
    return np.rint(cv2.boxPoints((tuple(centre), tuple(sides), angle))).astype(np.int32)


def _box(
    picture: np.ndarray, centre: np.ndarray, sides: np.ndarray, angle: float, value: np.ndarray
) -> None:
    cv2.fillPoly(picture, [_corners(centre, sides, angle)], tuple(map(float, value)))


def _pixel(point: np.ndarray) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


Window = tuple[slice, slice]


def _stamp(shape: tuple[int, int], corners: np.ndarray) -> tuple[Window, np.ndarray]:
    """The part of a picture around a polygon, and the polygon's pixels in it (bool)."""
    x, y, width, height = cv2.boundingRect(corners)
    left, top = min(max(x, 0), shape[1]), min(max(y, 0), shape[0])
    right, bottom = (min(max(v, 0), n) for v, n in ((x + width, shape[1]), (y + height, shape[0])))
    inside = np.zeros((bottom - top, right - left), np.uint8)
    if inside.size:
        cv2.fillPoly(inside, [corners], 1, offset=(-left, -top))
    return (slice(top, bottom), slice(left, right)), inside > 0


def _lay_road(
    mask: np.ndarray, colour: np.ndarray, asphalt: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A straight road across the picture; returns its ends (x, y)."""
    height, width = mask.shape
    across = rng.random() < 0.5
    side = [(0, width), (0, height)] if across else [(0, height), (0, width)]
    first, last = rng.uniform(*side[1], 2)
    ends = [(side[0][0] - 20, first), (side[0][1] + 20, last)]
    start, end = (np.array(p if across else p[::-1]) for p in ends)
    thickness = int(rng.integers(*ROAD_PX))
    cv2.line(mask, _pixel(start), _pixel(end), ROAD, thickness)
    cv2.line(colour, _pixel(start), _pixel(end), tuple(map(float, asphalt)), thickness)
    for t in np.arange(0, 1, 22 / np.linalg.norm(end - start)):  # dashes of the centre line
        dash = start + (end - start) * t, start + (end - start) * (t + 0.008)
        cv2.line(colour, _pixel(dash[0]), _pixel(dash[1]), (205.0, 205.0, 200.0), 1)
    return start, end


def _put_building(mask: np.ndarray, colour: np.ndarray, rng: np.random.Generator) -> None:
    """A roof with ridge and shadow, unless a road is in its way."""
    centre, sides, angle = _spot(mask.shape, rng), rng.uniform(26, 60, 2), rng.uniform(0, 180)
    window, inside = _stamp(mask.shape, _corners(centre, sides + 6, angle))
    if mask[window][inside].any():
        return
    window, shadow = _stamp(mask.shape, _corners(centre + 4, sides, angle))
    colour[window][shadow & (mask[window] == 0)] *= 0.55
    roof = ROOFS[rng.integers(len(ROOFS))] * rng.uniform(0.85, 1.15)
    cv2.fillPoly(mask, [_corners(centre, sides, angle)], BUILDING)
    _box(colour, centre, sides, angle, roof)
    lit = cv2.boxPoints((tuple(centre), tuple(sides), angle))
    half = np.rint([lit[0], lit[1], (lit[1] + lit[2]) / 2, (lit[0] + lit[3]) / 2]).astype(np.int32)
    cv2.fillPoly(colour, [half], tuple(map(float, roof * 1.18)))


def _put_small(
    mask: np.ndarray, colour: np.ndarray, centre: np.ndarray, angle: float, label: int, rng
) -> None:
    """A vehicle, or with label 0 a crate, where the ground is free for it."""
    sides = np.array(VEHICLE_PX) * rng.uniform(0.85, 1.2)
    window, inside = _stamp(mask.shape, _corners(centre, sides, angle))
    allowed = ROAD if label else 0
    if not inside.any() or (mask[window][inside] != allowed).any():
        return
    mask[window][inside] = label
    _box(colour, centre, sides, angle, PAINTS[rng.integers(len(PAINTS))] * rng.uniform(0.85, 1.1))
    _box(colour, centre, sides * (0.35, 0.75), angle, np.array([60, 66, 74]))


def _park(
    mask: np.ndarray,
    colour: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Vehicles along a road, left or right of its centre line."""
    way = end - start
    length = np.linalg.norm(way)
    beside = np.array([-way[1], way[0]]) / length
    angle = float(np.degrees(np.arctan2(way[1], way[0])))
    for t in rng.uniform(0, 1, max(1, round(length / 110))):
        centre = start + t * way + beside * rng.choice([-4.5, 4.5])
        _put_small(mask, colour, centre, angle, VEHICLE, rng)
