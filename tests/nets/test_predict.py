import keras
import numpy as np
import pytest

from segline.config.tables import Input, Model, Predict
from segline.nets import models, predict


@pytest.fixture(scope="module")
def thresholder():
    """A 'net' whose softmax foreground is a sharp function of the pixel alone, with stride 8."""
    image = keras.Input((None, None, 1))
    x = keras.layers.MaxPooling2D(8)(image)
    x = keras.layers.UpSampling2D(8)(x)
    both = keras.layers.Concatenate()([image, x])
    logits = keras.layers.Conv2D(2, 1)(both)
    model = keras.Model(image, {"classes": logits})
    kernel = np.zeros((1, 1, 2, 2), np.float32)
    kernel[0, 0, 0, 1] = 40.0
    model.layers[-1].set_weights([kernel, np.array([20.0, 0.0], np.float32)])
    return model


def disc(height, width, cy, cx, r):
    y, x = np.mgrid[:height, :width]
    return ((y - cy) ** 2 + (x - cx) ** 2 <= r**2).astype(np.float32)[..., None]


@pytest.mark.parametrize("size", [(40, 64), (161, 90), (33, 7), (250, 301)])
@pytest.mark.parametrize("symmetries", [1, 2, 4, 8])
@pytest.mark.parametrize("tile_px", [64, 1536])
def test_no_pixel_shifts_through_padding_symmetries_and_tiles(
    thresholder, size, symmetries, tile_px
):
    image = disc(*size, size[0] // 2 - 3, size[1] // 2 + 1, min(size) // 3)
    settings = Predict(symmetries=symmetries, tile_px=tile_px, overlap_px=16)
    probs = predict.probability_map(thresholder, image, settings, multiple=8)
    assert probs.shape == (*size, 2)
    assert np.array_equal(probs[..., 1] > 0.5, image[..., 0] > 0.5)
    assert probs.sum(-1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("scales", [(0.5,), (2.0,), (0.5, 1.0, 1.5)])
def test_scales_come_back_without_a_shift(thresholder, scales):
    image = disc(120, 161, 55, 90, 30)
    settings = Predict(symmetries=8, scales=scales)
    probs = predict.probability_map(thresholder, image, settings, multiple=8)
    found = probs[..., 1] / probs[..., 1].sum()
    y, x = np.mgrid[:120, :161]
    assert probs.shape == (120, 161, 2)
    assert ((y * found).sum(), (x * found).sum()) == pytest.approx((55, 90), abs=0.15)
    assert ((probs[..., 1] > 0.5) != (image[..., 0] > 0.5)).sum() < 100


def test_other_scales_are_views_of_their_own(thresholder):
    image = disc(60, 81, 30, 40, 20)
    whole, half, views = (
        predict.probability_map(thresholder, image, settings, multiple=8)
        for settings in (Predict(), Predict(scales=(0.5,)), Predict(other_scales=(0.5,)))
    )
    assert np.array_equal(views, np.concatenate([whole, half], axis=-1))
    assert not np.array_equal(whole, half)


def test_eight_symmetries_make_the_answer_symmetric():
    net = models.build(
        "unet", channels=1, outputs={"classes": 3, "distance": 1}, seed=0, width=4, depth=2
    )
    image = np.random.default_rng(0).random((32, 32, 1)).astype(np.float32)
    settings = Predict(symmetries=8, tile_px=64, overlap_px=8)
    straight = predict.probability_map(net, image, settings, multiple=4)
    turned = predict.probability_map(net, np.rot90(image)[:, ::-1].copy(), settings, multiple=4)
    assert np.rot90(straight)[:, ::-1] == pytest.approx(turned, abs=1e-5)


@pytest.mark.parametrize(("stem", "depth", "stride"), [(1, 3, 8), (2, 3, 16), (4, 2, 16)])
def test_a_net_takes_sides_of_its_multiple(stem, depth, stride):
    net = models.build(
        "unet",
        channels=1,
        outputs={"classes": 3, "distance": 1},
        seed=0,
        width=4,
        depth=depth,
        stem=stem,
    )
    assert Model(stem=stem, depth=depth).multiple == stride
    out = net(np.zeros((1, stride, 2 * stride, 1), np.float32))
    assert out["classes"].shape == (1, stride, 2 * stride, 3)
    assert out["distance"].shape == (1, stride, 2 * stride, 1)


def test_distance_is_the_last_channel_and_lies_in_0_to_1():
    net = models.build(
        "unet", channels=1, outputs={"classes": 3, "distance": 1}, seed=0, width=4, depth=2
    )
    image = np.random.default_rng(0).random((20, 31, 1)).astype(np.float32)
    probs = predict.probability_map(net, image, Predict(tile_px=64, overlap_px=8), multiple=4)
    assert probs.shape == (20, 31, 4)
    assert probs[..., :3].sum(-1) == pytest.approx(1, abs=1e-5)
    assert 0 < probs[..., 3].min() < probs[..., 3].max() < 1


def test_starts_cover_the_side_with_the_overlap():
    for size in (65, 100, 128, 200, 1000):
        starts = predict.starts(size, 64, 16)
        assert starts[0] == 0
        assert starts[-1] == size - 64
        assert max(np.diff(starts)) <= 48


@pytest.mark.parametrize("size", [(64, 96), (200, 200)])
def test_maps_of_a_net_of_one_size_come_back_without_a_shift(thresholder, size):
    height, width = 150, 230
    image = np.repeat(disc(height, width, 61, 140, 40) * 255, 3, axis=2).astype(np.uint8)
    shown = Input(mode="grey", size=size, stretch=False)
    net = predict.Net(thresholder, 8, shown, "softmax", ())
    probs = net.probabilities(image, Predict(overlap_px=16))
    assert probs.shape == (height, width, 2)
    found = probs[..., 1] > 0.5
    rows, columns = np.nonzero(found)
    assert (rows.mean(), columns.mean()) == pytest.approx((61, 140), abs=0.3)
    assert found.sum() == pytest.approx((image[..., 0] > 0).sum(), rel=0.03)


def test_sigmoid_channels_are_independent():
    image = keras.Input((None, None, 2))
    net = keras.Model(image, {"classes": keras.layers.Identity()(image)})
    logits = np.array([[[0.0, 3.0], [-2.0, -9.0]]], np.float32)
    settings = Predict(tile_px=64, overlap_px=0)
    probs = predict.probability_map(net, logits, settings, multiple=1, activation="sigmoid")
    assert probs == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-6)


def test_classes_of_objects_come_last_and_from_the_first_view():
    image = keras.Input((None, None, 2))
    same = keras.layers.Identity()(image)
    net = keras.Model(image, {"classes": same, "distance": same[..., :1], "kinds": -same})
    logits = np.array([[[0.0, 3.0], [-2.0, -9.0]]], np.float32)
    settings = Predict(tile_px=64, overlap_px=0, other_scales=(1.0,))
    probs = predict.probability_map(net, logits, settings, multiple=1, n_kinds=2)
    classes = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    view = np.concatenate([classes, 1 / (1 + np.exp(-logits[..., :1]))], axis=-1)
    expected = np.concatenate([view, view, classes[..., ::-1]], axis=-1)
    assert probs == pytest.approx(expected, abs=1e-6)
