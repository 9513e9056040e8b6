import keras
import numpy as np
import pytest

from segline import config, models, pretrained
from segline.errors import UserError

SETTINGS = config.Config().stage_settings()["train"] | {"precision": "float32"}
SMALL = SETTINGS | {"model": SETTINGS["model"] | {"width": 4, "depth": 2}}


@pytest.fixture
def net():
    made = models.from_settings(SMALL)
    rng = np.random.default_rng(0)
    for variable in made.weights:
        variable.assign(rng.normal(0.5, 0.1, variable.shape))
    return made


def test_a_packed_model_predicts_the_same_bit_for_bit(net, tmp_path):
    pretrained.round_kernels(net)
    pretrained.write(tmp_path / "fold_0.h5", net, SMALL)
    again = pretrained.read(tmp_path / "fold_0.h5")
    image = np.random.default_rng(1).random((1, 16, 20, 1), np.float32)
    assert np.array_equal(net(image)["classes"], again(image)["classes"])
    assert pretrained.settings_of(tmp_path / "fold_0.h5") == SMALL


def test_rounding_halves_the_file_and_spares_normalisation(net, tmp_path):
    pretrained.write(tmp_path / "whole.h5", net, SMALL)
    means = [v.numpy() for v in net.weights if v.path.endswith("moving_mean")]
    pretrained.round_kernels(net)
    pretrained.write(tmp_path / "half.h5", net, SMALL)
    kept = [v.numpy() for v in net.weights if v.path.endswith("moving_mean")]
    assert all(np.array_equal(a, b) for a, b in zip(means, kept, strict=True))
    assert np.array_equal(net.layers[1].kernel, net.layers[1].kernel.numpy().astype(np.float16))


def test_weights_of_another_shape_are_refused(net, tmp_path):
    wider = SMALL | {"model": SMALL["model"] | {"width": 8}}
    pretrained.write(tmp_path / "fold_0.h5", net, wider)
    with pytest.raises(UserError, match="do not fit model unet"):
        pretrained.read(tmp_path / "fold_0.h5")


def test_a_changed_file_is_named(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"one")
    digest = pretrained.sha256(tmp_path / "a.h5")
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  a.h5\n")
    pretrained.check_sums(tmp_path)
    (tmp_path / "a.h5").write_bytes(b"two")
    with pytest.raises(UserError, match=r"a\.h5: differs from"):
        pretrained.check_sums(tmp_path)
    (tmp_path / "a.h5").unlink()
    with pytest.raises(UserError, match="not there"):
        pretrained.check_sums(tmp_path)


def test_a_net_starts_from_a_trained_one_and_keeps_its_new_outputs(net, tmp_path):
    net.save(tmp_path / "model.keras")
    target = SETTINGS["target"] | {"distance": True}
    fresh = models.from_settings(SMALL | {"target": target})
    distance = fresh.get_layer("distance").get_weights()
    assert pretrained.start_from(fresh, tmp_path / "model.keras") == ["distance"]
    image = np.random.default_rng(1).random((1, 16, 20, 1), np.float32)
    assert np.array_equal(net(image)["classes"], fresh(image)["classes"])
    assert all(map(np.array_equal, distance, fresh.get_layer("distance").get_weights()))


def test_a_start_from_another_net_is_refused(net, tmp_path):
    net.save(tmp_path / "model.keras")
    wider = models.from_settings(SMALL | {"model": SMALL["model"] | {"width": 8}})
    with pytest.raises(UserError, match=r"model\.keras: its weights do not fit this model"):
        pretrained.start_from(wider, tmp_path / "model.keras")


def with_encoder(weights):
    model = {"name": "efficientnet_unet", "width": 8, "depth": 5, "max_width": 32}
    return SETTINGS | {"model": SETTINGS["model"] | model | {"weights": weights}}


def test_the_encoder_is_a_net_like_the_others():
    net = models.from_settings(with_encoder("none"))
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
        models.from_settings(with_encoder("imagenet"))
    assert "\n" not in str(error.value)
    assert "model.weights=none" in str(error.value)


def test_a_model_without_pretrained_weights_says_so():
    asked = SETTINGS | {"model": SETTINGS["model"] | {"weights": "imagenet"}}
    with pytest.raises(UserError, match="model unet has no pretrained weights"):
        models.from_settings(asked)
    unknown = SETTINGS | {"model": SETTINGS["model"] | {"name": "vnet"}}
    with pytest.raises(UserError, match="no model 'vnet'"):
        models.from_settings(unknown)
