"""Generated pictures with exact class masks, for the semantic jobs.

Each module paints one kind: `paint(rng, ...) -> Scene`. The same state of `rng` gives the same scene.
Nothing here is fitted to real pictures.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Scene(NamedTuple):
    image: np.ndarray  # (H, W) grey or (H, W, 3) RGB, uint8
    mask: np.ndarray  # (H, W) uint8 class indices, 0 the background
