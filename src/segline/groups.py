from __future__ import annotations
from collections.abc import Sequence
from dataclasses import dataclass
import numpy as np
@dataclass(frozen=True)
class Borders:
    top: np.ndarray
def borders(image):
    return Borders(image[:2])
def assign(found: Sequence[Borders], modalities, *, joined=()):
    return np.arange(len(found))
