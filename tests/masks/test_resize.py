import cv2
import numpy as np
import pytest

from segline.masks import resize


def centre(mass):
    y, x = np.mgrid[: mass.shape[0], : mass.shape[1]] + 0.5
    return np.array([(y * mass).sum(), (x * mass).sum()]) / mass.sum()


@pytest.mark.parametrize("shape", [(60, 84), (30, 21), (53, 71), (240, 168), (500, 400)])
def test_discs_stay_where_they_are(shape):
    """Centre in shares of the sides: to a quarter of a pixel of the coarser grid."""
    y, x = np.mgrid[:120, :84]
    disc = np.hypot(y - 47, x - 50) <= 22
    scale = np.array(shape) / (120, 84)
    expected = centre(disc) * scale
    assert centre(resize.nearest(disc.astype(int), shape)) == pytest.approx(expected, abs=0.25)
    smooth = resize.smooth(disc.astype(np.float32)[..., None], shape)
    assert smooth.shape == (*shape, 1)
    assert centre(smooth[..., 0]) == pytest.approx(expected, abs=0.25)


def test_opencvs_nearest_would_shift_masks():
    disc = np.zeros((120, 120), np.uint8)
    disc[40:80, 40:80] = 1
    shifted = cv2.resize(disc, (17, 17), interpolation=cv2.INTER_NEAREST)
    ours = resize.nearest(disc, (17, 17))
    assert np.abs(centre(ours) - 8.5).max() < np.abs(centre(shifted) - 8.5).max()


def test_there_and_back_is_the_identity_of_enlarged_labels():
    labels = np.random.default_rng(0).integers(0, 5, (13, 29))
    large = resize.nearest(labels, (39, 87))
    assert (resize.nearest(large, (13, 29)) == labels).all()
    assert resize.nearest(labels, (13, 29)) is labels


@pytest.mark.parametrize("shape", [(10, 12), (40, 36)])
def test_any_number_of_channels_comes_out_as_each_alone(shape):
    """OpenCV averages over areas in up to four channels."""
    array = np.random.default_rng(0).random((20, 18, 7), np.float32)
    found = resize.smooth(array, shape)
    assert found.shape == (*shape, 7)
    for channel in range(7):
        alone = resize.smooth(array[..., channel : channel + 1], shape)
        assert np.array_equal(found[..., channel : channel + 1], alone)
