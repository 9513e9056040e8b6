import numpy as np
import pytest

from segline.data.label_checks import odd_objects


def picture(*rows):
    return np.array([[int(c) for c in row.replace(".", "0")] for row in rows], np.int32)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (picture("....", "...."), []),
        (picture("111.", "111."), []),
        (
            picture("111.", "1.1.", "111."),
            [("object with holes", "object 1: 1 px of holes in 8 px")],
        ),
        (picture("111", "121", "111"), []),  # filled by another object
        (picture("1111", "1.21", "1111"), []),  # the gap is nobody's alone
        (picture("111", "1.1", "1.1"), []),  # open to the image's edge
        (picture("1..", ".1.", "..1"), []),  # corners connect
        (picture("1.1.", "1.1."), [("object in several pieces", "object 1: 2 pieces, 4 px")]),
        (picture("11.2", "11.2"), []),
    ],
)
def test_holes_and_pieces(labels, expected):
    assert odd_objects(labels, tiny_px=1) == expected


def test_tiny_objects_are_below_the_limit():
    labels = picture("111.22", "111..2")
    assert odd_objects(labels, tiny_px=4) == [("tiny object", "object 2: 3 px")]
    assert odd_objects(labels, tiny_px=3) == []


def test_missing_numbers_are_nothing():
    assert odd_objects(picture("33.5"), tiny_px=1) == []
