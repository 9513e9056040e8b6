"""Metrics of competitions, by hand and against scikit-learn."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score, fbeta_score, jaccard_score

from segline.config.names import METRICS
from segline.metrics import objectives, semantic

# nothing at all, a false alarm, half right, nearly right
MATRICES = np.array([[[9, 0], [0, 0]], [[8, 1], [0, 0]], [[5, 1], [1, 2]], [[1, 0], [1, 7]]])


def test_f2_counts_a_miss_four_times():
    found = objectives.f2([[2, 1], [0, 0]], [[1, 1], [0, 3]], [[1, 1], [0, 0]])
    assert found == pytest.approx(np.array([[10 / 15, 5 / 10], [1, 0]]))


BY_HAND = {
    "dice": [1, 0, 4 / 6, 14 / 15],
    "dice_0": [0, 0, 4 / 6, 14 / 15],
    "dice_present": [np.nan, 0, 4 / 6, 14 / 15],
    "iou": [1, 0, 2 / 4, 7 / 8],
    "precision_iou": [1, 0, 0, 0.8],  # IoU .5 is above no threshold, 7/8 above .5 to .85
    "f05": [0, 0, 2 / 3, 1.25 * 7 / (1.25 * 7 + 0.25)],
}


@pytest.mark.parametrize(("name", "expected"), BY_HAND.items())
def test_metrics_of_masks_by_hand(name, expected):
    metric = objectives.of_masks(name)
    assert metric.of(MATRICES) == pytest.approx(expected, nan_ok=True)
    assert metric.joined(metric.kept(MATRICES), list("abcd")) == pytest.approx(np.nanmean(expected))


def test_pooled_metrics_are_those_of_all_pixels_together():
    for name, expected in (("pooled_dice", 2 * 9 / (2 * 9 + 2 + 2)), ("pooled_iou", 9 / 13)):
        metric = objectives.of_masks(name)
        assert metric.joined(metric.kept(MATRICES), list("abcd")) == pytest.approx(expected)
    nothing = objectives.of_masks("pooled_dice").joined(MATRICES[:1], ["a"])
    assert np.isnan(nothing)


@pytest.mark.parametrize(
    ("name", "peer"),
    [("pooled_dice", f1_score), ("pooled_iou", jaccard_score), ("f05", fbeta_score)],
)
def test_metrics_of_pixels_are_scikit_learns(name, peer):
    rng = np.random.default_rng(0)
    true, pred = rng.random((2, 3, 8, 9)) < 0.4
    counts = [semantic.confusion(t, p, n_classes=2) for t, p in zip(true, pred, strict=True)]
    metric = objectives.of_masks(name)
    found = metric.joined([metric.kept(each) for each in counts], ["v"] * 3)
    more = {"beta": 0.5} if name == "f05" else {}
    sets = zip(true, pred, strict=True) if name == "f05" else [(true, pred)]
    expected = np.mean([peer(t.ravel(), p.ravel(), **more) for t, p in sets])
    assert found == pytest.approx(expected)


def test_the_stand_in_of_surface_dice_is_the_dice_of_each_volume():
    metric = objectives.of_masks("surface_dice")
    found = metric.joined(metric.kept(MATRICES), ["a", "b", "a", "b"])
    assert found == pytest.approx((2 * 2 / (2 * 2 + 2) + 2 * 7 / (2 * 7 + 2)) / 2)


def test_with_the_background_the_rest_is_a_class():
    metric = replace(objectives.of_masks("dice"), background=True)
    expected = [(1 + 1) / 2, (0 + 16 / 17) / 2, (4 / 6 + 10 / 12) / 2, (14 / 15 + 2 / 3) / 2]
    assert metric.of(MATRICES) == pytest.approx(expected)


TRUE = np.array([[1, 1, 1, 1, 1, 0, 2, 2]])
FOUND = np.array([[4, 4, 4, 4, 0, 0, 7, 0]])  # IoU 4/5 and 1/2


def test_metrics_of_objects_are_means_or_of_all_objects_together():
    nothing = np.zeros_like(TRUE)
    images = [(TRUE, FOUND), (nothing, nothing), (nothing, FOUND)]
    at = 6 / 10  # .80 is not above .80
    by_hand = {
        "map_iou": np.mean([at * 1 / 3, 1, 0]),
        "f2_iou": np.mean([at * 5 / (5 + 4 + 1), 1, 0]),
        "ap_iou": (1 / 4) * (1 / 2),  # one of four is right, one of two found
    }
    assert by_hand.keys() == objectives.OF_OBJECTS.keys()
    for name, expected in by_hand.items():
        metric = objectives.of_objects(name)
        assert metric.joined([metric.kept(*pair) for pair in images]) == pytest.approx(expected)


def test_every_name_of_a_metric_is_one_of_masks_or_of_objects():
    made = Counter([*objectives.OF_MASKS, *objectives.OF_OBJECTS])
    assert made == Counter(METRICS)
    assert objectives.of_masks("f2_iou").name == "dice"
    assert objectives.of_objects("dice").name == "map_iou"


def test_means_leave_out_what_does_not_count():
    assert objectives.mean([np.nan, 0.5, 1]) == 0.75
    assert np.isnan(objectives.mean([np.nan]))
