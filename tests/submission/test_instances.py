import numpy as np
import pytest

from segline.base.errors import UserError
from segline.submission import instances

SAMPLE = ["b", "a"]
SHAPES = {"a": (3, 2), "b": (2, 2)}


def written(tmp_path, text):
    path = tmp_path / "s.csv"
    path.write_text("ImageId,EncodedPixels\n" + text)
    return path


def check(tmp_path, text, shapes=SHAPES):
    path = written(tmp_path, text)
    return instances.check(instances.read(path), SAMPLE, path, shapes)


def test_rows_follow_the_images_and_an_empty_image_has_the_samples_pixel():
    labels = np.array([[1, 0], [1, 2], [0, 2]])
    rows = instances.table([("b", np.zeros((2, 2), int)), ("a", labels)])
    assert rows.to_numpy().tolist() == [["b", "1 1"], ["a", "1 2"], ["a", "5 2"]]


def test_a_good_submission_passes(tmp_path):
    assert check(tmp_path, "b,1 1\na,1 2\na,5 2\n") == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("b,1 1\n", "1 of 2 images are missing, first a"),
        ("b,1 1\na,1 1\nc,1 1\n", "1 image ids do not belong to the set, first c"),
        ("a,1 1\nb,1 1\n", "not in the sample's order, first a"),
        ("b,1 1\na,\n", "image a has an empty row; write '1 1' there"),
        ("b,1 1\na,1 2\na,2 2\n", "image a: .*overlap"),
        ("b,4 2\na,1 1\n", "image b: "),
        ("b,x 1\na,1 1\n", "image b: "),
    ],
)
def test_a_fault_is_named_with_file_and_image(tmp_path, text, message):
    with pytest.raises(UserError, match=message) as caught:
        check(tmp_path, text)
    assert str(tmp_path / "s.csv") in str(caught.value)


@pytest.mark.parametrize(
    "text", ["b,1 1\na,1 2\na,2 2\n", "b,3 1 1 1\na,1 1\n", "b,1 1 2\na,1 1\n"]
)
def test_without_sizes_order_and_overlap_are_still_checked(tmp_path, text):
    with pytest.raises(UserError, match="image"):
        check(tmp_path, text, shapes=None)
    assert check(tmp_path, "b,1 1\na,1 200000\n", shapes=None) == 2


def test_ignored_images_of_a_solution_do_not_count(tmp_path):
    path = tmp_path / "y.csv"
    path.write_text(
        "ImageId,EncodedPixels,Height,Width,Usage\na,1 2,3,2,Public\na,5 1,3,2,Public\n"
        "b,1 1,2,2,Ignored\nc,,4,5,Private\n"
    )
    truth, ignored = instances.read_solution(path)
    assert truth == {"a": ((3, 2), ["1 2", "5 1"]), "c": ((4, 5), [])}
    assert ignored == {"b"}


def test_a_size_that_is_no_number_is_named(tmp_path):
    path = tmp_path / "y.csv"
    path.write_text("ImageId,EncodedPixels,Height,Width,Usage\na,1 2,three,2,Public\n")
    with pytest.raises(UserError, match="image a: Height and Width .* found 'three' and '2'"):
        instances.read_solution(path)
