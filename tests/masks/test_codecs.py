"""Codecs: hand-written texts, round trips of any mask, and what a wrong setting is told."""

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cases import label_images
from segline.config.tables.dialect import Coding
from segline.masks import codecs

MASK = np.array([[1, 0, 0], [1, 0, 1]], bool)  # columns: 1 1 0 0 0 1, rows: 1 0 0 1 0 1
WRITTEN = {
    ("pairs", "columns", 1): "1 2 6 1",
    ("pairs", "columns", 0): "0 2 5 1",
    ("pairs", "rows", 1): "1 1 4 1 6 1",
    ("pairs", "rows", 0): "0 1 3 1 5 1",
    ("relative", "columns", 0): "0 2 3 1",
    ("relative", "columns", 1): "1 2 3 1",
    ("relative", "rows", 0): "0 1 2 1 1 1",
    ("lists", "columns", 1): "[1, 2, 6, 1]",
    ("lists", "rows", 0): "[0, 1, 3, 1, 5, 1]",
}
CODINGS = [
    Coding(codec=codec, order=order, base=base)
    for codec in ("pairs", "relative", "lists", "coco")
    for order in ("columns", "rows")
    for base in (0, 1)
]


@pytest.mark.parametrize("key", WRITTEN)
def test_texts_by_hand(key):
    coding = Coding(codec=key[0], order=key[1], base=key[2])
    assert codecs.encode(MASK, coding) == WRITTEN[key]
    assert np.array_equal(codecs.decode(WRITTEN[key], MASK.shape, coding), MASK)


def test_coco_counts_by_hand():
    """Counts 0 2 3 1 down the columns; from the fourth on the difference to that two before: 1 - 2 = -1."""
    coding = Coding(codec="coco")
    text = base64.b64encode(zlib.compress(bytes([48, 50, 51, 48 + 31]))).decode()
    assert np.array_equal(codecs.decode(text, MASK.shape, coding), MASK)
    assert zlib.decompress(base64.b64decode(codecs.encode(MASK, coding))) == bytes([48, 50, 51, 79])


def test_coco_counts_above_31_and_their_differences():
    """By hand after maskApi.c: 32 is P1, 3 and 7 themselves, five differences of 0, 35 - 7 = 28 is l0."""
    mask = np.zeros((10, 10), bool)
    mask[2:5, 3:7] = True
    text = base64.b64encode(zlib.compress(b"P13700000l0")).decode()
    counts = [32, 3, 7, 3, 7, 3, 7, 3, 35]
    assert codecs.runs(text, (10, 10), Coding(codec="coco"))[1].tolist() == counts[1::2]
    assert np.array_equal(codecs.decode(text, (10, 10), Coding(codec="coco")), mask)
    again = codecs.encode(mask, Coding(codec="coco"))
    assert zlib.decompress(base64.b64decode(again)) == b"P13700000l0"


