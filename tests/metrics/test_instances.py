import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from skimage.draw import disk

import cases
from segline.masks import rle, rle_check
from segline.metrics import instances, semantic

TWENTIETHS = [Fraction(k, 20) for k in range(10, 20)]


def brute_ious(true, pred):
    """Exact IoU of every pair, one mask at a time."""
    numbers = [[n for n in np.unique(image) if n] for image in (true, pred)]
    return [
        [
            Fraction(int(((true == a) & (pred == b)).sum()), int(((true == a) | (pred == b)).sum()))
            for b in numbers[1]
        ]
        for a in numbers[0]
    ]


def brute_counts(true, pred, threshold):
    ious = brute_ious(true, pred)
    n_true = len(ious)
    n_pred = len([n for n in np.unique(pred) if n])
    good = np.array([[iou > threshold for iou in row] for row in ious]).reshape(n_true, n_pred)
    tp = int(good[linear_sum_assignment(good, maximize=True)].sum())
    return tp, n_pred - tp, n_true - tp


def row(text):
    return np.array([[int(c) for c in text]])


# true, pred, mean precision over the ten thresholds
TABLE = [
    ("000", "000", 1.0),
    ("110", "000", 0.0),
    ("000", "110", 0.0),
    ("110", "220", 1.0),
    ("112", "221", 1.0),
    ("1100", "1110", 0.4),  # IoU 2/3: passes .50 .55 .60 .65
    ("1111", "0111", 0.5),  # IoU 3/4: passes .50 .55 .60 .65 .70, not .75
    ("11", "10", 0.0),  # IoU 1/2 is not above 1/2
    ("1120", "1100", 0.5),  # one right, one missed
    ("1100", "1120", 0.5),  # one right, one false alarm
    ("1122", "1133", 1.0),
    ("1122", "1111", 0.0),  # merged: both IoU 1/2
    ("1111", "1122", 0.0),  # split: both IoU 1/2
]


@pytest.mark.parametrize(("true", "pred", "score"), TABLE)
def test_table(true, pred, score):
    assert instances.map_iou(row(true), row(pred)) == pytest.approx(score, abs=1e-15)


def test_two_objects_with_different_ious():
    # IoU 4/5 and 3/4: both match at .50 .. .70, only the first at .75, none from .80 on.
    precision = instances.average_precision(row("11111222"), row("11112222"))
    np.testing.assert_allclose(precision, [1, 1, 1, 1, 1, 1 / 3, 0, 0, 0, 0])


def test_thresholds_are_the_ten():
    assert instances.THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


@pytest.mark.parametrize("k", range(10, 20))
def test_an_iou_equal_to_the_threshold_is_no_match(k):
    """Intersection k, union 20, however the threshold was computed in floating point."""
    true = row("1" * 20)
    for threshold in (k / 20, np.linspace(0.5, 0.95, 10)[k - 10], np.arange(0.5, 1, 0.05)[k - 10]):
        at = instances.match_counts(true, row("1" * k + "0" * (20 - k)), [threshold])
        above = instances.match_counts(true, row("1" * (k + 1) + "0" * (19 - k)), [threshold])
        assert [int(c[0]) for c in at] == [0, 1, 1]
        assert [int(c[0]) for c in above] == [1, 0, 0]


def test_any_threshold_is_exact():
    true, pred = row("1" * 1000), row("1" * 637 + "0" * 363)
    hits, _, _ = instances.match_counts(true, pred, [0.636, 0.637, 0.638, 0, 1])
    assert hits.tolist() == [1, 0, 0, 1, 0]


@settings(max_examples=150, deadline=None)
@given(cases.label_images(), st.data())
def test_equals_brute_force(true, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    other = data.draw(cases.label_images())
    if data.draw(st.booleans()):
        pred = np.where(rng.random(true.shape) < 0.1, rng.choice([0, 1, 9], true.shape), true)
    else:
        pred = np.resize(other, true.shape)
    thresholds = [Fraction(1, 10), Fraction(1, 4), Fraction(2, 5), *TWENTIETHS]
    counts = instances.match_counts(true, pred, [float(t) for t in thresholds])
    assert list(zip(*(c.tolist() for c in counts), strict=True)) == [
        brute_counts(true, pred, t) for t in thresholds
    ]
    ious = np.array(brute_ious(true, pred), float)
    shown = instances.iou_matrix(true, pred)
    np.testing.assert_allclose(shown, ious.reshape(shown.shape), rtol=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_equals_stardist_away_from_ties(seed):
    matching = pytest.importorskip("stardist.matching", reason="only `make bench` installs it")
    true = cases.crowd(40, 150, radius=11, seed=seed)
    pred = np.roll(cases.crowd(43, 150, radius=11, seed=seed), (1, 2), axis=(0, 1))
    thresholds = [k / 20 + 1e-3 for k in range(10, 20)]  # no IoU of small objects lies just there
    theirs = [matching.matching(true, pred, thresh=t) for t in thresholds]
    hits, false_alarms, misses = instances.match_counts(true, pred, thresholds)
    assert hits.tolist() == [m.tp for m in theirs]
    assert false_alarms.tolist() == [m.fp for m in theirs]
    assert misses.tolist() == [m.fn for m in theirs]
    np.testing.assert_allclose(
        instances.average_precision(true, pred, thresholds), [m.accuracy for m in theirs]
    )


@settings(max_examples=80, deadline=None)
@given(cases.label_images(), st.integers(0, 2**32 - 1))
def test_invariances(true, seed):
    rng = np.random.default_rng(seed)
    pred = np.where(rng.random(true.shape) < 0.15, np.roll(true, 1, axis=0), true)
    score = instances.average_precision(true, pred)
    assert (np.diff(score) <= 0).all()
    assert ((score >= 0) & (score <= 1)).all()
    np.testing.assert_array_equal(instances.average_precision(pred, true), score)
    np.testing.assert_array_equal(instances.average_precision(true.T, pred.T), score)
    new = np.append(0, rng.permutation(np.arange(1, 500))[:100])
    np.testing.assert_array_equal(instances.average_precision(new[true], pred), score)
    assert instances.map_iou(true, true) == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.uint32, np.int64, np.uint64])
