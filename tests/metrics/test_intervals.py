import numpy as np
import pytest

from segline.metrics import intervals


def test_groups_of_one_give_the_usual_standard_error():
    values = np.random.default_rng(0).random(50)
    expected = values.std(ddof=1) / np.sqrt(50)
    assert intervals.clustered_error(values, np.arange(50)) == pytest.approx(expected)


def test_copies_within_a_group_add_no_certainty():
    values = np.random.default_rng(0).random(20)
    once = intervals.clustered_error(values, np.arange(20))
    four_times = intervals.clustered_error(np.repeat(values, 4), np.repeat(np.arange(20), 4))
    assert four_times == pytest.approx(once)


def test_one_group_has_no_error():
    assert intervals.clustered_error([1.0, 2.0], ["a", "a"]) is None


def test_a_constant_gain_is_certain():
    found = intervals.paired_bootstrap([0.1, 0.1, 0.1], ["a", "b", "c"])
    assert (found.low, found.high) == pytest.approx((0.1, 0.1))
    assert found.share_not_above_zero == 0


def test_the_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    covered = 0
    for trial in range(200):
        effect = np.repeat(rng.normal(0.0, 1.0, 40), 3)
        values = effect + rng.normal(0, 0.1, 120)
        found = intervals.paired_bootstrap(
            values, np.repeat(np.arange(40), 3), n_resamples=400, seed=trial
        )
        covered += found.low <= 0 <= found.high
    assert 180 <= covered <= 199


def test_resampling_single_images_would_be_too_sure():
    rng = np.random.default_rng(2)
    values = np.repeat(rng.normal(0, 1, 30), 4)
    grouped = intervals.paired_bootstrap(values, np.repeat(np.arange(30), 4))
    single = intervals.paired_bootstrap(values, np.arange(120))
    assert grouped.high - grouped.low > 1.7 * (single.high - single.low)


def test_one_group_cannot_be_resampled():
    with pytest.raises(ValueError, match="two groups"):
        intervals.paired_bootstrap([0.1, 0.2], ["a", "a"])
