import numpy as np
import pytest

from segline.metrics import objectives
from segline.metrics.kinds import ByKind

# Two images of three classes in a row of pixels: an object of five pixels each, by class.
TRUE = np.repeat([[1, 0, 2, 0, 3]], 5, axis=1)
FOUND = np.repeat([[1, 0, 2, 4, 0]], 5, axis=1)
EMPTY = np.zeros_like(TRUE)


def by_kind(name, *groups):
    return ByKind(objectives.of_objects(name), groups or ((1,), (2,), (3,)))


def images(metric):
    """Of classes 1, 1, 2 there are found 1, 2 and another 2; and an image where 2 is found alone."""
    first = metric.kept(TRUE, FOUND, true_kinds=[1, 1, 2], pred_kinds=[1, 2, 0, 2])
    second = metric.kept(EMPTY, FOUND == 1, true_kinds=[], pred_kinds=[2])
    return np.array([first, second])


def test_average_precision_by_class_is_the_one_by_hand():
    metric = by_kind("map_iou")
    kept = images(metric)
    # class 1: one of two found; class 2: one missed, two wrong; class 3 nowhere
    assert kept[0].tolist()[:2] == [0.5, 0.0]
    assert np.isnan(kept[:, 2]).all()
    # of the second image class 2 counts alone, since it is found there
    assert np.isnan(kept[1, 0])
    assert kept[1, 1] == 0.0
    assert metric.by_group(kept)[:2].tolist() == [0.5, 0.0]
    assert metric.joined(kept) == pytest.approx(0.25)


def test_classes_that_a_submission_does_not_tell_apart_are_one():
    kept = images(by_kind("map_iou", (1, 2)))
    # whatever their classes: two right, one wrong (of class 0, so not scored), one missed
    assert kept[:, 0].tolist() == [pytest.approx(2 / 4), 0.0]
    nothing = by_kind("map_iou", (1,)).kept(EMPTY, EMPTY, true_kinds=[], pred_kinds=[])
    assert nothing.tolist() == [1.0]
    assert by_kind("map_iou").joined([[np.nan] * 3]) == 1.0


def test_ranked_precision_is_of_all_images_of_a_class_together():
    metric = by_kind("ap_iou")
    kept = images(metric)
    assert kept[:, :2].tolist() == [[[1, 1, 2], [0, 2, 1]], [[0, 0, 0], [0, 1, 0]]]
    # precision times recall: 1/1 * 1/2; 0; class 3 is nowhere true
    assert metric.by_group(kept)[:2].tolist() == [0.5, 0.0]
    assert metric.joined(kept) == 0.25
    choices = np.stack([kept, kept], axis=1)
    assert metric.joined(choices).tolist() == [0.25, 0.25]
