import numpy as np
import pytest

from segline.base.errors import UserError
from segline.masks import rle
from segline.metrics import semantic
from segline.submission import classes

HEAD = "ImageId,ClassId,EncodedPixels"
SIDES = (7, 9)


def csv(path, header, rows):
    path.write_text("\n".join((header, *(",".join(map(str, row)) for row in rows))) + "\n")
    return path


def test_scores_are_those_of_painted_masks(tmp_path):
    rng = np.random.default_rng(0)
    masks = {(image, c): rng.random((2, *SIDES)) < 0.3 for image in "ab" for c in (1, 2)}
    masks["b", 2][:] = False
    sizes = (*SIDES, "Public")
    rows = [(*key, rle.encode(true), *sizes) for key, (true, _) in masks.items()]
    solution = csv(tmp_path / "y.csv", HEAD + ",Height,Width,Usage", rows)
    mine = csv(
        tmp_path / "s.csv", HEAD, [(*key, rle.encode(pred)) for key, (_, pred) in masks.items()]
    )
    result = classes.scored(mine, solution)
    counts = np.array([semantic.confusion(*pair, n_classes=2) for pair in masks.values()])
    assert result["mean"] == pytest.approx(semantic.dice(counts)[:, 1].mean(), abs=0)
    assert result["iou"] == pytest.approx(semantic.iou(counts)[:, 1].mean(), abs=0)
    pooled = semantic.iou(counts[1::2].sum(axis=0))[1]
    assert result["per_class"]["2"]["pooled_iou"] == pytest.approx(pooled, abs=0)


@pytest.mark.parametrize("number", ["²", "0", "-1", "1_0", "9" * 5000, "x", ""])
def test_a_class_is_a_whole_number(tmp_path, number):
    path = csv(tmp_path / "s.csv", HEAD, [("a", number, "1 1")])
    with pytest.raises(UserError, match="image a: ClassId must be a whole number from 1") as caught:
        classes.read(path)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a", 1, "")], "1 of 2 rows are missing, first image a, class 2; every image and class needs"),
        ([("a", 1, ""), ("a", 2, ""), ("b", 1, "")], "1 rows do not belong .* first image b, class 1"),
        ([("a", 1, "1 1"), ("a", 2, "1 5 7")], "image a, class 2: odd count of numbers: 3"),
        ([("a", 1, "64 1"), ("a", 2, "")], "image a, class 1: run 1 '64 1' lies outside .* of 7x9"),
    ],
)  # fmt: skip
def test_faults_name_image_and_class(tmp_path, rows, said):
    sample = csv(tmp_path / "sample.csv", HEAD, [("a", 1, ""), ("a", 2, "")])
    path = csv(tmp_path / "s.csv", HEAD, rows)
    with pytest.raises(UserError, match=f"s.csv: .*{said}"):
        classes.check(path, sample, {"a": SIDES})


def test_the_solution_says_whether_rows_are_objects(tmp_path):
    """A submission that had an image and class twice was scored as objects."""
    once, twice = [("a", 1, "1 2")], [("a", 1, "1 2"), ("a", 1, "9 4")]
    truth = {}
    for name, rows in (("masks", once), ("objects", twice)):
        sized = [(*row, *SIDES, "Public") for row in rows]
        truth[name] = csv(tmp_path / f"{name}.csv", HEAD + ",Height,Width,Usage", sized)
    one, two = csv(tmp_path / "one.csv", HEAD, once), csv(tmp_path / "two.csv", HEAD, twice)
    with pytest.raises(UserError, match=r"two.csv: image a, class 1 has two rows; join them"):
        classes.scored(two, truth["masks"])
    assert classes.scored(one, truth["masks"])["dice"] == 1
    assert classes.scored(two, truth["objects"])["per_class"] == {"1": {"mAP": 1}}
    assert classes.scored(one, truth["objects"])["mean"] == 0.5