@pytest.mark.parametrize("coding", CODINGS, ids=str)
@settings(deadline=None, max_examples=40)  # the machine is shared
@given(mask=arrays.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_any_mask_survives(coding, mask):
    text = codecs.encode(mask, coding)
    assert (text == "") == (not mask.any())
    assert np.array_equal(codecs.decode(text, mask.shape, coding), mask)


@pytest.mark.parametrize("coding", CODINGS, ids=str)
@settings(deadline=None, max_examples=40)  # the machine is shared
@given(labels=label_images(max_side=9))
def test_labels_survive_as_one_to_n(coding, labels):
    texts = codecs.encode_labels(labels, coding)
    found = codecs.decode_labels(texts, labels.shape, coding)
    numbers = [0, *np.unique(labels[labels > 0])]
    assert np.array_equal(np.array(numbers)[found], labels)
    assert codecs.count_overlaps(texts, labels.shape, coding) == 0


def test_polygons_hold_their_outline_and_not_their_holes():
    square = np.zeros((6, 7), bool)
    square[1:5, 2:6] = True
    json = "[[[2, 1], [5, 1], [5, 4], [2, 4]]]"
    wkt = "POLYGON ((2 1, 5 1, 5 4, 2 4, 2 1))"
    assert np.array_equal(codecs.decode(json, square.shape, Coding(codec="polygons")), square)
    assert np.array_equal(codecs.decode(wkt, square.shape, Coding(codec="wkt")), square)
    two = "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 1, 0 0)), ((5 4, 6 4, 6 5, 5 5, 5 4)))"
    assert codecs.decode(two, square.shape, Coding(codec="wkt")).sum() == 8
    holed = "POLYGON ((0 0, 6 0, 6 5, 0 5, 0 0), (2 1, 4 1, 4 4, 2 4, 2 1))"
    assert not codecs.decode(holed, square.shape, Coding(codec="wkt"))[2, 3]
    assert not codecs.decode("MULTIPOLYGON EMPTY", square.shape, Coding(codec="wkt")).any()


@pytest.mark.parametrize(
    ("text", "coding", "said"),
    [
        ("0 2", Coding(), "starts at 0, before the first pixel 1; base = 0"),
        ("6 2", Coding(), "ends 1 px beyond the image of 2x3 pixels, counted from base 1"),
        ("6 1", Coding(base=0), "counted from base 0; base = 1"),
        ("5 1 2 1", Coding(), 'run 2 starts at 2, .*codec = "relative"'),
        ("1 2 6 1", Coding(codec="relative"), 'beyond the image .*codec = "pairs"'),
        ("1 2 3", Coding(), "odd count of numbers: 3"),
        ("1 x", Coding(), "not a whole number: 'x' at position 2"),
        ("1 0", Coding(), "length must be at least 1"),
        ("1 3 2 1", Coding(), "overlaps the run before it"),
        ("[1, 2", Coding(codec="lists"), "not a JSON list"),
        ("eJw", Coding(codec="coco"), "not COCO counts"),
        ("LINE (1 2)", Coding(codec="wkt"), "not a WKT polygon"),
        ("{}", Coding(codec="polygons"), "not a JSON list of polygons"),
    ],
)
def test_faults_are_named(text, coding, said):
    with pytest.raises(ValueError, match=said):
        codecs.decode(text, (2, 3), coding)


def test_the_position_of_the_faulty_mask_is_named():
    with pytest.raises(ValueError, match="mask 1: a run starts at 0"):
        codecs.decode_labels(["1 1", "0 1"], (2, 3), Coding())


def test_polygons_are_not_written():
    with pytest.raises(ValueError, match="no submission is written as wkt"):
        codecs.encode(MASK, Coding(codec="wkt"))


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


@pytest.mark.parametrize(
    ("codec", "text", "said"),
    [
        ("coco", packed(b"o" * 10**6), "more than 126 bytes"),  # a bomb, or a number without end
        ("coco", packed(b"o" * 60 + b"0"), "count 1 of COCO is .*, which no image has"),
        ("coco", packed(b"0O000"), "count 2 of COCO is -1, which no image has"),
        ("coco", packed(b"4") + "é", "not COCO counts"),
        ("coco", base64.b64encode(zlib.compress(b"0123")[:-5]).decode(), "incomplete"),
        ("lists", "[" * 100_000, "not a JSON list"),
        ("lists", "[1.5, 2]", "1.5' is no whole number"),
        ("lists", "[true, 2]", "True' is no whole number"),
        ("lists", '["1", 2]', "is no whole number"),
        ("lists", '{"a": 1}', "not a JSON list of numbers, but"),
        ("lists", f"[1, {'9' * 5000}]", "not a JSON list|a number beyond"),
        ("lists", f"[1, {10**30}]", "a number beyond the 2.30 pixels of the largest image, at position 2"),
        ("polygons", "[[[0, 0], [1e300, 0], [0, 5]]]", r"a corner at 1e\+300, no place in an image"),
        ("polygons", "[[[0, 0], [1e999, 0], [0, 5]]]", "a corner at inf"),
        ("polygons", "[[[0, 0], [NaN, 0], [0, 5]]]", "a corner at nan"),
        ("polygons", "[[[0, 0, 1], [1, 0, 1]]]", r"a ring of shape \(2, 3\)"),
        ("polygons", "[" * 100_000, "not a JSON list"),
        ("wkt", "POLYGON ((0 0, 1e300 0, 0 5, 0 0))", "a corner at 1e"),
        ("wkt", "POLYGON ((0 0, ² 0, 0 5, 0 0))", "could not convert"),
        ("relative", "1073741824 1 1073741824 1", "ends .* px beyond the image"),
        ("relative", " ".join(["9223372036854775807 1"] * 2), "a number beyond the 2.30 pixels"),
        ("pairs", "0 9223372036854775807", "a number beyond the 2.30 pixels"),
    ],
)  # fmt: skip
def test_what_would_overflow_or_fill_the_memory_is_refused(codec, text, said):
    coding = Coding(codec=codec, base=0 if codec == "pairs" else 1)
    with pytest.raises(ValueError, match=said) as caught:
        codecs.decode(text, (4, 4), coding)
    assert len(str(caught.value)) < 300


def test_corners_far_outside_are_cut_at_the_edge():
    found = codecs.decode(
        "[[[-1000000, 1], [1000000, 1], [1000000, 9], [-1000000, 9]]]",
        (4, 4),
        Coding(codec="polygons"),
    )
    assert found.sum(axis=1).tolist() == [0, 4, 4, 4]
