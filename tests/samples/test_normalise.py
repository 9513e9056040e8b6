import numpy as np
import pytest

from segline.config.tables import Input
from segline.samples import normalise


def picture(background, nucleus):
    image = np.empty((40, 50, 3), np.uint8)
    image[:] = background
    image[10:20, 10:20] = nucleus
    return image


@pytest.mark.parametrize(
    ("background", "nucleus"),
    [((5, 5, 5), (90, 90, 90)), ((230, 230, 230), (90, 90, 90)), ((180, 140, 190), (90, 40, 120))],
    ids=["fluorescence", "brightfield", "tissue"],
)
def test_nuclei_are_the_bright_side_in_every_modality(background, nucleus):
    grey = normalise.to_channels(
        normalise.normalise(picture(background, nucleus), mode="nuclei"), mode="nuclei"
    )
    assert grey.shape == (40, 50, 1)
    assert grey.dtype == np.float32
    assert grey[15, 15, 0] > 0.95
    assert grey[0, 0, 0] < 0.05


def test_tissue_so_dense_that_most_of_it_is_dark_is_inverted_all_the_same():
    image = picture((120, 60, 150), (200, 160, 210))
    assert normalise.normalise(image, mode="nuclei")[0, 0].min() > 240


def test_coloured_fluorescence_on_black_is_not_inverted():
    image = picture((0, 0, 12), (10, 20, 220))
    assert normalise.normalise(image, mode="nuclei")[15, 15, 2] > 240


def test_rgb_keeps_dark_nuclei_dark():
    rgb = normalise.normalise(picture((230, 230, 230), (90, 90, 90)), mode="rgb")
    assert rgb[15, 15].max() < 10


def test_a_constant_image_is_all_zero():
    flat = np.full((8, 8, 3), 77, np.uint8)
    assert normalise.normalise(flat, mode="rgb").max() == 0


def test_the_argument_is_not_changed():
    image = picture((230, 230, 230), (90, 90, 90))
    before = image.copy()
    normalise.normalise(image, mode="nuclei")
    assert (image == before).all()


@pytest.mark.parametrize("mode", ["grey", "rgb"])
def test_plain_modes_never_invert(mode):
    shown = normalise.prepared(picture((230, 230, 230), (90, 90, 90)), Input(mode=mode))
    channels = normalise.to_channels(shown, mode=mode)
    assert channels.shape == (40, 50, 1 if mode == "grey" else 3)
    assert channels[0, 0].min() > 0.95
    assert channels[15, 15].max() < 0.05


def test_without_stretch_levels_stay_and_size_is_given():
    image = picture((20, 40, 60), (100, 120, 140))
    shown = normalise.prepared(image, Input(mode="rgb", size=(20, 25), stretch=False))
    assert shown.shape == (20, 25, 3)
    assert shown[0, 0].tolist() == [20, 40, 60]
    assert np.array_equal(normalise.prepared(image, Input(mode="rgb", stretch=False)), image)


def test_bands_are_stretched_each_by_its_own_percentiles_and_all_shown():
    rng = np.random.default_rng(0)
    image = np.dstack([rng.integers(0, high, (40, 50)) for high in (256, 20, 90, 10, 200)])
    table = Input(mode=5, low_percentile=0, high_percentile=100)
    found = normalise.to_channels(normalise.prepared(image.astype(np.uint8), table), mode=5)
    assert found.shape == (40, 50, 5)
    assert found.min(axis=(0, 1)).tolist() == [0] * 5
    assert found.max(axis=(0, 1)).tolist() == [1] * 5
    with pytest.raises(ValueError, match="an image of 5 channels where input.mode=rgb takes 3"):
        normalise.prepared(image.astype(np.uint8), Input(mode="rgb"))
