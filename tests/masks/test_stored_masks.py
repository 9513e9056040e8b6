import numpy as np
import pytest

from segline.masks import classes, colours
from segline.masks.classes import Classes
from segline.masks.stored_masks import read_mask

TWO = Classes(("background", "iris"))
THREE = Classes(("background", "road", "car"))
OVERLAPPING = Classes(("background", "road", "car"), exclusive=False)
COLOURED = Classes(("background", "road", "car"), colours=("#000000", "#ff0000", "#00ff00"))
TRUTH = np.array([[0, 1, 2], [2, 0, 1]], np.int32)
BINARY = np.array([[0, 1, 1], [0, 0, 1]], np.int32)
RGB = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 0)], np.uint8)
ONE_HOT = np.eye(3, dtype=np.uint8)[TRUTH]


@pytest.mark.parametrize(
    ("mask", "truth", "kind"),
    [
        (TRUTH.astype(np.uint8), TRUTH, THREE),
        (TRUTH.astype(np.uint16)[..., None], TRUTH, THREE),
        (TRUTH.astype(np.float64), TRUTH, THREE),
        (np.repeat(TRUTH.astype(np.uint8)[..., None], 3, 2), TRUTH, THREE),
        (BINARY.astype(np.uint8) * 255, BINARY, TWO),
        (BINARY.astype(bool), BINARY, TWO),
        (BINARY.astype(np.float32), BINARY, TWO),
        (np.repeat(BINARY.astype(np.float32)[..., None], 3, 2), BINARY, TWO),
        (BINARY.astype(np.float32)[..., None] * 255, BINARY, TWO),
        (BINARY * 0, BINARY * 0, TWO),
        (RGB[TRUTH], TRUTH, COLOURED),
        (ONE_HOT, TRUTH, THREE),
        (ONE_HOT * 255, TRUTH, THREE),
        (ONE_HOT.astype(bool), TRUTH, THREE),
        (ONE_HOT[..., 1:], TRUTH, THREE),
        (np.float32([[[0.2, 0.7, 0.1]] + [[1, 0, 0]] * 29]), np.eye(1, 30, dtype=int), THREE),
    ],
)
def test_every_encoding_becomes_class_indices(mask, truth, kind):
    before = mask.copy()
    labels = read_mask(mask, kind)
    assert labels.dtype == np.int32
    assert labels.tolist() == truth.tolist()
    assert (mask == before).all()


def test_colours_may_number_grey_levels_too():
    greys = Classes(("background", "road", "car"), colours=("#000000", "#808080", "#ffffff"))
    assert read_mask(np.uint8([0, 128, 255])[TRUTH], greys).tolist() == TRUTH.tolist()


def test_overlapping_channels_become_bits_with_or_without_a_background_channel():
    channels = np.uint8([[[1, 1], [0, 1], [0, 0]]])
    for mask in (channels, np.dstack([channels.max(axis=2) == 0, channels]), channels * 255):
        assert read_mask(mask, OVERLAPPING).tolist() == [[3, 2, 0]]
    assert read_mask(np.uint8([[0, 1, 2]]), OVERLAPPING).tolist() == [[0, 1, 2]]
    assert classes.pixel_counts(np.int32([[3, 2, 0]]), OVERLAPPING).tolist() == [1, 1, 2]


def test_smooth_edges_are_cut_at_one_half():
    mask = np.zeros((10, 10), np.uint8)
    mask[:5], mask[5, :5], mask[5, 5:9] = 255, 130, 120
    labels = read_mask(mask, TWO)
    assert labels[5].tolist() == [1] * 5 + [0] * 5
    assert labels.sum() == 55


@pytest.mark.parametrize(
    ("mask", "kind", "message"),
    [
        (
            [[0, 1], [1, 3]],
            THREE,
            r"value 3 at pixel \(row 1, column 1\) is outside .* 0..2; name every",
        ),
        ([[0, -1]], THREE, "value -1 at"),
        ([[0, 1, 2]], TWO, r"values 0..2 are neither 0..1 nor 0..255; .* data.classes"),
        (
            [[0, 100, 255]],
            TWO,
            r"33% of the values lie between the ends \(first at pixel \(row 0, col",
        ),
        ([[0.0, np.nan]], TWO, r"NaN or infinite at pixel \(row 0, column 1\)"),
        ([[0.0, 0.5, 1.5]], THREE, "value 0.5 at"),
        ([[[1, 1, 0]]], THREE, r'sum to 2 at .*; .* set="data.exclusive=false"'),
        ([[[0, 0, 0], [0, 1, 0]]], Classes(tuple("abcd")), None),
        (
            [[[0, 0, 0], [0, 1, 0]]],
            THREE,
            r"sum to 0 at pixel \(row 0, column 0\), not to one, in 50.0%",
        ),
        ([[[0.6, 0.2, 0.2]]], THREE, "100% of the values lie between"),
        (
            [[[1, 0, 0, 0, 0]]],
            THREE,
            r"shape \(1, 1, 5\) fits none of .* 3 classes; set data.classes",
        ),
    ],
)
def test_what_is_no_mask_is_refused(mask, kind, message):
    if message is None:  # four classes in three channels: the background is what is left
        assert read_mask(np.array(mask), kind).tolist() == [[0, 2]]
        return
    with pytest.raises(ValueError, match=message):
        read_mask(np.array(mask), kind)


def test_colours_are_refused_by_name_and_pixel():
    with pytest.raises(
        ValueError, match=r"colour #0000ff at pixel \(row 0, column 1\) is none of #000"
    ):
        read_mask(np.uint8([[[0, 0, 0], [0, 0, 255]]]), COLOURED)
    with pytest.raises(ValueError, match="give each class's colour as data.colours"):
        read_mask(np.uint8([[[0, 0, 0], [0, 0, 255]]]), TWO)
    with pytest.raises(ValueError, match="a mask holds numbers, found <U1"):
        read_mask(np.array([["a"]]), TWO)


def test_sorted_colours_begin_with_black_and_are_one_for_each_class():
    found = colours.colours_in(RGB[TRUTH])
    assert colours.sorted_colours(found, 3) == ("#000000", "#00ff00", "#ff0000")
    with pytest.raises(
        ValueError, match=r"3 colours \(#000000, .*\) for 4 classes; give .* data.colours"
    ):
        colours.sorted_colours(found, 4)
