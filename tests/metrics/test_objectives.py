"""Metrics of competitions, by hand."""

import numpy as np
import pytest

from segline.metrics import objectives


def test_f2_counts_a_miss_four_times():
    found = objectives.f2([[2, 1], [0, 0]], [[1, 1], [0, 3]], [[1, 1], [0, 0]])
    assert found == pytest.approx(np.array([[10 / 15, 5 / 10], [1, 0]]))


def test_masks_with_nothing_true_and_nothing_found_are_right():
    matrices = np.array([[[9, 0], [0, 0]], [[8, 1], [0, 0]], [[5, 1], [1, 2]], [[1, 0], [1, 7]]])
    assert objectives.dice(matrices) == pytest.approx([1, 0, 4 / 6, 14 / 15])
    # IoU .5 is above no threshold, 7/8 above .5 to .85
    assert objectives.of_masks("precision_iou")[1](matrices) == pytest.approx([1, 0, 0, 0.8])


def test_a_metric_that_is_not_computed_has_a_stand_in_by_its_own_name():
    assert objectives.of_masks("surface_dice")[0] == "dice"
    assert objectives.of_objects("dice")[0] == "map_iou"
