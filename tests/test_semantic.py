import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from segline import semantic

MATRIX = [[5, 1, 0, 0], [2, 3, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]


def test_confusion_by_hand():
    true, pred = [[0, 0, 1], [2, 1, 0]], [[0, 1, 1], [1, 0, 0]]
    matrix = semantic.confusion(true, pred, n_classes=3)
    assert matrix.tolist() == [[2, 1, 0], [1, 1, 0], [0, 1, 0]]
    assert matrix.dtype == np.int64


def test_scores_by_hand():
    np.testing.assert_allclose(semantic.dice(MATRIX), [10 / 13, 6 / 10, 0, 1])
    np.testing.assert_allclose(semantic.iou(MATRIX), [5 / 8, 3 / 7, 0, 1])
    assert semantic.pixel_accuracy(MATRIX) == 8 / 12
    np.testing.assert_array_equal(semantic.iou(MATRIX, absent=np.nan)[2:], [0, np.nan])
    assert semantic.dice(np.zeros((1, 1)), absent=0).tolist() == [0]
    assert semantic.pixel_accuracy(np.zeros((2, 2))) == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_agrees_with_sklearn(seed):
    rng = np.random.default_rng(seed)
    true, pred = rng.integers(0, 3, (2, 9, 7))
    true.flat[:3] = [0, 1, 2]
    matrix = semantic.confusion(true, pred, n_classes=3)
    flat = true.ravel(), pred.ravel()
    np.testing.assert_array_equal(matrix, sklearn_metrics.confusion_matrix(*flat))
    np.testing.assert_allclose(
        semantic.dice(matrix), sklearn_metrics.f1_score(*flat, average=None, zero_division=1)
    )
    np.testing.assert_allclose(
        semantic.iou(matrix), sklearn_metrics.jaccard_score(*flat, average=None, zero_division=1)
    )
    assert semantic.pixel_accuracy(matrix) == pytest.approx((true == pred).mean())


def test_small_types_do_not_wrap():
    true = np.full((2, 2), 200, np.uint8)
    assert semantic.confusion(true, true, n_classes=201)[200, 200] == 4
    mask = np.array([[True, False]])
    assert semantic.confusion(mask, mask, n_classes=2).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("true", "pred", "message"),
    [
        ([0, 1], [0], r"true has shape \(2,\), pred \(1,\)"),
        ([0, 2], [0, 0], r"true holds class 2, outside 0\.\.1"),
        ([0, 1], [0, -1], r"pred holds class -1, outside 0\.\.1"),
        ([0.0, 1.0], [0, 1], "true must hold integer classes, not float64"),
    ],
)
def test_confusion_refuses(true, pred, message):
    with pytest.raises(ValueError, match=message):
        semantic.confusion(true, pred, n_classes=2)


def test_scores_want_a_square():
    with pytest.raises(ValueError, match=r"square, not of shape \(2, 3\)"):
        semantic.iou(np.zeros((2, 3)))
