"""Boundary F1 and Hausdorff distances against brute force and scikit-image."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from skimage.metrics import hausdorff_distance

import runs
from segline.metrics import instances, outlines


def boundary(labels):
    """Pixels of an object with a 4-neighbour of another label, or none, one at a time."""
    height, width = labels.shape
    inside = {(y, x): labels[y, x] for y in range(height) for x in range(width)}
    steps = ((0, 1), (1, 0), (0, -1), (-1, 0))
    return [
        (y, x)
        for (y, x), label in inside.items()
        if label and any(inside.get((y + dy, x + dx), -1) != label for dy, dx in steps)
    ]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("tolerance", [0, 1, 2.3])
def test_boundary_f1_is_that_of_all_pairs_of_pixels(seed, tolerance):
    rng = np.random.default_rng(seed)
    pair = [np.kron(rng.integers(0, 3, (4, 5)), np.ones((4, 3), int)) for _ in range(2)]
    far = cdist(*map(boundary, pair))
    recall = (far.min(axis=1) <= tolerance).mean()
    precision = (far.min(axis=0) <= tolerance).mean()
    expected = 2 * precision * recall / (precision + recall) if precision + recall else 0
    assert outlines.boundary_f1(*pair, tolerance_px=tolerance) == pytest.approx(expected)


def test_boundary_f1_of_empty_full_and_moved_objects():
    nothing, full = np.zeros((40, 40), int), np.ones((40, 40), int)
    assert outlines.boundary_f1(nothing, nothing) == outlines.boundary_f1(full, full) == 1
    assert outlines.boundary_f1(nothing, full) == outlines.boundary_f1(full, nothing) == 0
    squares = runs.squares(4)
    assert outlines.boundary_f1(squares, np.roll(squares, 2, axis=1)) == 1
    assert outlines.boundary_f1(squares, np.roll(squares, 3, axis=1)) < 1


def test_hausdorff_of_matches_is_scikit_images():
    true, pred = runs.squares(4), runs.squares(3) * 7
    pred[5:9, 15:18] = 7  # the first grows by 3 px
    pred[27, 9] = 0
    found = outlines.matched_hausdorff_px(true, pred)
    pairs = instances.matches(instances.overlap(true, pred))
    assert len(found) == 3
    assert found == pytest.approx([hausdorff_distance(true == a, pred == b) for a, b, _ in pairs.T])
    assert sorted(found) == [0, 1, 3]
    assert outlines.matched_hausdorff_px(true, true & 0).size == 0
