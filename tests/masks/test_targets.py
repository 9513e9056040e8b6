"""Each target with a picture of what it draws: `.` background, `o` body, `#` border."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import cases
from segline.masks import targets

ROWS = """
00000000000
01111102220
01111102220
01111102220
01111102220
01111100000
00000000000
"""


def picture(rows):
    return np.array([[int(c) for c in row] for row in rows.split()])


def drawn(classes):
    return ["".join(".o#"[c] for c in row) for row in classes]


def test_border_of_one_px():
    assert drawn(targets.body_border(picture(ROWS))) == [
        "...........",
        ".#####.###.",
        ".#ooo#.#o#.",
        ".#ooo#.#o#.",
        ".#ooo#.###.",
        ".#####.....",
        "...........",
    ]


def test_border_grows_with_size():
    widths = ((20, 1), (math.inf, 2))
    assert drawn(targets.body_border(picture(ROWS), widths=widths)) == [
        "...........",
        ".#####.###.",
        ".#####.#o#.",
        ".##o##.#o#.",
        ".#####.###.",
        ".#####.....",
        "...........",
    ]


def test_gap_between_two_objects():
    assert drawn(targets.body_border(picture(ROWS), gap_px=1)) == [
        "...........",
        ".#########.",
        ".#ooo###o#.",
        ".#ooo###o#.",
        ".#ooo#####.",
        ".#####.....",
        "...........",
    ]


def test_the_image_edge_is_no_boundary():
    assert drawn(targets.body_border(np.ones((2, 3), int))) == ["ooo", "ooo"]
    assert drawn(targets.body_border(picture("1110 1110"))) == ["oo#.", "oo#."]


def test_touching_objects_have_a_border_between_them():
    assert drawn(targets.body_border(picture("111222"))) == ["oo##oo"]


def test_a_size_at_the_limit_takes_the_next_width():
    row = np.zeros((3, 60), int)
    row[:, 10:20] = 1
    at = targets.body_border(row, widths=((30, 0), (math.inf, 1)))
    below = targets.body_border(row, widths=((31, 0), (math.inf, 1)))
    assert (at == targets.Channel.BORDER).sum() == 6
    assert (below == targets.Channel.BORDER).sum() == 0


def brute_inside(labels):
    """Distance to the nearest pixel not of the own object, inf without one; 0 in background."""
    away = np.zeros(labels.shape)
    for number in np.unique(labels[labels > 0]):
        mask = labels == number
        whole = np.full(labels.shape, np.inf)
        away[mask] = (whole if mask.all() else ndimage.distance_transform_edt(mask))[mask]
    return away


def brute_gaps(labels, gap_px):
    near = np.zeros(labels.shape, int)
    for number in np.unique(labels[labels > 0]):
        near += ndimage.distance_transform_edt(labels != number) <= gap_px
    return (labels == 0) & (near >= 2)


@settings(max_examples=120, deadline=None)
@given(cases.label_images(max_side=30), st.integers(0, 4), st.floats(0, 4))
def test_body_border_equals_brute_force(labels, gap_px, width):
    widths = ((40, width), (math.inf, 2.5))
    sizes = np.bincount(labels.ravel())[labels]
    border = brute_inside(labels) <= np.where(sizes < 40, width, 2.5)
    expected = np.where(labels == 0, 0, np.where(border, 2, 1))
    expected[brute_gaps(labels, gap_px)] = 2
    got = targets.body_border(labels, widths=widths, gap_px=gap_px)
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, expected)


@settings(max_examples=120, deadline=None)
@given(cases.label_images(max_side=40))
def test_distances_equal_brute_force(labels):
    inside = brute_inside(labels)
    outside = np.full(labels.shape, np.inf)
    if labels.any():
        outside = ndimage.distance_transform_edt(labels == 0)
    signed = targets.signed_distance(labels)
    assert signed.dtype == np.float32
    np.testing.assert_allclose(signed, np.where(labels > 0, inside, -outside), rtol=1e-6)
    share = targets.distance(labels)
    assert share.dtype == np.float32
    for number in np.unique(labels[labels > 0]):
        mask = labels == number
        largest = inside[mask].max()
        expected = 1 if math.isinf(largest) else inside[mask] / largest
        np.testing.assert_allclose(share[mask], expected, rtol=1e-6)
    assert (share[labels == 0] == 0).all()


def test_distance_pictured():
    labels = picture("00000 01110 01112 01110 00000")
    np.testing.assert_allclose(
        targets.distance(labels),
        np.array([[0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 2, 1, 2], [0, 1, 1, 1, 0], [0] * 5]) / 2,
    )


def test_signed_distance_pictured():
    labels = picture("00111220")
    expected = [-2, -1, 1, 2, 1, 1, 1, -1]
    np.testing.assert_array_equal(targets.signed_distance(labels), [expected])
    clipped = targets.signed_distance(picture("000011111"), limit_px=3)
    np.testing.assert_array_equal(clipped, [[-3, -3, -2, -1, 1, 2, 3, 3, 3]])
    assert (targets.signed_distance(np.zeros((2, 2), int), limit_px=9) == -9).all()
    assert (targets.signed_distance(np.ones((2, 2), int), limit_px=9) == 9).all()


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"widths": ()}, "ascend and end at infinity"),
        ({"widths": ((300, 1),)}, "ascend and end at infinity"),
        ({"widths": ((300, 1), (200, 2), (math.inf, 3))}, "ascend and end at infinity"),
        ({"widths": ((math.inf, -1),)}, "must not be negative"),
        ({"gap_px": -1}, "gap_px must not be negative, got -1"),
    ],
)
def test_body_border_refuses(settings_, message):
    with pytest.raises(ValueError, match=message):
        targets.body_border([[1, 0]], **settings_)


def test_signed_distance_refuses_a_limit_of_nothing():
    with pytest.raises(ValueError, match="limit_px must be above 0, got 0"):
        targets.signed_distance([[1]], limit_px=0)
