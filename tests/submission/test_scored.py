"""Submissions in competitions' own ways, scored by their metrics: by hand."""

import numpy as np
import pytest

from segline.base import files
from segline.base.errors import UserError
from segline.config.tables.built_in import built_in
from segline.config.tables.dialect import Dialect
from segline.masks import codecs
from segline.stages import score as stage
from segline.submission import scored

AIRBUS = "ImageId,EncodedPixels\nb.jpg,\na.jpg,1 4 11 3\na.jpg,99 2\n"
AIRBUS_TRUE = "ImageId,EncodedPixels\na.jpg,1 4 11 4\na.jpg,55 3 65 3\nb.jpg,\n"
SEVERSTAL = "ImageId_ClassId,EncodedPixels\na.jpg_1,1 2\n" + "".join(
    f"{image}.jpg_{number},\n"
    for image in "ab"
    for number in range(1, 5)
    if image + f"{number}" != "a1"
)
SEVERSTAL_TRUE = (
    "ImageId,ClassId,EncodedPixels,Height,Width\na.jpg,1,1 4,10,10\na.jpg,3,21 4,10,10\n"
)


def dialect(name, **changes):
    return Dialect.model_validate(built_in(name) | changes)


@pytest.fixture
def figures(tmp_path):
    def of(name, submission, solution, shapes=None, /, **changes):
        paths = tmp_path / "s.csv", tmp_path / "y.csv"
        for path, text in zip(paths, (submission, solution), strict=True):
            path.write_text(text)
        return scored.score(*paths, dialect(name, **changes), shapes)

    return of


def test_objects_by_f2(figures):
    """One of two ships has IoU 7/8, which passes .50 to .85, the other is missed; one is false."""
    found = figures("airbus-ship-detection", AIRBUS, AIRBUS_TRUE, dict.fromkeys("ab", (10, 10)))
    assert found["per_image"] == {"a": pytest.approx(8 / 10 * 5 / (5 + 4 + 1)), "b": 1}
    assert found["mean"] == pytest.approx(0.7)
    assert (found["metric"], found["empty_mean"], found["n_images"]) == ("f2_iou", 0.5, 2)


def test_an_id_is_spelt_as_the_solution_has_it(figures):
    sent = AIRBUS.replace("b.jpg", "b")
    with pytest.raises(UserError, match="s.csv: image b is spelt b.jpg in .*y.csv; spell it so"):
        figures("airbus-ship-detection", sent, AIRBUS_TRUE, dict.fromkeys("ab", (10, 10)))


def test_class_rows_where_images_without_defect_have_no_row(figures):
    found = figures("severstal-steel-defect-detection", SEVERSTAL, SEVERSTAL_TRUE)
    assert found["per_image"] == {"a": pytest.approx((4 / 6 + 1 + 0 + 1) / 4), "b": 1}
    assert found["per_class"]["defect_1"] == pytest.approx((4 / 6 + 1) / 2)
    assert found["mean"] == pytest.approx((8 / 3 / 4 + 1) / 2)
    assert found["empty_mean"] == pytest.approx(6 / 8)


def test_all_pixels_together(figures):
    true = "record_id,encoded_pixels,height,width\n1,1 10 21 10,256,256\n2,-,256,256\n"
    sent = "record_id,encoded_pixels\n1,1 10\n2,40 5\n"
    name = "google-research-identify-contrails-reduce-global-warming"
    found = figures(name, sent, true)
    assert found["mean"] == pytest.approx(2 * 10 / (20 + 15))
    assert found["empty_mean"] == 0
    assert "per_image" not in found


def test_ignored_images_do_not_count_and_need_no_row(figures):
    true = "id,rle_mask,Height,Width,Usage\na,1 4,4,4,Public\nb,1 1,4,4,Ignored\n"
    for sent in ("id,rle_mask\na,1 4\n", "id,rle_mask\nb,\na,1 4\n"):
        found = figures("tgs-salt-identification-challenge", sent, true)
        assert (found["mean"], found["n_images"], found["per_image"]) == (1, 1, {"a": 1})


def test_the_solution_may_have_the_images_size_where_the_submission_has_another(figures):
    """A mask of 20 x 30 at 10 x 15: columns 0 to 9 become 0 to 4."""
    whole = np.zeros((20, 30), bool)
    whole[:, :10] = True
    way = dialect("understanding_cloud_organization")
    header, empty = "Image_Label,EncodedPixels\n", "a.jpg_Flower,\na.jpg_Gravel,\na.jpg_Sugar,\n"
    large = header + f"a.jpg_Fish,{codecs.encode(whole, way)}\n" + empty
    small = header + f"a.jpg_Fish,{codecs.encode(whole[:10, :5], way)}\n" + empty
    for true in (large, small):
        found = figures(
            "understanding_cloud_organization", small, true, {"a": (20, 30)}, size=[10, 15]
        )
        assert found["mean"] == 1


def test_slices_of_a_case_and_day_are_scored_as_a_volume(figures):
    ids = [f"case1_day{day}_slice_000{number}" for day in (0, 1) for number in (1, 2)]
    organs = ("large_bowel", "small_bowel", "stomach")
    true = "id,class,segmentation\n"
    sent = "id,class,predicted\n"
    for image_id in ids:
        for organ in organs:
            is_there = organ == "stomach" and image_id == ids[0]
            true += f"{image_id},{organ},{'1 1' if is_there else ''}\n"
            sent += f"{image_id},{organ},{'1 1' if is_there else ''}\n"
    shapes = dict.fromkeys(ids, (4, 4))
    name = "uw-madison-gi-tract-image-segmentation"
    assert figures(name, sent, true, shapes)["mean"] == pytest.approx(1)
    moved = sent.replace("stomach,1 1", "stomach,4 1")  # by rows: three columns to the right
    expected = 0.4 * 0 + 0.6 * (1 - 3 / 4 / 3**0.5)
    assert figures(name, moved, true, shapes)["mean"] == pytest.approx(expected)


