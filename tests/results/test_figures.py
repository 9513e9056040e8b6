import numpy as np
import pandas as pd
import pytest

from segline.results import figures


def test_outlines_lie_on_the_objects_own_pixels():
    labels = np.zeros((6, 6), int)
    labels[1:5, 1:5] = 1
    image = np.zeros((6, 6, 3), np.uint8)
    drawn = figures.outlined(image, labels, None, zoom=1)
    ring = labels.astype(bool)
    ring[2:4, 2:4] = False
    assert np.array_equal((drawn == figures.TRUE_COLOUR).all(-1), ring)


def test_a_sheet_keeps_every_picture_at_its_size():
    red, blue = (np.full((4, 5, 3), 0, np.uint8) for _ in range(2))
    red[..., 0], blue[..., 2] = 255, 255
    page = figures.sheet([[red, blue], [blue]], gap_px=2)
    assert page.shape == (2 + 4 + 2 + 4 + 2, 2 + 5 + 2 + 5 + 2, 3)
    assert (page[2:6, 2:7] == red[0, 0]).all()
    assert (page[2:6, 9:14] == blue[0, 0]).all()
    assert (page[8:12, 9:14] == 255).all()


def test_classes_have_three_colours():
    assert len({tuple(c) for c in figures.classes(np.array([[0, 1, 2]]))[0]}) == 3


def test_a_picture_of_results_has_four_parts():
    image = np.random.default_rng(0).integers(0, 99, (30, 20, 3)).astype(np.uint8)
    probs, labels = np.zeros((30, 20, 3), np.uint8), np.zeros((30, 20), int)
    row = figures.result_row(image, probs, labels, labels, "caption", crop_px=16)
    assert [picture.shape for picture in row] == [(20 + 32, 32, 3)] * 4


def test_a_curve_shows_its_marks():
    table = pd.DataFrame({"rate": [1e-4, 1e-3, 1e-2], "loss": [2.0, 1.0, 3.0]})
    plain = figures.curve(table, x="rate", y=["loss"], marks={})
    marked = figures.curve(table, x="rate", y=["loss"], marks={"here": 1e-3})
    assert plain.shape == (480, 720, 3)
    assert plain.dtype == np.uint8
    assert (plain != marked).any()


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_any_number_of_channels_can_be_shown(channels):
    image = np.random.default_rng(0).integers(1, 256, (4, 6, channels), dtype=np.uint8)
    shown = figures.rgb(image)
    assert shown.shape == (4, 6, 3)
    assert np.array_equal(shown[..., 0], image[..., 0])
    assert (shown[..., 2] == 0).all() == (channels == 2)
