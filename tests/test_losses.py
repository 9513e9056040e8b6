import keras
import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from segline import config, losses


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 3, (2, 5, 7)).astype(np.uint8)
    logits = rng.normal(size=(2, 5, 7, 3)).astype(np.float32)
    weight = rng.uniform(0.5, 4, (2, 5, 7)).astype(np.float32)
    return target, logits, weight


def test_cross_entropy_is_the_papers_sum_over_the_number_of_pixels(batch):
    target, logits, weight = batch
    chosen = np.take_along_axis(log_softmax(logits, axis=-1), target[..., None].astype(int), -1)[
        ..., 0
    ]
    expected = -(weight * chosen).sum() / weight.size
    assert float(losses.CrossEntropy()(target, logits, weight)) == pytest.approx(expected, rel=1e-5)


def test_dice_is_pooled_over_the_batch_and_averaged_over_objects_classes(batch):
    target, logits, weight = batch
    probs, truth = softmax(logits, axis=-1), np.eye(3)[target]
    w = weight[..., None]
    both, sizes = (w * probs * truth).sum((0, 1, 2)), (w * (probs + truth)).sum((0, 1, 2))
    expected = 1 - ((2 * both + 1) / (sizes + 1))[1:].mean()
    assert float(losses.Dice()(target, logits, weight)) == pytest.approx(expected, rel=1e-5)


def test_dice_of_an_empty_batch_found_empty_is_zero():
    logits = np.zeros((1, 4, 4, 3), np.float32)
    logits[..., 0] = 50
    assert float(losses.Dice()(np.zeros((1, 4, 4), np.uint8), logits)) == pytest.approx(0, abs=1e-6)


def test_soft_cross_entropy_is_least_and_zero_where_both_agree(batch):
    _, _, weight = batch
    target = np.random.default_rng(1).random((2, 5, 7)).astype(np.float32)
    exact = np.log(target / (1 - target))[..., None]
    loss = losses.SoftCrossEntropy()
    assert float(loss(target, exact, weight)) == pytest.approx(0, abs=1e-5)
    probs = 1 / (1 + np.exp(-(exact[..., 0] + 0.5)))
    divergence = target * np.log(target / probs) + (1 - target) * np.log((1 - target) / (1 - probs))
    expected = (weight * divergence).mean()
    assert float(loss(target, exact + 0.5, weight)) == pytest.approx(expected, rel=1e-3)


def test_total_is_the_weighted_sum_of_its_terms(batch):
    target, logits, weight = batch
    total = losses.Total(
        {
            "cross_entropy": 2.0,
            "dice": 0.5,
        }
    )
    expected = 2 * losses.CrossEntropy()(target, logits, weight) + 0.5 * losses.Dice()(
        target, logits, weight
    )
    assert float(total(target, logits, weight)) == pytest.approx(float(expected), rel=1e-6)


def test_an_unknown_term_is_refused():
    with pytest.raises(ValueError, match="unknown loss terms \\['dise'\\]"):
        losses.Total({"dise": 1.0})


def test_the_config_knows_every_term():
    assert set(config.LOSS_TERMS) == set(losses.TERMS)


def test_a_loss_comes_back_from_its_config(batch):
    total = losses.Total({"cross_entropy": 2.0, "dice": 0.5})
    back = keras.losses.deserialize(keras.losses.serialize(total))
    assert float(back(*batch)) == float(total(*batch))
