import numpy as np
import pytest

from segline.data.levels import scale_of, to_rgb8


@pytest.mark.parametrize(
    ("dtype", "low", "high", "scale"),
    [
        ("uint8", 0, 255, "0-255"),
        ("int64", 3, 200, "0-255"),
        ("float32", 0, 255, "0-255"),
        ("float32", 0, 1, "0-1"),
        ("float64", 0, 0, "0-1"),
        ("float16", 0, 1.0005, "0-1"),
        ("float32", 0, 2, "0-255"),
        ("uint16", 0, 4095, "16 bit"),
    ],
)
def test_scales(dtype, low, high, scale):
    assert scale_of(np.dtype(dtype), low=low, high=high) == scale


@pytest.mark.parametrize(
    ("dtype", "low", "high", "message"),
    [
        ("float32", -1, 1, "values -1..1 are on no known scale; save images in 0-1"),
        ("float32", 0, 1e6, "no known scale"),
        ("float32", 0, 1 / 255, "values 0..0.00392157: divided by 255 twice?"),
        ("float32", 0, 1.04, "values 0..1.04: resized with overshoot? clip images"),
        ("uint8", 0, 1, "values 0..1 in whole numbers: cast after scaling?"),
    ],
)
def test_mistakes_of_scale_are_refused(dtype, low, high, message):
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        scale_of(np.dtype(dtype), low=low, high=high)


def test_both_scales_of_one_image_give_the_same_bytes():
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    assert (to_rgb8(image, "0-255") == image).all()
    assert (to_rgb8(image.astype(np.float32), "0-255") == image).all()
    assert (to_rgb8(image.astype(np.float32) / np.float32(255), "0-1") == image).all()
    assert (to_rgb8(image.astype(np.float16) / np.float16(255), "0-1") == image).mean() > 0.8


def test_sixteen_bits_are_stretched_by_the_image_itself():
    image = np.linspace(1000, 3000, 2001).reshape(1, -1).astype(np.uint16)
    stretched = to_rgb8(image, "16 bit")
    assert stretched.shape == (1, 2001, 3)
    assert stretched[0, [0, 2, 3, 1001, 1998, 2000], 0].tolist() == [0, 0, 0, 128, 255, 255]
    assert not to_rgb8(np.full((2, 2), 700, np.uint16), "16 bit").any()


def test_grey_becomes_rgb_and_transparency_is_dropped():
    grey = np.uint8([[1, 2]])
    assert to_rgb8(grey, "0-255").tolist() == [[[1, 1, 1], [2, 2, 2]]]
    assert to_rgb8(np.uint8([[[1, 2, 3, 99]]]), "0-255").tolist() == [[[1, 2, 3]]]
    with pytest.raises(ValueError, match=r"shape \(2, 2, 5\) has neither 1"):
        to_rgb8(np.zeros((2, 2, 5), np.uint8), "0-255")
