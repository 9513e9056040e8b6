import tracemalloc

import numpy as np
import pytest

from segline.base.errors import UserError
from segline.submission import classes, instances, rows

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


HEAD = "ImageId,EncodedPixels,Height,Width,Usage\n"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,1 2,1000000,1000000,Public", "an image of 1000000x1000000 pixels is larger than 2.30"),
        ("a,1 2,²,2,Public", "Height and Width must be whole numbers, found '²' and '2'"),
        ("a,1 2,1_0,2,Public", "must be whole numbers, found '1_0' and '2'"),
        ("a,1 2,-3,2,Public", "must be whole numbers, found '-3' and '2'"),
        (f"a,1 2,{'9' * 5000},2,Public", r"found '9{24}\.\.\.' \(5000 characters\) and '2'"),
    ],
)
def test_sizes_that_no_image_has_are_refused_before_anything_is_made(tmp_path, row, said):
    path = tmp_path / "y.csv"
    path.write_text(HEAD + row + "\n")
    with pytest.raises(UserError, match=f"y.csv: image a: .*{said}") as caught:
        instances.score(written(tmp_path, "a,1 2\n"), path)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 99999999999999", "lies outside the image of 32768x32768 pixels"),
        ("1 5 7", "odd count of numbers: 3"),
        ("1 ²", "not a whole number: '²' at position 2"),
        ("1 " + "9" * 5000, r"run 1 '1 9+\.\.\.' \(5002 characters\) lies outside"),
    ],
)
def test_a_large_image_is_scored_and_checked_without_being_painted(tmp_path, code, said):
    """Its labels would take four gigabytes."""
    solution = tmp_path / "y.csv"
    solution.write_text(HEAD + "a,1 5,32768,32768,Public\na,1073741820 5,32768,32768,Public\n")
    tracemalloc.start()
    try:
        good = written(tmp_path, "a,1 5\na,1073741820 5\n")
        assert instances.score(good, solution)["mean"] == 1
        instances.check(instances.read(good), ["a"], good, {"a": (32768, 32768)})
        bad = written(tmp_path, f"a,{code}\n")
        with pytest.raises(UserError, match=f"s.csv: image a: .*{said}"):
            instances.score(bad, solution)
        with pytest.raises(UserError, match="s.csv: image a: "):
            instances.check(instances.read(bad), ["a"], bad, None)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def test_true_objects_that_overlap_are_scored_as_painted(tmp_path):
    """The smaller keeps the pixel: 1 3 becomes 1 2, and both are found."""
    solution = tmp_path / "y.csv"
    solution.write_text(HEAD + "a,1 3,2,2,Public\na,3 2,2,2,Public\n")
    assert instances.score(written(tmp_path, "a,1 2\na,3 2\n"), solution)["mean"] == 1
    with pytest.raises(UserError, match="s.csv: image a: rles 0 and 1 overlap at pixel"):
        instances.score(written(tmp_path, "a,1 3\na,3 2\n"), solution)


def test_a_folder_for_a_file_is_one_line(tmp_path):
    good, folder = written(tmp_path, "a,1 1\n"), tmp_path / "folder.csv"
    folder.mkdir()
    for submission, solution in ((good, folder), (folder, good)):
        with pytest.raises(UserError, match="folder.csv: not a readable CSV") as caught:
            classes.scored(submission, solution)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="folder.csv: not a readable CSV"):
        instances.checked(folder, good)
    with pytest.raises(UserError, match="folder.csv: not a readable CSV"):
        instances.checked(good, folder)
    lines = tmp_path / "polygons.jsonl"
    lines.mkdir()
    with pytest.raises(UserError, match="polygons.jsonl: not readable"):
        rows.read(lines)


def test_many_images_are_compared_at_once(tmp_path):
    """Ids were once looked up in a set made anew for each: 40,000 images took an hour."""
    ids = [f"i{n}" for n in range(40_000)]
    instances.check_ids(ids, ids, tmp_path / "s.csv")
    with pytest.raises(UserError, match="1 of 40001 images are missing, first z"):
        instances.check_ids(ids, [*ids, "z"], tmp_path / "s.csv")


@pytest.mark.parametrize("usage", [" Ignored ", "ignored", "", "public"])
def test_an_unknown_usage_is_one_line(tmp_path, usage):
    path = tmp_path / "y.csv"
    path.write_text(f"{HEAD}a,1 1,4,4,Private\nb,1 1,4,4,{usage}\n")
    said = f"y.csv, line 3: expected a Usage of Public, Private, Ignored, found '{usage}'"
    with pytest.raises(UserError, match=said):
        instances.read_solution(path)
