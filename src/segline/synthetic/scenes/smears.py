"""Blood smears: white cells of three kinds among red cells that are none of them."""

from __future__ import annotations

import cv2
import numpy as np

from segline.synthetic.camera import blur, light, noise, to_uint8
from segline.synthetic.scenes import Scene

CLASSES = ("background", "lymphocyte", "neutrophil", "eosinophil")
SHARES = (0.55, 0.39, 0.06)  # of the white cells
SHAPE = (192, 256)
MARGIN_PX = 3  # between any two white cells, so that each is a region of its own
PLASMA = np.array([232, 222, 224])
NUCLEUS = np.array([88, 52, 138])
RED = np.array([214, 158, 156])
CYTOPLASM = np.array([[178, 186, 226], [222, 196, 212], [226, 176, 166]])  # by kind


def paint(rng: np.random.Generator) -> Scene:
    """One picture of `SHAPE` px, RGB, with the classes `CLASSES`: 3 to 6 white cells.

    The class is that of the whole cell; its nucleus (one, several lobes, two lobes with granules)
    tells. Red cells, smudges of nuclear colour and platelets are background: regions that are none.
    """
    mask = np.zeros(SHAPE, np.uint8)
    colour = (PLASMA * (1 + 0.02 * noise(SHAPE, 10, rng))[..., None]).astype(np.float32)
    for _ in range(int(rng.integers(14, 30))):
        _draw_red(colour, rng)
    for _ in range(int(rng.integers(1, 4))):
        _draw_smudge(colour, rng)
    for kind in rng.choice(3, int(rng.integers(3, 7)), p=SHARES):
        _put_cell(mask, colour, int(kind), rng)
    for _ in range(int(rng.poisson(5))):
        x, y = rng.uniform((0, 0), SHAPE[::-1])
        if not mask[int(y), int(x)]:
            cv2.circle(colour, (int(x), int(y)), int(rng.integers(1, 3)), _rgb(NUCLEUS * 1.4), -1)
    colour = (
        blur(colour, rng.uniform(0.7, 1.1)) * light(SHAPE, rng.uniform(0.05, 0.25), rng)[..., None]
    )
    colour = colour * rng.uniform(0.75, 1.05) * rng.uniform(0.96, 1.04, 3)
    return Scene(to_uint8(colour + rng.normal(0, 3, colour.shape)), mask)


def _rgb(colour: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in np.clip(colour, 0, 255))


def _draw_red(colour: np.ndarray, rng: np.random.Generator) -> None:
    centre = tuple(int(v) for v in rng.uniform((0, 0), SHAPE[::-1]))
    radius = int(rng.integers(8, 12))
    tone = RED * rng.uniform(0.93, 1.04)
    axes = (radius, int(radius * rng.uniform(0.8, 1.0)))
    cv2.ellipse(colour, centre, axes, rng.uniform(0, 180), 0, 360, _rgb(tone), -1)
    cv2.circle(colour, centre, radius // 3, _rgb(tone * 1.1), -1)  # paler in the middle


def _draw_smudge(colour: np.ndarray, rng: np.random.Generator) -> None:
    """A burst nucleus: soft, without cytoplasm."""
    stain = np.zeros(SHAPE, np.float32)
    centre = rng.uniform((0, 0), SHAPE[::-1])
    for _ in range(5):
        spot = tuple(int(v) for v in centre + rng.normal(0, 5, 2))
        cv2.circle(stain, spot, int(rng.integers(4, 9)), rng.uniform(0.3, 0.6), -1)
    share = blur(stain, 2.5)[..., None]
    colour[:] = colour * (1 - share) + NUCLEUS * 1.25 * share


def _put_cell(mask: np.ndarray, colour: np.ndarray, kind: int, rng: np.random.Generator) -> None:
    """A white cell where there is room for it; tried ten times."""
    radius = rng.uniform(9, 11.5) if kind == 0 else rng.uniform(12, 15)
    for _ in range(10):
        centre = rng.uniform(0, 1, 2) * SHAPE[::-1]
        room = np.zeros_like(mask)
        cv2.circle(room, tuple(int(v) for v in centre), int(radius * 1.15) + MARGIN_PX, 1, -1)
        if not mask[room > 0].any():
            break
    else:
        return
    outline = _outline(centre, radius, rng)
    cv2.fillPoly(mask, [outline], kind + 1)
    cv2.fillPoly(colour, [outline], _rgb(CYTOPLASM[kind] * rng.uniform(0.92, 1.05)))
    if kind == 2:
        _draw_granules(colour, mask, centre, radius, rng)
    for lobe, size in _lobes(kind, centre, radius, rng):
        cv2.fillPoly(colour, [_outline(lobe, size, rng)], _rgb(NUCLEUS * rng.uniform(0.85, 1.1)))


def _outline(centre: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    theta = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    reach = np.full_like(theta, radius)
    for order in (2, 3, 4):
        reach += radius * rng.normal(0, 0.08 / order) * np.cos(order * theta + rng.uniform(0, 6.3))
    points = centre + reach[:, None] * np.stack([np.cos(theta), np.sin(theta)], axis=1)
    return np.rint(points).astype(np.int32)


def _lobes(
    kind: int, centre: np.ndarray, radius: float, rng: np.random.Generator
) -> list[tuple[np.ndarray, float]]:
    """Centre and radius of each lobe of a nucleus."""
    if kind == 0:
        return [(centre + rng.normal(0, 0.06 * radius, 2), 0.78 * radius)]
    count = int(rng.integers(3, 6)) if kind == 1 else 2
    turn, spread = rng.uniform(0, 2 * np.pi), (1.15 if kind == 1 else 2.6)
    angles = turn + spread * np.arange(count)
    size = (0.30 if kind == 1 else 0.36) * radius
    ring = 0.48 * radius
    return [(centre + ring * np.array([np.cos(a), np.sin(a)]), size) for a in angles]


def _draw_granules(
    colour: np.ndarray,
    mask: np.ndarray,
    centre: np.ndarray,
    radius: float,
    rng: np.random.Generator,
) -> None:
    for _ in range(70):
        x, y = (int(v) for v in centre + rng.normal(0, 0.5 * radius, 2))
        if 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and mask[y, x] == 3:
            cv2.circle(
                colour, (x, y), 1, _rgb(np.array([222, 104, 74]) * rng.uniform(0.9, 1.1)), -1
            )
