import numpy as np
import pytest

from segline.config.names import MODALITIES
from segline.data.modality import modality
from segline.synthetic import nuclei as phantoms


@pytest.mark.parametrize("name", list(phantoms.PAINTERS))
@pytest.mark.parametrize("seed", range(6))
def test_phantoms_are_named_as_painted(name, seed):
    image, _ = phantoms.paint(name, (120, 150), rng=np.random.default_rng(seed))
    assert modality(image) == name


@pytest.mark.parametrize(
    ("ground", "nuclei", "name"),
    [
        ((5, 5, 5), (200, 200, 200), "fluorescence"),
        ((40, 40, 40), (90, 90, 90), "fluorescence"),
        ((10, 10, 60), (40, 40, 250), "fluorescence"),  # blue on black
        ((228, 228, 228), (90, 90, 90), "brightfield"),
        ((215, 213, 217), (100, 40, 110), "tissue_light"),
        ((238, 237, 219), (70, 60, 130), "tissue_light"),  # purple on yellow
        ((183, 164, 204), (90, 50, 150), "tissue_purple"),
        ((224, 170, 216), (120, 60, 130), "tissue_purple"),  # haematoxylin and eosin
    ],
)
def test_colours_of_background_and_nuclei_decide(ground, nuclei, name):
    image = np.empty((60, 80, 3), np.uint8)
    image[:] = ground
    image[10:30, 10:60] = nuclei
    assert modality(image) == name


def test_names_are_at_most_six_and_cover_the_painters():
    assert set(phantoms.PAINTERS) <= set(MODALITIES)
    assert len(MODALITIES) <= 6


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="image must be"):
        modality(np.zeros(shape, np.uint8))


def test_channels_that_are_no_colours_have_no_modality_of_nuclei():
    assert modality(np.full((8, 8, 5), 200, np.uint8)) == "channels"
