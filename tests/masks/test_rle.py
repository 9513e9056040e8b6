import csv
import io
import zipfile
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import cases
from segline.masks import rle

REAL = Path(__file__).parents[3] / "shared/data/dsb2018"

# mask, its RLE
TABLE = [
    ([[0, 0], [0, 0]], ""),
    ([[1, 0], [0, 0]], "1 1"),
    ([[0, 0], [1, 0]], "2 1"),
    ([[0, 1], [0, 0]], "3 1"),
    ([[0, 0], [0, 1]], "4 1"),
    ([[1, 1], [1, 1]], "1 4"),
    ([[1, 0, 1], [0, 1, 0]], "1 1 4 2"),
    ([[0, 1, 1], [1, 1, 0]], "2 4"),
    ([[1, 1, 0, 1]], "1 2 4 1"),
    ([[1], [1], [0], [1]], "1 2 4 1"),
    ([[1]], "1 1"),
    ([[0]], ""),
]


def brute_encode(mask):
    runs, position = [], 1
    for value, group in groupby(np.asarray(mask).ravel(order="F").tolist()):
        length = len(list(group))
        if value:
            runs += [position, length]
        position += length
    return " ".join(map(str, runs))


@pytest.mark.parametrize(("mask", "text"), TABLE)
def test_table_both_ways(mask, text):
    mask = np.array(mask)
    assert rle.encode(mask) == text
    decoded = rle.decode(text, mask.shape)
    assert decoded.dtype == bool
    np.testing.assert_array_equal(decoded, mask.astype(bool))


@settings(max_examples=150, deadline=None)
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_round_trip_and_brute_force(mask):
    text = rle.encode(mask)
    assert text == brute_encode(mask)
    np.testing.assert_array_equal(rle.decode(text, mask.shape), mask)


@pytest.mark.parametrize("width", [1, 15, 16, 17, 31, 32, 33, 64, 100])
@pytest.mark.parametrize("height", [1, 2, 37])
def test_every_column_position(height, width):
    for x in range(width):
        mask = np.zeros((height, width), bool)
        mask[height // 2 :, x] = True
        assert rle.encode(mask) == brute_encode(mask)


def test_forms_of_the_same_mask():
    mask = np.random.default_rng(0).random((33, 50)) < 0.4
    text = brute_encode(mask)
    wide = np.zeros((66, 100), bool)
    wide[::2, ::2] = mask
    forms = [
        mask,
        mask.astype(np.uint8),
        mask.astype(np.uint8) * 255,
        mask.astype(np.int64),
        mask.astype(np.uint64) * 255,
        np.asfortranarray(mask),
        wide[::2, ::2],
        mask[::-1][::-1],
        mask.tolist(),
    ]
    assert {rle.encode(form) for form in forms} == {text}


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((2, 2, 1), bool), r"\(H, W\).*\(2, 2, 1\)"),
        (np.zeros((2, 2)), "float64"),
        (np.array([[0, 1, 2]]), "values 0, 1, 2"),
        (np.array([[0, 1, 255]]), "values 0, 1, 255"),
        (np.array([[0, 7]]), "values 0, 7"),
        (np.array([[0, -1]]), "values -1, 0"),
        (np.arange(9).reshape(3, 3), r"0, 1, 2, 3, 4, \.\.\."),
    ],
)
def test_encode_refuses(mask, message):
    with pytest.raises(ValueError, match=message):
        rle.encode(mask)


@settings(max_examples=150, deadline=None)
@given(cases.label_images(max_side=40))
def test_labels_round_trip(labels):
    texts = rle.encode_labels(labels)
    numbers = [n for n in np.unique(labels) if n]
    assert texts == [brute_encode(labels == n) for n in numbers]
    decoded = rle.decode_labels(texts, labels.shape)
    assert decoded.dtype == np.int32
    np.testing.assert_array_equal(decoded, np.searchsorted([0, *numbers], labels))


def test_many_labels_round_trip():
    labels = cases.crowd(3000, 700, radius=6, seed=1)
    texts = rle.encode_labels(labels)
    numbers = [n for n in np.unique(labels) if n]
    assert texts[::200] == [brute_encode(labels == n) for n in numbers[::200]]
    decoded = rle.decode_labels(texts, labels.shape)
    np.testing.assert_array_equal(decoded, np.searchsorted([0, *numbers], labels))