def test_any_integer_type_and_memory_order(dtype):
    true = cases.crowd(30, 90, radius=9, seed=0)
    pred = np.roll(true, 1, axis=1)
    score = instances.map_iou(true, pred)
    assert 0 < score < 1
    forms = [
        np.asfortranarray(true.astype(dtype)),
        np.repeat(true.astype(dtype), 2, axis=1)[:, ::2],
    ]
    for form in forms:
        before = form.copy()
        assert instances.map_iou(form, pred) == score
        assert instances.map_iou(pred, form) == score
        np.testing.assert_array_equal(form, before)


def test_labels_with_gaps_and_huge_labels():
    assert instances.map_iou([[1, 2, 100, 100]], [[7, 3, 5, 5]]) == 1
    huge = np.array([[1, 2**40, 2**63, 2**63]], np.uint64)
    assert instances.map_iou(huge, [[7, 3, 5, 5]]) == 1


def test_no_background_and_no_pixels():
    assert instances.map_iou([[1, 1], [2, 2]], [[1, 1], [2, 2]]) == 1
    assert instances.map_iou(np.zeros((0, 5), int), np.zeros((0, 5), int)) == 1


def test_below_one_half_the_largest_assignment_counts():
    # Prediction 1 touches both objects, prediction 2 the first alone: taking 1-1 first loses one.
    true = row("1111112222")
    pred = row("1112221111")
    hits, false_alarms, misses = instances.match_counts(true, pred, [0.2])
    assert (hits[0], false_alarms[0], misses[0]) == (2, 0, 0)
    one_true, two_pred = row("1111"), row("1122")
    assert [int(c[0]) for c in instances.match_counts(one_true, two_pred, [0.3])] == [1, 1, 0]


def test_many_objects_grow_the_table():
    """Every pixel its own object against rows: more pairs than the table starts with."""
    true = np.arange(1, 10_001).reshape(100, 100)
    pred = np.repeat(np.arange(1, 101), 100).reshape(100, 100)
    counts = instances.overlap(true, pred)
    assert counts.pairs.shape == (3, 10_000)
    assert (counts.n_true, counts.n_pred) == (10_000, 100)
    np.testing.assert_array_equal(np.sort(counts.pairs[0]), np.arange(1, 10_001))
    np.testing.assert_array_equal((counts.pairs[0] - 1) // 100 + 1, counts.pairs[1])
    assert (counts.pairs[2] == 1).all()
    assert instances.map_iou(true, true) == 1


def test_overlap_by_hand():
    counts = instances.overlap([[1, 1, 0, 3]], [[2, 2, 2, 0]])
    assert counts.true_sizes.tolist() == [1, 2, 0, 1]
    assert counts.pred_sizes.tolist() == [1, 0, 3]
    assert counts.pairs.tolist() == [[1], [2], [2]]
    assert (counts.n_true, counts.n_pred) == (2, 1)


def test_precision_by_hand():
    np.testing.assert_array_equal(
        instances.precision([0, 0, 1, 3], [0, 1, 0, 2], [0, 0, 0, 1]), [1, 0, 1, 0.5]
    )
    assert instances.precision(1, 1, 0) == 0.5
    with pytest.raises(ValueError, match="negative, found -1"):
        instances.precision([1], [-1], [0])


@pytest.mark.parametrize(
    ("true", "pred", "message"),
    [
        ([[1, 0]], [[1], [0]], r"true has shape \(1, 2\), pred \(2, 1\)"),
        ([[-1, 0]], [[1, 0]], "true must not be negative, found -1"),
        ([[1, 0]], [[1, -2]], "pred must not be negative, found -2"),
        ([[1.0, 0]], [[1, 0]], "true must hold integers"),
        ([1, 0], [1, 0], r"true must be \(H, W\)"),
    ],
)
def test_refuses(true, pred, message):
    with pytest.raises(ValueError, match=message):
        instances.map_iou(true, pred)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan])
