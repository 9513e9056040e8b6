import keras
import numpy as np
import pytest

from segline.config.stages import TrainStage
from segline.config.tables import Model
from segline.nets import models
from segline.nets.models.efficientnet_unet import three_channels

NETS = ["unet", "residual_unet"]


def built(name, outputs=None, channels=1, **size):
    size = {"width": 4, "depth": 2} | size
    return models.build(name, channels=channels, outputs=outputs or {"classes": 3}, seed=0, **size)


def filters_by_level(net):
    """Filters of the 3x3 convolutions, finest level first, in order of appearance."""
    kernels = [layer for layer in net.layers if isinstance(layer, keras.layers.Conv2D)]
    return list(dict.fromkeys(layer.filters for layer in kernels if layer.kernel_size == (3, 3)))


@pytest.mark.parametrize(
    ("name", "width", "depth", "filters"),
    [
        ("unet", 64, 3, [64, 128, 256, 512]),
        ("unet", 32, 4, [32, 64, 128, 256, 512]),
        ("residual_unet", 16, 4, [16, 32, 64, 128, 256]),
    ],
)
def test_the_jobs_nets_are_width_and_depth(name, width, depth, filters):
    assert filters_by_level(built(name, width=width, depth=depth)) == filters


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(("stem", "depth"), [(1, 3), (2, 2), (4, 1)])
def test_logits_come_at_the_size_of_the_image(name, stem, depth):
    outputs = {"classes": 5, "distance": 1}
    net = built(name, outputs, channels=3, stem=stem, depth=depth, dropout=0.1)
    step = stem * 2**depth
    assert Model(stem=stem, depth=depth).multiple == step
    logits = net(np.zeros((2, step, 3 * step, 3), np.float32))
    assert {k: v.shape for k, v in logits.items()} == {
        "classes": (2, step, 3 * step, 5),
        "distance": (2, step, 3 * step, 1),
    }


def test_the_residual_net_strides_instead_of_pooling():
    net = built("residual_unet", depth=3)
    kinds = {type(layer).__name__ for layer in net.layers}
    assert not {"MaxPooling2D", "Conv2DTranspose"} & kinds
    assert {"UpSampling2D", "Add"} <= kinds
    strided = [x for x in net.layers if isinstance(x, keras.layers.Conv2D) and x.strides == (2, 2)]
    assert len(strided) == 3  # a block's first convolution, at each halving
    assert all(layer.kernel_size == (3, 3) for layer in strided)


def test_residual_blocks_normalise_before_they_convolve():
    net = built("residual_unet", depth=1)
    for layer in net.layers:
        if isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == (3, 3):
            before = layer.input._keras_history.operation
            assert isinstance(before, keras.layers.Activation | keras.layers.InputLayer)


def test_a_block_passes_its_input_on():
    """With the last convolution of a block at 0 what comes out is the shortcut's image."""
    net = built("residual_unet", depth=1)
    add = next(layer for layer in net.layers if isinstance(layer, keras.layers.Add))
    branch, shortcut = (x._keras_history.operation for x in add.input)
    branch.kernel.assign(np.zeros(branch.kernel.shape))
    both = keras.Model(net.input, [add.output, shortcut.output])
    image = np.random.default_rng(0).random((1, 8, 8, 1)).astype(np.float32)
    out, passed = both(image)
    assert np.ptp(out) > 0
    np.testing.assert_array_equal(out, passed)


@pytest.mark.parametrize("size", [16, 40])
@pytest.mark.parametrize("stem", [1, 2])
def test_the_classifier_answers_once_a_crop(size, stem):
    net = built("classifier", {"classes": 4}, channels=3, stem=stem, dropout=0.2)
    crops = np.random.default_rng(0).random((3, size, size, 3)).astype(np.float32)
    assert net(crops)["classes"].shape == (3, 4)
    assert filters_by_level(net)[-3:] == [4, 8, 16]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NETS, "classifier"])
def test_a_net_learns_a_plain_rule_in_half_precision_too(name):
    """Bright is 1, dark is 0; logits are float32 whatever the policy."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        net = built(name, {"classes": 2}, depth=1)
    finally:
        keras.config.set_dtype_policy("float32")
    rng = np.random.default_rng(0)
    bright = rng.integers(0, 2, (32, 8, 8) if name != "classifier" else (32, 1, 1))
    images = np.broadcast_to(bright[..., None], (32, 8, 8, 1)).astype(np.float32)
    truth = bright if name != "classifier" else bright[:, 0, 0]
    net.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    net.optimizer.learning_rate = 0.02
    net.fit(images, {"classes": truth}, batch_size=32, epochs=25, verbose=0)
    logits = net(images, training=True)["classes"]
    assert logits.dtype == "float32"
    assert (np.argmax(logits, -1) == truth).mean() > 0.95


def test_the_seed_decides_the_weights():
    one, same = (built("residual_unet").get_weights() for _ in range(2))
    other = models.build("residual_unet", channels=1, outputs={"c": 3}, seed=1, width=4, depth=2)
    assert all(map(np.array_equal, one, same))
    assert not all(map(np.array_equal, one, other.get_weights()))


def test_every_fold_starts_from_weights_of_its_own():
    settings = TrainStage(model=Model(width=4, depth=1))
    nets = [models.from_settings(settings, "float32", fold=fold) for fold in (0, 1, 0)]
    first, other, again = (net.get_weights()[0] for net in nets)
    assert np.array_equal(first, again)
    assert not np.isclose(first, other).any()


def test_an_unknown_net_is_refused():
    with pytest.raises(
        ValueError,
        match="known: classifier, efficientnet_lite_unet, efficientnet_unet, residual_unet, unet",
    ):
        built("u-net")


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_an_encoder_of_colours_is_shown_the_mean_of_bands_first(channels):
    image = keras.Input((4, 4, channels))
    net = keras.Model(image, three_channels(image))
    given = np.random.default_rng(0).random((1, 4, 4, channels)).astype(np.float32)
    mean = np.repeat(given.mean(axis=3, keepdims=True), 3, axis=3)
    expected = given if channels == 3 else mean
    np.testing.assert_allclose(net(given), expected, atol=1e-6)
