import numpy as np
import pandas as pd
import pytest

from segline.config.tables import Tune
from segline.metrics import objectives
from segline.objects import thresholds
from segline.objects.decoders import ObjectDecoder
from segline.objects.judge import Judge
from segline.objects.thresholds import Fit, Thresholds

TUNE = {
    "seed_threshold": (0.3, 0.5, 0.7),
    "foreground_threshold": (0.4, 0.6),
    "min_size_px": (1, 20),
}


def given(tune):
    """Axes, and the choices of the grid as given."""
    axes = thresholds.axes(Tune(**tune))
    return axes, thresholds.grid(axes, [axis.given for axis in axes])


def touching_discs():
    """Two discs that touch, and a map of three classes that knows their border."""
    y, x = np.mgrid[:40, :60]
    left, right = (((y - 20) ** 2 + (x - cx) ** 2) for cx in (20, 39))
    truth = np.where(left < 100, 1, np.where(right < 100, 2, 0))
    body = (left < 64) | (right < 64)
    probs = np.zeros((40, 60, 3), np.uint8)
    probs[..., 1] = np.where(body, 220, 0)
    probs[..., 2] = np.where((truth > 0) & ~body, 220, 0)
    probs[..., 0] = 255 - probs[..., 1] - probs[..., 2]
    return truth, probs


def test_watershed_of_the_three_classes_finds_both_discs():
    truth, probs = touching_discs()
    assert np.array_equal(thresholds.instances(probs, Thresholds(0.5, 0.5, 10)), truth)


def test_the_foreground_threshold_sets_the_outline_not_the_class_argmax():
    truth, probs = touching_discs()
    ring = (truth == 0) & (thresholds.instances(probs, Thresholds(0.5, 0.5, 1)) == 0)
    y, x = np.mgrid[:40, :60]
    ring &= (y - 20) ** 2 + (x - 20) ** 2 < 121
    probs[ring] = (140, 0, 115)  # background is the likeliest class, the foreground has .45
    assert not (thresholds.instances(probs, Thresholds(0.5, 0.5, 1))[ring]).any()
    assert (thresholds.instances(probs, Thresholds(0.5, 0.4, 1))[ring] == 1).all()


def test_the_grid_has_every_combination_with_the_last_axis_fastest():
    _, choices = given(TUNE)
    assert len(choices) == 12
    assert choices[:3] == [(0.3, 0.4, 1), (0.3, 0.4, 20), (0.3, 0.6, 1)]


def test_a_judge_sees_the_truth():
    truth, probs = touching_discs()
    judge = Judge(objectives.of_objects("map_iou"))

    def score(choice):
        return judge.of(truth, (), ObjectDecoder(choice, {"fill_holes": True}), probs)

    assert [score(choice) for choice in given(TUNE)[1]] == [1.0] * 12
    assert score(Thresholds(0.5, 0.5, 400)) == 0.0


def test_without_a_surface_touching_discs_are_one_object():
    _, probs = touching_discs()
    assert thresholds.instances(probs, Thresholds(0.5, 0.5, 10), surface="none").max() == 1


def test_the_surface_that_is_flooded_can_be_the_distance():
    truth, probs = touching_discs()
    y, x = np.mgrid[:40, :60]
    depth = np.maximum(10 - np.hypot(y - 20, x - 20), 10 - np.hypot(y - 20, x - 39)).clip(0) * 25
    probs = np.dstack([probs, depth.astype(np.uint8)])
    probs[..., 1], probs[..., 2] = 255 - probs[..., 0], 0  # body alone would be one object
    assert thresholds.instances(probs, Thresholds(0.5, 0.5, 10)).max() == 1
    found = thresholds.instances(probs, Thresholds(0.5, 0.5, 10), surface="distance")
    assert (found != truth).mean() < 0.01
    assert found.max() == 2


def tried(score, **tune):
    """The fit on three images that all have `score` of a choice, and which choices were asked for."""
    asked = []

    def make(choices):
        asked.extend(choices)
        return np.tile([score(choice) for choice in choices], (3, 1))

    axes = thresholds.axes(Tune(**TUNE | {"foreground_threshold": 0.5, "min_size_px": 1} | tune))
    metric, rows = objectives.of_objects("map_iou"), np.ones(3, bool)
    return thresholds.best(thresholds.Tried(axes, make), metric, rows), asked


def test_a_broad_optimum_beats_a_sharp_one():
    values = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
    mean = dict(zip(values, (0.0, 0.62, 0.0, 0.5, 0.6, 0.58, 0.5), strict=True))
    fit, _ = tried(lambda choice: mean[choice.seed_threshold], seed_threshold=values)
    assert fit.choice["seed_threshold"] == 0.5