def test_thresholds_lie_between_zero_and_one(threshold):
    with pytest.raises(ValueError, match=r"thresholds must lie in 0\.\.1, found"):
        instances.average_precision([[1]], [[1]], [0.5, threshold])


FAR_CENTRE = (np.sqrt(2 * 80**2) + 128) * np.cos(np.pi / 4) + 1


def two_discs(radius):
    labels = np.zeros((256, 256), np.int32)
    for number, center in enumerate([(80, 80), (FAR_CENTRE, FAR_CENTRE)], start=1):
        labels[disk(center, radius, shape=labels.shape)] = number
    return labels


def pixel_f1(true, pred):
    return semantic.dice(semantic.confusion(true > 0, pred > 0, n_classes=2))[1]


def test_two_discs_predicted_too_small():
    true, pred = two_discs(64), two_discs(58)
    assert pixel_f1(true, pred) == pytest.approx(0.9014126584439418, abs=1e-15)
    assert instances.map_iou(true, pred) == pytest.approx(0.7, abs=1e-15)


def bridged(true):
    """The discs as one object, joined by 728 background pixels around the middle of the gap."""
    rows, columns = np.nonzero(true == 0)
    along = (rows + columns) / 2 - (80 + FAR_CENTRE) / 2
    across = (rows - columns) / 2
    nearest = np.argsort(np.hypot(2 * along, across), kind="stable")[:728]
    joined = (true > 0).astype(np.int32)
    joined[rows[nearest], columns[nearest]] = 1
    return joined


def test_two_discs_joined_by_a_bridge():
    true = two_discs(64)
    pred = bridged(true)
    assert (pred > 0).sum() - (true > 0).sum() == 728
    assert pixel_f1(true, pred) == pytest.approx(0.98606, abs=5e-6)
    assert instances.map_iou(true, pred) == 0


# Objects of 4, 4 and 2 px; found 1 has IoU 3/4 with the first, 2 has 2/4 (no match), 9 stands alone.
TRUE = np.array([[1, 1, 1, 1, 0, 0], [2, 2, 2, 2, 3, 3], [0, 0, 0, 0, 0, 0]])
FOUND = np.array([[1, 1, 1, 0, 0, 0], [2, 2, 0, 0, 0, 0], [0, 0, 0, 0, 9, 9]])


def test_quality_by_hand():
    found = instances.quality(TRUE, FOUND)
    assert found.segmentation == pytest.approx(3 / 4)
    assert found.recognition == pytest.approx(2 * 1 / (3 + 3))
    assert found.panoptic == pytest.approx(3 / 4 / 3)
    assert found.jaccard == pytest.approx((3 + 2) / (4 + 4 + 2 + 2))


def test_quality_of_empty_and_equal_images():
    nothing = np.zeros((3, 6), int)
    assert instances.quality(nothing, nothing) == instances.Quality(1, 1, 1, 1)
    assert instances.quality(nothing, FOUND) == instances.Quality(0, 0, 0, 0)
    assert instances.quality(TRUE, nothing) == instances.Quality(0, 0, 0, 0)
    assert instances.quality(TRUE, TRUE) == instances.Quality(1, 1, 1, 1)


def test_a_partner_may_serve_two_true_objects():
    """AJI as published: 1 2 is covered by one object of 4 px, IoU 2/4 each."""
    found = instances.quality([[1, 1, 2, 2]], [[5, 5, 5, 5]])
    assert found.jaccard == pytest.approx((2 + 2) / (4 + 4))
    assert found.recognition == 0


def test_matches_below_one_half_are_refused():
    with pytest.raises(ValueError, match="unique from 0.5"):
        instances.true_ious(instances.overlap(TRUE, FOUND), 0.4)


@settings(max_examples=150, deadline=None)
@given(cases.label_images(max_side=12), st.integers(0, 99))
def test_runs_overlap_as_their_images_do(true, seed):
    pred = np.random.default_rng(seed).integers(0, 9, true.shape)
    runs = [rle_check.apart(rle.encode_labels(image), image.shape) for image in (true, pred)]
    found = instances.overlap_of_runs(*runs)
    numbered = [np.searchsorted([0, *np.unique(i[i > 0])], i) for i in (true, pred)]
    expected = instances.overlap(*numbered)
    for one, other in (
        (found.true_sizes, expected.true_sizes),
        (found.pred_sizes, expected.pred_sizes),
    ):
        assert one[1:].tolist() == other[1:].tolist()
    assert sorted(found.pairs.T.tolist()) == sorted(expected.pairs.T.tolist())
    counts = instances.match_counts_of(found)
    assert np.array_equal(counts, instances.match_counts(true, pred))
