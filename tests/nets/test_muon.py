"""Muon's step on a kernel, against the singular vectors that it approximates."""

import keras
import numpy as np
import pytest

from segline.config.tables import Fitting, Loss
from segline.nets import compiled, models
from segline.nets.muon import Muon

RATE = 1e-2


def stepped(shape, gradient, **options):
    """What one step without momentum's history adds to a variable of zeros."""
    layer = keras.layers.Layer(name="hidden")
    variable = layer.add_weight(shape=shape, initializer="zeros", name="kernel")
    optimizer = Muon(RATE, weight_decay=None, adam_weight_decay=None, **options)
    optimizer.build([variable])
    optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [variable])
    return keras.ops.convert_to_numpy(variable)


@pytest.mark.parametrize("shape", [(3, 3, 4, 8), (1, 1, 4, 16), (3, 3, 1, 24)])
def test_a_kernel_moves_along_all_singular_directions_of_its_gradient_alike(shape):
    gradient = np.random.default_rng(0).normal(size=shape) * np.geomspace(1, 30, shape[-1])
    step = -stepped(shape, gradient).reshape(-1, shape[-1])
    left, sizes, right = np.linalg.svd(gradient.reshape(-1, shape[-1]), full_matrices=False)
    moved = np.diag(left.T @ step @ right.T)
    assert sizes.max() > 5 * sizes.min()
    assert moved.max() < 2 * moved.min()
    assert np.allclose(left * moved @ right, step, atol=1e-3 * np.abs(step).max())


@pytest.mark.parametrize("shape", [(3, 3, 16, 32), (3, 3, 64, 16), (1, 1, 16, 64)])
def test_a_step_has_the_size_of_adamw_whatever_the_kernel(shape):
    """Five iterations leave each singular value between 0.7 and 1.2."""
    step = stepped(shape, np.random.default_rng(0).normal(size=shape))
    assert np.sqrt((step**2).mean()) == pytest.approx(0.2 * RATE, rel=0.3)


@pytest.mark.parametrize("shape", [(5,), (3, 3, 6, 1)])
def test_biases_and_depthwise_kernels_take_the_step_of_adamw(shape):
    gradient = np.random.default_rng(0).normal(size=shape)
    assert stepped(shape, gradient) == pytest.approx(-RATE * np.sign(gradient), rel=1e-3)


def test_outputs_take_the_step_of_adamw():
    gradient = np.random.default_rng(0).normal(size=(1, 1, 4, 3))
    step = stepped(gradient.shape, gradient, exclude_layers=["hidden"])
    assert step == pytest.approx(-RATE * np.sign(gradient), rel=1e-3)


@pytest.mark.parametrize("name", ["unet", "residual_unet"])
def test_in_a_net_all_kernels_but_those_of_the_outputs_are_muons(name):
    model = compiled.compiled(
        models.build(name, channels=1, outputs={"classes": 3}, seed=1, width=4, depth=2, stem=2),
        Loss(terms={"cross_entropy": 1.0}),
        Fitting(optimizer="muon", learning_rate=RATE, weight_decay=0.0, ema=0.9),
    )
    adams = {
        variable.path.split("/")[-2]
        for variable, velocity in zip(
            model.trainable_variables, model.optimizer.adam_velocities, strict=True
        )
        if velocity is not None and variable.path.endswith("/kernel")
    }
    assert adams == {"classes"}
