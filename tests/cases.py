"""Images that several tests of the numeric core share."""

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray


@st.composite
def label_images(draw, *, max_side: int = 14, numbers=(1, 2, 3, 7, 100)) -> NDArray[np.int32]:
    """A few rectangles painted over each other, some pixels at random, numbers with gaps."""
    height = draw(st.integers(1, max_side))
    width = draw(st.integers(1, max_side))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = np.zeros((height, width), np.int32)
    for number in draw(st.lists(st.sampled_from([0, *numbers]), max_size=8)):
        top, left = rng.integers(0, height), rng.integers(0, width)
        tall, wide = rng.integers(1, height + 1), rng.integers(1, width + 1)
        labels[top : top + tall, left : left + wide] = number
    noisy = rng.random(labels.shape) < draw(st.sampled_from([0.0, 0.0, 0.1, 0.9]))
    return np.where(noisy, rng.choice([0, *numbers], labels.shape), labels).astype(np.int32)


def crowd(n: int, side: int, *, radius: float, seed: int) -> NDArray[np.int32]:
    """Discs of about `radius` px at random places, later ones on top; numbers may have gaps."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((side, side), np.int32)
    for number in range(1, n + 1):
        row, column = rng.uniform(0, side, 2)
        r = radius * rng.uniform(0.7, 1.3)
        top, left = max(int(row - r), 0), max(int(column - r), 0)
        window = labels[top : int(row + r) + 2, left : int(column + r) + 2]
        ys, xs = np.ogrid[: window.shape[0], : window.shape[1]]
        window[(ys + top - row) ** 2 + (xs + left - column) ** 2 < r**2] = number
    return labels
