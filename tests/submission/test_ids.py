import pytest

from segline.base.errors import UserError
from segline.submission import classes, ids, instances


@pytest.mark.parametrize(
    ("written", "images", "found"),
    [
        (["te0.png", "te1"], ["te0", "te1"], {"te0.png": "te0", "te1": "te1"}),
        (["te0"], ["te0.png"], {"te0": "te0.png"}),
        (["TE0.TIFF", " b "], ["te0", "b"], {"TE0.TIFF": "te0", " b ": "b"}),
        (["A.png", "a.png"], ["a", "A"], {"A.png": "A", "a.png": "a"}),  # the nearest spelling
        (["AB.png"], ["ab", "Ab"], {}),  # which of the two?
        (["a.png", "a.tif"], ["a.png", "a.tif"], {"a.png": "a.png", "a.tif": "a.tif"}),
        (["7", "007.png"], ["007", "7"], {"7": "7", "007.png": "007"}),
        (["scan.v1.webp", "scan.v1"], ["scan.v1", "scan.v1.webp"], None),
        (["z"], ["a"], {}),
    ],
)
def test_the_nearest_spelling_counts(written, images, found):
    if found is None:
        found = {name: name for name in written}
    assert ids.matched(written, images, "s.csv") == found


@pytest.mark.parametrize("twin", ["a.tif", "A.png", "a"])
def test_two_spellings_of_one_image_are_refused(twin):
    with pytest.raises(UserError) as caught:
        ids.matched(["a.png", "b", twin], ["a", "b"], "s.csv")
    said = str(caught.value)
    assert said == f"s.csv: a.png and {twin} mean one image, a; spell its id in one way"


def test_ids_without_image_are_refused_with_both_counts():
    with pytest.raises(UserError) as caught:
        ids.all_matched(["a.png", "y", "z"], ["a", "b", "c"], "s.csv")
    assert str(caught.value) == (
        "s.csv: 2 of 3 ids have no test image, first y, and 2 of 3 test images have no row, first b; "
        "give the test images of these ids, or take the rows out"
    )
    assert ids.all_matched(["a.png"], ["a", "b"], "s.csv") == {"a.png": "a"}


def csv(path, header, *rows):
    path.write_text("\n".join((header, *rows)) + "\n")
    return path


@pytest.mark.parametrize(
    ("solved", "submitted"), [("a.png", "a"), ("a", "a.png"), ("A.tif", "a.png")]
)
def test_a_solution_and_a_submission_may_spell_ids_differently(tmp_path, solved, submitted):
    head = "ImageId,EncodedPixels,Height,Width,Usage"
    rows = (f"{solved},1 2,4,4,Public", f"{solved},9 4,4,4,Public", "b.png,1 1,4,4,Ignored")
    solution = csv(tmp_path / "y.csv", head, *rows)
    mine = csv(
        tmp_path / "s.csv", "ImageId,EncodedPixels", f"{submitted},1 2", f"{submitted},9 4", "b,1 1"
    )
    result = instances.score(mine, solution)
    assert (result["mean"], result["per_image"]) == (1, {solved: 1})
    twins = csv(tmp_path / "t.csv", "ImageId,EncodedPixels", "a,1 2", "a.gif,9 4")
    with pytest.raises(UserError, match="t.csv: a and a.gif mean one image"):
        instances.score(twins, solution)


def test_class_masks_are_scored_so_too(tmp_path):
    head = "ImageId,ClassId,EncodedPixels"
    solution = csv(tmp_path / "y.csv", head + ",Height,Width,Usage", "a.png,1,1 2,4,4,Public")
    mine = csv(tmp_path / "s.csv", head, "A,1,1 2")
    assert classes.scored(mine, solution)["per_image"] == {"a.png": 1}
    with pytest.raises(UserError, match="image a.png, class 1"):
        classes.scored(csv(tmp_path / "z.csv", head, "z,1,1 2"), solution)


@pytest.mark.parametrize("spelt", [" a", "a ", "\ta"])
def test_white_space_around_an_id_is_refused_as_where_it_is_validated(tmp_path, spelt):
    for head, row in (("ImageId,EncodedPixels", "1 2"), ("ImageId,ClassId,EncodedPixels", "1,1 2")):
        solution = csv(tmp_path / "y.csv", head + ",Height,Width,Usage", f"a,{row},4,4,Public")
        sample, mine = csv(tmp_path / "x.csv", head, f"a,{row}"), tmp_path / "s.csv"
        csv(mine, head, f"{spelt},{row}")
        module = classes if "ClassId" in head else instances
        with pytest.raises(UserError, match="first .*a") as validated:
            module.checked(mine, sample)
        with pytest.raises(UserError, match="first .*a") as scored:
            classes.scored(mine, solution)
        assert str(scored.value) == str(validated.value)
