import keras
import numpy as np
import pytest

from segline.base.errors import UserError
from segline.config.stages import TrainedStage
from segline.config.tables import Model, Target
from segline.nets import models, weights_file


def trained(target=None, **model):
    return TrainedStage(model=Model(**model), target=target or Target(), precision="float32")


def built(*args, **model):
    return models.from_settings(trained(*args, **model), "float32")


SMALL = {"width": 4, "depth": 2}


@pytest.fixture
def net():
    made = built(**SMALL)
    rng = np.random.default_rng(0)
    for variable in made.weights:
        variable.assign(rng.normal(0.5, 0.1, variable.shape))
    return made


def test_a_packed_model_predicts_the_same_bit_for_bit(net, tmp_path):
    weights_file.round_kernels(net)
    weights_file.write(tmp_path / "fold_0.h5", net, trained(**SMALL))
    again = weights_file.read(tmp_path / "fold_0.h5")
    image = np.random.default_rng(1).random((1, 16, 20, 1), np.float32)
    assert np.array_equal(net(image)["classes"], again(image)["classes"])
    assert weights_file.settings_of(tmp_path / "fold_0.h5") == trained(**SMALL)


def test_rounding_halves_the_file_and_spares_normalisation(net, tmp_path):
    weights_file.write(tmp_path / "whole.h5", net, trained(**SMALL))
    means = [v.numpy() for v in net.weights if v.path.endswith("moving_mean")]
    weights_file.round_kernels(net)
    weights_file.write(tmp_path / "half.h5", net, trained(**SMALL))
    kept = [v.numpy() for v in net.weights if v.path.endswith("moving_mean")]
    assert all(np.array_equal(a, b) for a, b in zip(means, kept, strict=True))
    assert np.array_equal(net.layers[1].kernel, net.layers[1].kernel.numpy().astype(np.float16))


def test_weights_of_another_shape_are_refused(net, tmp_path):
    weights_file.write(tmp_path / "fold_0.h5", net, trained(width=8, depth=2))
    with pytest.raises(UserError, match="do not fit model unet"):
        weights_file.read(tmp_path / "fold_0.h5")


def test_a_net_starts_from_a_trained_one_and_keeps_its_new_outputs(net, tmp_path):
    net.save(tmp_path / "model.keras")
    fresh = built(Target(distance=True), **SMALL)
    distance = fresh.get_layer("distance").get_weights()
    assert weights_file.start_from(fresh, tmp_path / "model.keras") == ["distance"]
    image = np.random.default_rng(1).random((1, 16, 20, 1), np.float32)
    assert np.array_equal(net(image)["classes"], fresh(image)["classes"])
    assert all(map(np.array_equal, distance, fresh.get_layer("distance").get_weights()))


def test_a_start_from_another_net_is_refused(net, tmp_path):
    net.save(tmp_path / "model.keras")
    wider = built(width=8, depth=2)
    with pytest.raises(UserError, match=r"model\.keras: its weights do not fit this model"):
        weights_file.start_from(wider, tmp_path / "model.keras")


ENCODER = {"name": "efficientnet_unet", "width": 8, "depth": 5, "max_width": 32}


def test_the_encoder_is_a_net_like_the_others():
    net = built(**ENCODER)
    out = net(np.zeros((2, 32, 64, 1), np.float32))["classes"]
    assert out.shape == (2, 32, 64, 3)
    assert out.dtype == "float32"


def test_weights_that_cannot_be_fetched_are_one_line(monkeypatch):
    def offline(*args, **kwargs):
        raise Exception("URL fetch failure on there: None -- [Errno -2] Name or service not known")

    monkeypatch.setattr(keras.applications, "EfficientNetV2B0", offline)
    with pytest.raises(
        UserError, match=r"cannot be fetched \(Name or service not known\)"
    ) as error:
        built(**ENCODER, weights="imagenet")
    assert "\n" not in str(error.value)
    assert "model.weights=none" in str(error.value)
