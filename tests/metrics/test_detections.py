"""Average precision at one IoU, against scikit-learn and plain loops."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from segline.metrics import detections


def plain(right, confidences, n_true):
    """The integral as PASCAL VOC defines it, step by step over the distinct confidences."""
    steps = []
    for level in sorted(set(confidences), reverse=True):
        above = [r for r, c in zip(right, confidences, strict=True) if c >= level]
        steps.append((sum(above) / n_true, sum(above) / len(above)))
    area, reached = 0.0, 0.0
    for number, (recall, _) in enumerate(steps):
        area += (recall - reached) * max(precision for _, precision in steps[number:])
        reached = recall
    return area


@pytest.mark.parametrize("seed", range(20))
def test_average_precision_is_the_integral_with_and_without_ties(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 30))
    right, confidences = rng.random(n) < 0.6, rng.integers(0, rng.integers(2, 40), n) / 40
    n_true = int(right.sum() + rng.integers(1, 5))
    found = detections.average_precision(right, confidences, n_true)
    assert found == pytest.approx(plain(right, confidences, n_true))


def test_its_steps_are_scikit_learns():
    right, confidences = np.array([1, 0, 1, 1, 0]), np.array([0.9, 0.8, 0.8, 0.3, 0.1])
    precision, recall, _ = precision_recall_curve(right, confidences)
    best = np.maximum.accumulate(precision)  # from the highest recall down
    expected = -(np.diff(recall) * best[:-1]).sum()
    assert detections.average_precision(right, confidences, 3) == pytest.approx(expected)


def test_equal_confidences_are_precision_times_recall_in_any_order():
    right = np.array([True, False, True, False])
    for order in (slice(None), slice(None, None, -1)):
        found = detections.average_precision(right[order], np.ones(4), 3)
        assert found == pytest.approx(2 / 4 * 2 / 3)
        assert found == pytest.approx(float(detections.unranked([2, 4, 3])))


def test_nothing_true_or_nothing_found():
    assert detections.average_precision([], [], 0) == 1
    assert detections.average_precision([False], [0.5], 0) == 0
    assert detections.average_precision([], [], 3) == 0
    assert detections.unranked([[0, 0, 0], [0, 1, 0], [0, 0, 3]]).tolist() == [1, 0, 0]


def test_an_iou_of_just_the_threshold_is_a_match():
    true = np.array([[1, 1, 1, 1, 1, 0, 2, 2]])
    pred = np.array([[4, 4, 4, 0, 0, 0, 7, 0]])
    assert detections.matched(true, pred).tolist() == [True, False]  # 3/5, 1/2
    assert detections.counts(true, pred).tolist() == [1, 2, 2]
