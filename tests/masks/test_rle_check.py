import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segline.config.tables.dialect import Coding
from segline.masks import codecs, rle, rle_check
from segline.masks.rle_text import UNKNOWN

words = st.text(alphabet="0123456789 -x", max_size=10)
pairs = st.lists(st.tuples(st.integers(0, 13), st.integers(0, 4)), max_size=3).map(
    lambda found: " ".join(f"{start} {length}" for start, length in sorted(found))
)
groups = st.lists(st.lists(pairs | words, max_size=3), max_size=4)


def refused(texts, shape, coding=None):
    try:
        if coding:
            codecs.decode_labels(texts, shape, coding)
        else:
            rle.decode_labels(texts, shape)
    except ValueError as error:
        return str(error)
    return None


@settings(max_examples=150, deadline=None)
@given(groups)
def test_the_first_fault_is_what_decoding_says(given_groups):
    shape = (3, 4)
    said = [refused(texts, shape) for texts in given_groups]
    expected = next(((n, text) for n, text in enumerate(said) if text), None)
    assert rle_check.first_fault((texts, shape) for texts in given_groups) == expected


@settings(max_examples=80, deadline=None)
@given(groups, st.sampled_from(["pairs", "relative"]), st.sampled_from(["rows", "columns"]))
def test_so_too_in_other_codings(given_groups, codec, order):
    shape, coding = (3, 4), Coding(codec=codec, order=order, base=1)
    said = [refused(texts, shape, coding) for texts in given_groups]
    expected = next(((n, text) for n, text in enumerate(said) if text), None)
    assert codecs.first_fault(((texts, shape) for texts in given_groups), coding) == expected


def test_a_fault_is_found_behind_a_batch_and_sizes_may_differ(monkeypatch):
    monkeypatch.setattr(rle_check, "BATCH", 6)
    many = [(["1 2", "5 1"], (2, 3)), (["9 1"], (3, 3)), (["1 1"], (1, 1)), ([], (0, 0))]
    assert rle_check.first_fault(many * 3) is None
    broken = (["1 2", "2 2"], (2, 3))
    said = "rles 0 and 1 overlap at pixel (row 1, column 0)"
    assert rle_check.first_fault([*many, *many, broken, *many]) == (8, said)


def test_the_first_string_that_overlaps_is_named_and_its_first_pixel():
    texts = ["20 3", "1 2", "5 5", "11 2", "8 4", "1 30"]
    with pytest.raises(ValueError, match=r"^rles 2 and 4 overlap at pixel \(row 2, column 1\)$"):
        rle_check.check(texts, (5, 6))
    assert refused(texts, (5, 6)) == "rles 2 and 4 overlap at pixel (row 2, column 1)"


def test_runs_come_in_order_with_their_string():
    runs = rle_check.apart(["4 3", "", "1 2 8 1"], (2, 4))
    assert runs.tolist() == [[1, 4, 8], [2, 3, 1], [3, 1, 3]]
    assert rle_check.apart([], (2, 2)).shape == (3, 0)


def test_without_a_size_nothing_lies_outside_but_what_no_image_has():
    assert rle_check.first_fault([(["1 5 1000000 7"], UNKNOWN)]) is None
    said = rle_check.first_fault([(["1 99999999999999"], UNKNOWN)])[1]
    assert (
        said
        == "run 1 '1 99999999999999' reaches beyond 2^30 pixels, the largest image that is read"
    )


LARGE = (2**15, 2**15)
NUMBERS = [
    "1 99999999999999",
    "99999999999999 1",
    "1 " + "9" * 5000,
    "² 1",
    "1 ²",
    "1_0 1",
    "1 5 7",
]
CODINGS = [
    Coding(codec=codec, order=order, base=base)
    for codec in ("pairs", "relative")
    for order in ("columns", "rows")
    for base in (0, 1)
]


@pytest.mark.parametrize("text", NUMBERS)
def test_impossible_numbers_take_no_memory_and_one_short_line(text):
    """Not even where the image itself would take gigabytes."""
    tracemalloc.start()
    try:
        said = [rle_check.first_fault([([text], shape)])[1] for shape in (LARGE, (4, 4), UNKNOWN)]
        said += [codecs.first_fault([([text], LARGE)], coding)[1] for coding in CODINGS]
        listed = f"[{', '.join(text.split())}]"
        said.append(codecs.first_fault([([listed], LARGE)], Coding(codec="lists"))[1])
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert all(len(line) < 200 and "\n" not in line for line in said)
    if text == "1 5 7":
        assert all("odd count of numbers: 3" in line for line in said)
    if "²" in text:
        assert all("not a" in line for line in said)


@pytest.mark.parametrize("text", ["1 5 7", "1 5 3", "1 5 99", "7"])
def test_a_last_start_without_length_is_an_odd_count_wherever_it_is(text):
    for shape in ((4, 4), (1, 5), UNKNOWN):
        assert "odd count" in rle_check.first_fault([([text], shape)])[1]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
def test_a_shape_of_any_integers_is_the_same(dtype):
    shape = np.array((200, 250)).astype(np.uint8 if dtype == np.uint8 else dtype)
    mask = np.zeros((200, 250), bool)
    mask[190:, 240:] = True
    text = rle.encode(mask)
    assert np.array_equal(rle.decode(text, shape), mask)
    assert np.array_equal(rle.decode(text, tuple(shape)), mask)
    assert rle.count_overlaps([text, text], shape) == mask.sum()
    assert np.array_equal(rle.repair(text, tuple(shape))[0], mask)
    assert rle_check.first_fault([([text], tuple(shape))]) is None
    for coding in [*CODINGS, Coding(codec="lists"), Coding(codec="coco")]:
        written = codecs.encode(mask, coding)
        assert np.array_equal(codecs.decode(written, tuple(shape), coding), mask)
        assert codecs.count_overlaps([written], tuple(shape), coding) == 0
    square = "[[[240, 190], [249, 190], [249, 199], [240, 199]]]"
    assert np.array_equal(codecs.decode(square, tuple(shape), Coding(codec="polygons")), mask)


@pytest.mark.parametrize("shape", [(1_000_000, 1_000_000), (2**40, 2**40), (2**30 + 1, 1)])
def test_an_image_larger_than_any_is_refused_before_it_is_made(shape):
    for decode in (rle.decode, rle.repair):
        with pytest.raises(ValueError, match=r"is larger than 2\^30, the most that is read"):
            decode("1 1", shape)
    for coding in [*CODINGS, *(Coding(codec=c) for c in ("lists", "coco", "wkt", "polygons"))]:
        with pytest.raises(ValueError, match=r"is larger than 2\^30"):
            codecs.decode("1 1", shape, coding)


@pytest.mark.parametrize("shape", [(4.0, 4), (4,), ("4", "4"), (4, 4, 3)])
def test_a_shape_is_two_whole_numbers(shape):
    with pytest.raises(ValueError, match="shape must be height and width"):
        rle.decode("1 1", shape)
