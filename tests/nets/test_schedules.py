import keras
import numpy as np
import pytest

from segline.nets import schedules
from segline.nets.schedules import Plateau, Watch


def keras_rates(plateau, losses):
    """What `keras.callbacks.ReduceLROnPlateau` does with the same losses."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(plateau.start), "mse")
    model.train_on_batch(np.zeros((1, 1)), np.zeros((1, 1)))
    callback = keras.callbacks.ReduceLROnPlateau(
        "val_loss",
        factor=plateau.factor,
        patience=plateau.patience,
        cooldown=plateau.cooldown,
        min_lr=plateau.floor,
        mode="min",
    )
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        rates.append(float(model.optimizer.learning_rate))
    return rates


@pytest.mark.parametrize("cooldown", [0, 2])
@pytest.mark.parametrize("patience", [1, 3])
def test_plateau_is_keras_rule(patience, cooldown):
    plateau = Plateau(1e-2, 0.1, patience, cooldown, 2e-5)
    rng = np.random.default_rng(patience)
    losses = [*np.linspace(1, 0.5, 5), *rng.normal(0.5, 0.02, 12), 0.3, *rng.normal(0.35, 0.01, 12)]
    ours = [plateau.rate(losses[: n + 1]) for n in range(len(losses))]
    assert ours == pytest.approx(keras_rates(plateau, losses), rel=1e-5)
    assert ours[-1] < ours[0]


@pytest.mark.parametrize(
    ("losses", "epochs"), [([], 0), ([3.0], 0), ([2.0, 1.0, 1.0, 3.0], 2), ([1.0, float("nan")], 1)]
)
def test_epochs_since_best(losses, epochs):
    assert schedules.epochs_since_best(losses) == epochs


def history(losses, constant=True):
    return [
        {"epoch": number, "classes_loss": loss, "val_constant": float(constant)}
        for number, loss in enumerate(losses, start=1)
    ]


@pytest.mark.parametrize(
    ("losses", "constant", "is_stuck"),
    [
        ([0.70, 0.71, 0.70, 0.71], True, True),
        ([5.00, 0.71, 0.70, 0.71, 0.70], True, True),  # after a jump down to the level
        ([0.70, 0.71, 0.70], True, False),  # too few epochs
        ([0.70, 0.71, 0.70, 0.71], False, False),  # different answers
        ([0.60, 0.59, 0.59, 0.59], True, False),  # better than the level
        ([0.90, 0.85, 0.80, 0.75], True, False),  # still falling towards it
        ([0.70, 0.71, 0.70, 0.60], True, False),  # just got away
        ([1.30, 1.31, 1.30, 1.32], True, True),  # above the level for good
    ],
)
def test_stuck(losses, constant, is_stuck):
    assert Watch(level=0.7, epochs=4).stuck(history(losses, constant)) == is_stuck


def test_the_watch_can_be_off_and_leaves_warm_up_out():
    flat = history([0.7] * 6)
    assert Watch(0.7, 3).stuck(flat)
    assert not Watch(0.7, 0).stuck(flat)
    assert not Watch(0.7, 3, first_epoch=5).stuck(flat)
    assert Watch(0.7, 3, first_epoch=4).stuck(flat)


def test_range_test_suggests_the_fall_not_the_rise():
    rates = schedules.range_test_rates(61)
    assert rates[0] == pytest.approx(1e-6)
    assert rates[-1] == pytest.approx(1)
    assert np.ptp(rates[1:] / rates[:-1]) < 1e-9
    position = np.log10(rates)
    losses = 1.0 - 0.8 / (1 + np.exp(-6 * (position + 3))) + 5 * (position > -0.8)
    steepest, tenth = schedules.suggested_rates(rates, losses)
    assert 1e-3 < steepest < 5e-3  # the smoothing's lag above 1e-3
    assert 1e-3 < tenth < 10**-1.7


def test_smoothing_is_the_corrected_moving_average():
    losses = np.random.default_rng(0).random(20)
    weights = 0.9 ** np.arange(20)[::-1]
    expected = (weights * losses).sum() / weights.sum()
    assert schedules.smoothed(losses)[-1] == pytest.approx(expected)


def test_divergence():
    assert not schedules.has_diverged([1.0, 0.9, 1.2])
    assert schedules.has_diverged([1.0, 0.9, float("nan")])
    assert schedules.has_diverged([1.0] * 5 + [50.0] * 5)


@pytest.mark.parametrize("losses", [[], [1.0, 2.0], np.linspace(1, 3, 61)])
def test_a_loss_that_never_falls_has_no_suggestion(losses):
    with pytest.raises(ValueError, match="does not fall"):
        schedules.suggested_rates(schedules.range_test_rates(61), losses)


def test_the_noise_of_the_first_batches_is_no_descent():
    rng = np.random.default_rng(0)
    rates = schedules.range_test_rates(60)
    losses = 1.2 - 0.4 * (np.log10(rates) > -3.5) + rng.normal(0, 0.1, 60)
    losses[0] = 3
    steepest, _ = schedules.suggested_rates(rates, losses)
    assert 1e-4 < steepest < 1e-2