def test_a_grid_whose_optimum_is_inside_is_tried_as_given_and_once():
    fit, asked = tried(
        lambda choice: -abs(choice.seed_threshold - 0.5) - abs(choice.min_size_px - 30) / 99,
        seed_threshold=(0.3, 0.4, 0.5, 0.6, 0.7),
        min_size_px=(10, 20, 30, 40, 50),
    )
    assert fit.choice == {"seed_threshold": 0.5, "foreground_threshold": 0.5, "min_size_px": 30}
    assert fit.at_edge == ()
    assert len(asked) == len(set(asked)) == 25


def test_a_grid_whose_optimum_is_at_its_edge_goes_on_until_it_is_inside():
    """0.15 and 65 px lie two steps beyond; no choice is tried twice, and none far beyond."""
    fit, asked = tried(
        lambda choice: -abs(choice.seed_threshold - 0.15) - abs(choice.min_size_px - 65) / 99,
        seed_threshold=(0.25, 0.3, 0.35),
        min_size_px=(10, 20, 35),
    )
    assert fit.choice == {"seed_threshold": 0.15, "foreground_threshold": 0.5, "min_size_px": 65}
    assert fit.at_edge == ()
    assert len(asked) == len(set(asked))
    assert {10, 20, 35, 50, 65, 80} <= {choice.min_size_px for choice in asked} <= {*range(96)}


def test_level_ground_is_not_followed():
    fit, asked = tried(lambda choice: 1.0 - (choice.min_size_px > 20), min_size_px=(10, 20, 30))
    assert fit.choice == {"seed_threshold": 0.3, "foreground_threshold": 0.5, "min_size_px": 10}
    assert min(asked).seed_threshold == 0.1  # a step was tried, and nothing gained


def test_a_bound_ends_a_grid_and_what_has_none_is_told():
    fit, _ = tried(lambda choice: -choice.seed_threshold - choice.min_size_px, min_size_px=(5, 9))
    assert (fit.choice["seed_threshold"], fit.choice["min_size_px"]) == (0.1, 0)
    assert fit.at_edge == ()
    fit, _ = tried(lambda choice: choice.seed_threshold + choice.min_size_px, min_size_px=(5, 9))
    assert fit.choice["seed_threshold"] == 0.9
    assert fit.at_edge == ("min_size_px",)


def test_parts_are_the_folds():
    images = pd.DataFrame({"fold": [0, 1, 1], "group": list("abc"), "modality": "m"})
    assert thresholds.parts(images).tolist() == ["fold 0", "fold 1", "fold 1"]


def test_one_fold_is_halved_by_whole_groups():
    groups = ["a"] * 4 + ["b"] * 3 + ["c"] * 2 + ["d"]
    images = pd.DataFrame({"fold": 0, "group": groups, "modality": "m"})
    halves = thresholds.parts(images)
    assert halves.groupby(images["group"]).nunique().max() == 1
    assert sorted(halves.value_counts()) == [5, 5]


def test_halving_needs_two_groups():
    images = pd.DataFrame({"fold": 0, "group": ["a", "a"], "modality": "m"})
    with pytest.raises(ValueError, match="one group"):
        thresholds.parts(images)


@pytest.mark.parametrize("folds", [[0, 0, 0, 0], [0, 1, 0, 1]])
def test_a_kind_never_trained_on_is_a_part_that_nothing_is_fitted_on(folds):
    images = pd.DataFrame({"fold": folds, "group": list("abcd"), "modality": ["m", "m", "n", "n"]})
    names = thresholds.parts(images, unseen=["n"])
    assert (names == thresholds.UNSEEN).tolist() == [False, False, True, True]
    assert names[:2].nunique() == 2
    assert thresholds.fitted_on(names, "final").tolist() == [True, True, False, False]
    assert thresholds.fitted_on(names, names[0]).tolist() == [False, True, False, False]
    assert thresholds.fitted_on(names, thresholds.UNSEEN).tolist() == [True, True, False, False]


def test_every_part_is_fitted_without_its_own_rows():
    names = pd.Series(["fold 1", "fold 0", "fold 1", thresholds.UNSEEN])
    seen = thresholds.cross_fitted(names, lambda rows: Fit({"rows": np.flatnonzero(rows).tolist()}))
    assert seen == {
        "final": {"rows": [0, 1, 2]},
        "parts": {
            "fold 0": {"rows": [0, 2]},
            "fold 1": {"rows": [1]},
            thresholds.UNSEEN: {"rows": [0, 1, 2]},
        },
    }
    told = thresholds.cross_fitted(names, lambda rows: Fit({}, ("a",) * int(rows.sum() == 3)))
    assert told["at_edge"] == ["a"]