def test_confidences_rank_objects_of_all_images(figures):
    """Two vessels are found, and a false one; how sure that is decides how much it costs."""
    name, shape = "hubmap-hacking-the-human-vasculature", (8, 8)
    masks = np.zeros((3, *shape), bool)
    masks[0, :3, :3] = masks[1, 5:, 5:] = masks[2, 0, 6:] = True
    texts = [codecs.encode(mask, dialect(name).written_coding) for mask in masks]
    true = f"id,height,width,prediction_string\na,8,8,0 1.0 {texts[0]} 0 1.0 {texts[1]}\nb,8,8,\n"
    for confidence, area in (("0.1", 1.0), ("0.95", 2 / 3), ("0.8", 1 / 2 + 1 / 2 * 2 / 3)):
        sent = (
            f"id,height,width,prediction_string\na,8,8,0 0.9 {texts[0]} 0 0.7 {texts[1]}\n"
            f"b,8,8,0 {confidence} {texts[2]}\n"
        )
        assert figures(name, sent, true)["mean"] == pytest.approx(area)


@pytest.mark.parametrize(
    ("sent", "true", "said"),
    [
        (AIRBUS.replace("b.jpg,\n", ""), AIRBUS_TRUE, "1 of 2 rows are missing, first image b"),
        (AIRBUS + "c.jpg,\n", AIRBUS_TRUE, "1 rows do not belong to the set, first image c"),
        (AIRBUS.replace("99 2", "99 3"), AIRBUS_TRUE, "s.csv: image a: .*ends 1 px beyond"),
        (AIRBUS.replace("99 2", "1 2"), AIRBUS_TRUE, "s.csv: image a: .*overlap"),
        (AIRBUS, AIRBUS_TRUE.replace("1 4 11", "1 4 110"), "y.csv: image a: .*beyond"),
        (AIRBUS, AIRBUS_TRUE + "z.jpg,1 1\n", "y.csv: the size of image z is not known"),
        (AIRBUS, AIRBUS_TRUE.replace("EncodedPixels", "x"), "y.csv: no column EncodedPixels"),
        (AIRBUS, "ImageId,EncodedPixels\n", "y.csv: no image that counts"),
    ],
)
def test_faults_name_the_file_and_the_image(figures, sent, true, said):
    with pytest.raises(UserError, match=said):
        figures("airbus-ship-detection", sent, true, dict.fromkeys("ab", (10, 10)))


def test_the_command_names_the_metric(tmp_path, capsys):
    sent, true, out = tmp_path / "s.csv", tmp_path / "y.csv", tmp_path / "o.json"
    sent.write_text(SEVERSTAL)
    true.write_text(SEVERSTAL_TRUE)
    stage.run(sent, true, out, dialect="severstal-steel-defect-detection")
    said = capsys.readouterr().out.replace("\n", " ")
    assert "mean Dice 0.8333 on 2 images" in said
    assert "without any mask it would be 0.7500" in said
    assert files.read_json(out)["mean"] == pytest.approx(5 / 6)
    config = tmp_path / "mine.toml"
    config.write_text('[data]\ndataset = "x"\ndialect = "severstal-steel-defect-detection"\n')
    stage.run(sent, true, dialect=str(config))
    assert "mean Dice 0.8333" in capsys.readouterr().out.replace("\n", " ")
    with pytest.raises(UserError, match="no dialect 'severstal'.*did you mean severstal-steel"):
        stage.run(sent, true, dialect="severstal")


OF_OBJECTS = {
    "classes": ("cell", "bubble", "dust"),
    "scored": ("cell", "bubble"),
    "columns": [{"id": "ImageId", "class_column": "LabelId", "mask": "EncodedPixels"}],
    "ending": "",
}
CLASSED = "ImageId,LabelId,EncodedPixels\na,cell,1 4\na,bubble,11 4\na,cell,21 4\nb,,\n"
CLASSED_TRUE = "ImageId,LabelId,EncodedPixels\na,cell,1 4\na,cell,11 4\na,dust,31 9\nb,,\n"


def test_classes_of_objects_are_scored_apart(figures):
    """Cells: one right, one missed, one false; a bubble is false; dust does not count."""
    shapes = dict.fromkeys("ab", (10, 10))
    name = "sartorius-cell-instance-segmentation"
    usual = {"submission": (), **OF_OBJECTS}
    found = figures(name, CLASSED, CLASSED_TRUE, shapes, **usual)
    assert found["per_class"] == {"cell": pytest.approx(1 / 3), "bubble": 0}
    assert found["mean"] == pytest.approx(1 / 6)
    assert found["per_image"] == {"a": pytest.approx(1 / 6), "b": 1}
    assert found["empty_mean"] == 0
    ranked = figures(name, CLASSED, CLASSED_TRUE, shapes, **usual, metric="ap_iou")
    assert ranked["mean"] == pytest.approx(1 / 4)  # 1/2 * 1/2; no bubble is true anywhere


def test_a_class_of_objects_that_is_not_told_counts_for_any(figures):
    submission = "id,predicted\na,1 4\na,11 4\na,21 4\nb,\n"
    told = {"submission": [{"id": "id", "mask": "predicted"}], **OF_OBJECTS, "order": "columns"}
    shapes = dict.fromkeys("ab", (10, 10))
    found = figures(
        "sartorius-cell-instance-segmentation", submission, CLASSED_TRUE, shapes, **told
    )
    assert found["per_image"] == {"a": pytest.approx(2 / 3), "b": 1}
    assert found["empty_mean"] == 0.5
