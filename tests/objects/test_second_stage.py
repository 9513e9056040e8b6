import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from segline.objects import second_stage


@pytest.fixture
def scene():
    """A square of 16 px, a touching bar of 8 px below it and a lone pixel pair at the image's edge."""
    labels = np.zeros((12, 12), np.int32)
    labels[1:5, 1:5] = 1
    labels[5:7, 1:5] = 2
    labels[9, 10:12] = 3
    probs = np.zeros((12, 12, 3), np.uint8)
    probs[..., 0] = 255
    probs[labels > 0] = (0, 255, 0)
    probs[labels == 2] = (51, 204, 0)
    return labels, probs


def test_measures_of_known_objects(scene):
    table = second_stage.measure(*scene)
    assert table["area"].tolist() == [16, 8, 2]
    assert table["body_mean"].tolist() == pytest.approx([1, 0.8, 1])
    assert table["touching_share"].tolist() == pytest.approx([4 / 16, 4 / 12, 0])
    assert table["image_edge_share"].tolist() == pytest.approx([0, 0, 1 / 6])
    assert table["background_outside"].tolist() == pytest.approx([(12 + 4 * 0.2) / 16, 8 / 12, 1])
    assert table["n_objects"].tolist() == [3, 3, 3]
    assert table["area_ratio"].tolist() == pytest.approx([2, 1, 0.25])


def test_nothing_found_has_no_rows(scene):
    assert second_stage.measure(np.zeros((12, 12), np.int32), scene[1]).empty


def test_shares_of_thresholds_passed():
    true = np.zeros((10, 30), np.int32)
    true[:, :10], true[:, 20:] = 1, 2
    pred = np.zeros_like(true)
    pred[:, :8], pred[:5, 20:], pred[:2, 12:14] = 1, 2, 3  # IoU .8, .5, 0
    assert second_stage.shares_passed(true, pred).tolist() == pytest.approx([0.6, 0, 0])


def test_the_more_promising_split_of_a_region_wins_and_the_poor_are_dropped():
    whole = np.zeros((4, 20), np.int32)
    whole[:, 0:8], whole[:, 10:14], whole[:, 16:20] = 1, 2, 3
    split = whole.copy()
    split[:, 4:8], split[:, 10:14], split[:, 16:20] = 2, 3, 4
    chosen, promised = second_stage.choose(
        [whole, split], [np.array([0.3, 0.9, 0.1]), np.array([0.8, 0.7, 0.2, 0.1])], cutoff=0.2
    )
    assert len(np.unique(chosen)) == 4
    assert (chosen[:, :4] != chosen[:, 4:8]).all()
    assert (chosen[:, 10:14] > 0).all()
    assert not chosen[:, 16:].any()
    assert promised.tolist() == [0.9, 0.8, 0.7]


@pytest.mark.parametrize(("trust", "winner"), [(None, 2), ([1, 0.9], 2), ([1, 0.5], 1)])
def test_a_candidate_of_less_trust_must_promise_more(trust, winner):
    small, large = np.zeros((2, 6, 6), np.int32)
    small[1:4, 1:4], large[1:5, 1:5] = 1, 1
    chosen, _ = second_stage.choose(
        [small, large], [np.array([0.6]), np.array([0.7])], cutoff=0.2, trust=trust
    )
    assert np.array_equal(chosen, {1: small, 2: large}[winner])


def test_the_regressor_learns_what_matters():
    rng = np.random.default_rng(0)
    features = pd.DataFrame({"solidity": rng.random(2000), "area": rng.random(2000)})
    with threadpool_limits(1):  # several would wait for each other on busy cores
        model = second_stage.fit(features, (features["solidity"] > 0.5) * 0.8)
    guess = model.predict(pd.DataFrame({"solidity": [0.2, 0.9], "area": [0.5, 0.5]}))
    assert guess == pytest.approx([0, 0.8], abs=0.05)
