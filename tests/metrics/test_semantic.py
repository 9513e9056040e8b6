import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from segline.metrics import instances, semantic

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
    for ours, theirs in (
        (semantic.precision, sklearn_metrics.precision_score),
        (semantic.recall, sklearn_metrics.recall_score),
    ):
        np.testing.assert_allclose(ours(matrix), theirs(*flat, average=None, zero_division=0))
    every = sklearn_metrics.jaccard_score(*flat, average="macro")
    assert semantic.mean_iou(matrix) == pytest.approx(every)


def test_precision_and_recall_by_hand():
    np.testing.assert_allclose(semantic.precision(MATRIX), [5 / 7, 3 / 5, 0, 0])
    np.testing.assert_allclose(semantic.recall(MATRIX), [5 / 6, 3 / 5, 0, 0])
    np.testing.assert_array_equal(semantic.recall(MATRIX, absent=np.nan)[2:], [0, np.nan])
    np.testing.assert_array_equal(semantic.precision(MATRIX, absent=1.0)[2:], [1, 1])


def test_mean_iou_leaves_out_absent_classes_and_sums_over_both_axes():
    assert semantic.mean_iou(MATRIX) == pytest.approx((5 / 8 + 3 / 7 + 0) / 3)
    assert np.isnan(semantic.mean_iou(np.zeros((2, 2))))
    # Divided by the true pixels alone, everything-is-class-1 would look like 1/2 rather than 1/8.
    all_ones = [[0, 12], [0, 4]]
    assert semantic.mean_iou(all_ones) == pytest.approx((0 + 4 / 16) / 2)


def test_matrices_in_a_stack_score_as_each_alone():
    stack = np.random.default_rng(0).integers(0, 3, (2, 3, 4, 4))
    for score in (semantic.dice, semantic.iou, semantic.precision, semantic.recall):
        each = [[score(matrix) for matrix in row] for row in stack]
        np.testing.assert_array_equal(score(stack), each)


def test_channels_are_counted_alone():
    rng = np.random.default_rng(1)
    true, pred = rng.integers(0, 2, (2, 6, 5, 3)).astype(bool)
    counts = semantic.channel_confusion(true, pred)
    flat = true.reshape(-1, 3), pred.reshape(-1, 3)
    np.testing.assert_array_equal(counts, sklearn_metrics.multilabel_confusion_matrix(*flat))
    assert semantic.pixel_accuracy(counts) == pytest.approx((true == pred).mean())
    with pytest.raises(ValueError, match="true has shape"):
        semantic.channel_confusion(true, pred[..., :2])


def maps(n=4):
    """Masks and 8-bit maps of some images; the first mask is empty, the last map is blank."""
    rng = np.random.default_rng(2)
    true = rng.random((n, 9, 7)) < 0.2
    true[0] = False
    probs = np.clip(rng.normal(90, 50, true.shape) + 60 * true, 0, 255).astype(np.uint8)
    probs[-1] = 0
    return true, probs


def test_thresholds_give_the_scores_of_each_binary_image():
    true, probs = maps()
    thresholds = [0.0, 51 / 255, 0.2001, 0.5, 1.0]
    counts = np.stack([semantic.level_counts(*pair) for pair in zip(true, probs, strict=True)])
    found = semantic.at_thresholds(counts, thresholds)
    assert found.shape == (4, 5, 2, 2)
    for i, t in np.ndindex(4, 5):
        mask = probs[i] / 255 > thresholds[t]
        expected = semantic.confusion(true[i], mask, n_classes=2)
        np.testing.assert_array_equal(found[i, t], expected)
    with pytest.raises(ValueError, match="thresholds must lie in 0..1, found 1.5"):
        semantic.at_thresholds(counts, [0.5, 1.5])


def test_one_object_an_image_scores_as_the_instance_metric():
    rng = np.random.default_rng(3)
    true = np.zeros((12, 9, 9), bool)
    true[1:, 2:8, 2:8] = True
    pred = true ^ (rng.random(true.shape) < np.linspace(0, 0.3, 12)[:, None, None])
    pred[-1] = False
    counts = [semantic.confusion(*pair, n_classes=2) for pair in zip(true, pred, strict=True)]
    expected = [instances.map_iou(*pair) for pair in zip(true, pred, strict=True)]
    np.testing.assert_allclose(semantic.map_iou(counts), expected)
    shifted = [[[0, k], [0, 20 - k]] for k in range(20)]  # IoU exactly at the thresholds
    expected = [instances.map_iou([[1] * (20 - k) + [0] * k], [[1] * 20]) for k in range(20)]
    np.testing.assert_allclose(semantic.map_iou(shifted), expected)
    with pytest.raises(ValueError, match="are .*, not of shape"):
        semantic.map_iou(np.zeros((3, 3)))


def test_roc_curve_and_auc_equal_sklearns():
    true, probs = maps()
    counts = sum(semantic.level_counts(*pair) for pair in zip(true, probs, strict=True))
    flat = true.ravel(), probs.ravel()
    fpr, tpr, thresholds = sklearn_metrics.roc_curve(*flat, drop_intermediate=False)
    ours = semantic.roc_curve(counts)
    at = np.r_[0, 256 - thresholds[1:].astype(int)]  # k highest levels: those from 256 - k up
    np.testing.assert_allclose(np.array(ours)[:, at], [fpr, tpr])
    assert semantic.auc(counts) == pytest.approx(sklearn_metrics.roc_auc_score(*flat))


def test_auc_of_one_class_is_undefined():
    blank = semantic.level_counts(np.zeros(3, int), np.zeros(3, np.uint8))
    assert np.isnan(semantic.auc(blank))


def test_level_counts_refuse():
    with pytest.raises(ValueError, match="probs must be uint8, not float64"):
        semantic.level_counts([0, 1], [0.2, 0.7])
    with pytest.raises(ValueError, match="true holds class 2"):
        semantic.level_counts([0, 2], np.zeros(2, np.uint8))
    with pytest.raises(ValueError, match="true has shape"):
        semantic.level_counts([0, 1], np.zeros(3, np.uint8))


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