def test_labels_of_any_integer_type():
    labels = np.array([[0, 200, 3], [3, 200, 200]])
    expected = ["2 1 5 1", "3 2 6 1"]
    for dtype in (np.uint8, np.uint16, np.int64, np.uint64):
        assert rle.encode_labels(labels.astype(dtype)) == expected
    assert rle.encode_labels(np.array([[2**62, 0], [5, 5]], np.uint64)) == ["2 1 4 1", "1 1"]


def test_nothing_to_encode_or_decode():
    assert rle.encode_labels(np.zeros((3, 4), np.int32)) == []
    assert rle.encode_labels(np.zeros((0, 4), np.int32)) == []
    assert rle.encode(np.zeros((4, 0), bool)) == ""
    np.testing.assert_array_equal(rle.decode_labels([], (2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(rle.decode_labels(["", "2 1"], (2, 1)), [[0], [2]])
    assert rle.decode("", (0, 5)).shape == (0, 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1", "odd count of numbers: 1, the last start '1'"),
        ("1 2 5", "odd count of numbers: 3, the last start '5'"),
        ("a 1", "not a whole number: 'a' at position 1"),
        ("1 1 3 b", "not a whole number: 'b' at position 4"),
        ("1.0 1", "not a whole number: '1.0'"),
        ("+1 1", r"not a whole number: '\+1'"),
        ("1 1e1", "not a whole number: '1e1'"),
        ("- 1", "not a whole number: '-'"),
        ("-a 1", "not a whole number: '-a'"),
        ("1 ３", "not a whole number: '３' at position 2"),
        ("1 2\n", r"not a whole number: '2\\n'"),
        ("1\t2", r"not a whole number: '1\\t2'"),
        ("0 1", "start must be at least 1, found '0' at position 1"),
        ("-4 1", "start must be at least 1, found '-4' at position 1"),
        ("1 0", "length must be at least 1, found '0' at position 2"),
        ("1 1 3 -2", "length must be at least 1, found '-2' at position 4"),
        ("17 1", "run 1 '17 1' lies outside the image of 4x4 pixels"),
        ("1 1 16 2", "run 2 '16 2' lies outside the image of 4x4 pixels"),
        ("1 17", "run 1 '1 17' lies outside"),
        ("99999999999999999999999999 1", "run 1 '9+ 1' lies outside"),
        ("1 99999999999999999999999999", "run 1 '1 9+' lies outside"),
        ("5 1 3 1", "run 2 '3 1' begins before the run before it"),
        ("5 2 6 1", "run 2 '6 1' overlaps the run before it"),
        ("5 1 5 1", "run 2 '5 1' overlaps the run before it"),
        ("1 2 4 4 5 1", "run 3 '5 1' overlaps the run before it"),
    ],
)
def test_decode_refuses(text, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        rle.decode(text, (4, 4))
    with pytest.raises(ValueError, match=f"^rle 1: {message}"):
        rle.decode_labels(["", text, "also wrong"], (4, 4))


def test_decode_reads_touching_runs_and_spare_spaces():
    np.testing.assert_array_equal(
        rle.decode("  2 1 3   1 4 1 ", (3, 2)), [[False, True], [True, False], [True, False]]
    )
    assert rle.encode(rle.decode("1 1 2 1", (2, 2))) == "1 2"
    assert rle.decode("16 1", (4, 4))[3, 3]


def test_decode_wants_strings():
    with pytest.raises(ValueError, match=r"rle 1 must be a string, not nan .*keep_default_na"):
        rle.decode_labels(["1 1", float("nan")], (4, 4))
    with pytest.raises(ValueError, match="not one string"):
        rle.decode_labels("1 1", (4, 4))
    with pytest.raises(ValueError, match="shape must not be negative"):
        rle.decode("", (-1, 4))
    with pytest.raises(ValueError, match="overlap must be"):
        rle.decode_labels(["1 1"], (4, 4), overlap="bigger")


def test_overlap_names_both_positions_and_the_pixel():
    # Three rows: pixel 5 is row 1 of column 1.
    with pytest.raises(ValueError, match=r"rles 1 and 3 overlap at pixel \(row 1, column 1\)"):
        rle.decode_labels(["1 1", "4 2", "", "5 1"], (3, 2))


def test_smaller_object_keeps_the_pixel():
    keep = {"overlap": "smaller"}
    np.testing.assert_array_equal(
        rle.decode_labels(["1 3", "3 2"], (4, 1), **keep).T, [[1, 1, 2, 2]]
    )
    np.testing.assert_array_equal(
        rle.decode_labels(["3 2", "1 3"], (4, 1), **keep).T, [[2, 2, 1, 1]]
    )
    equal = rle.decode_labels(["2 2", "1 2"], (4, 1), **keep)
    np.testing.assert_array_equal(equal.T, [[2, 1, 1, 0]])
    np.testing.assert_array_equal(
        rle.decode_labels(["1 4", "2 3", "3 1"], (4, 1), **keep).T, [[1, 2, 3, 2]]
    )


def test_count_overlaps_counts_pixels_not_claims():
    assert rle.count_overlaps(["1 2", "3 2"], (2, 2)) == 0
    assert rle.count_overlaps(["1 4", "2 3", "3 1"], (4, 1)) == 3
    assert rle.count_overlaps([], (2, 2)) == 0
    assert rle.count_overlaps(["4 1", "4 1"], (2, 2)) == 1


@pytest.mark.parametrize(
    ("text", "pixels", "problem"),
    [
        ("2 2", [0, 1, 1, 0], None),
        ("", [0, 0, 0, 0], None),
        ("1 1 2 1", [1, 1, 0, 0], None),
        ("1\t1\n", [1, 0, 0, 0], None),
        ("1 1 3", [1, 0, 0, 0], "the last start '3' has no length and was left out"),
        ("1 x 3 1", [0, 0, 1, 0], "run 1 '1 x' is not two whole numbers and was left out"),
        ("0 2", [1, 0, 0, 0], "run 1 '0 2' was cut to the image's 4 pixels"),
        ("4 2", [0, 0, 0, 1], "run 1 '4 2' was cut to the image's 4 pixels"),
        ("5 1", [0, 0, 0, 0], "run 1 '5 1' has no pixel inside the image and was left out"),
        ("2 0", [0, 0, 0, 0], "run 1 '2 0' has no pixel inside the image and was left out"),
        ("2 -1", [0, 0, 0, 0], "run 1 '2 -1' has no pixel inside the image and was left out"),
        ("3 1 1 1", [1, 0, 1, 0], "run 2 '1 1' begins before the run before it"),
        ("1 2 2 2", [1, 1, 1, 0], "run 2 '2 2' overlaps an earlier run"),
    ],
)
def test_repair(text, pixels, problem):
    mask, problems = rle.repair(text, (2, 2))
    assert mask.dtype == bool
    assert mask.ravel(order="F").tolist() == [bool(p) for p in pixels]
    assert problems == ([] if problem is None else [problem])


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="0123456789 -x.", max_size=40))
def test_repair_agrees_with_decode_or_reports(text):
    mask, problems = rle.repair(text, (5, 4))
    try:
        strict = rle.decode(text, (5, 4))
    except ValueError:
        assert problems
    else:
        assert problems == []
        np.testing.assert_array_equal(mask, strict)


def real_shapes():
    import cv2

    with zipfile.ZipFile(REAL / "stage1_train.zip") as archive:
        for name in archive.namelist():
            if "/images/" in name and name.endswith(".png"):
                data = np.frombuffer(archive.read(name), np.uint8)
                yield name.split("/")[0], cv2.imdecode(data, cv2.IMREAD_GRAYSCALE).shape


@pytest.mark.slow
def test_the_real_table_comes_back_byte_for_byte():
    if not REAL.is_dir():
        pytest.skip(f"the competition's files are not at {REAL}")
    table = (REAL / "stage1_train_labels.csv").read_bytes()
    shapes = dict(real_shapes())
    rows = list(csv.DictReader(io.StringIO(table.decode())))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n" if b"\r\n" in table else "\n")
    writer.writerow(["ImageId", "EncodedPixels"])
    for row in rows:
        mask = rle.decode(row["EncodedPixels"], shapes[row["ImageId"]])
        writer.writerow([row["ImageId"], rle.encode(mask)])
    assert out.getvalue().encode() == table
