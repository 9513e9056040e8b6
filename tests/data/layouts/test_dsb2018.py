import shutil
import zipfile

import cv2
import numpy as np
import pytest

from segline.base import files
from segline.base.errors import UserError
from segline.data.layouts import Key, open_raw
from segline.data.layouts.dsb2018 import LABELS
from segline.masks import rle

SHAPE = (6, 8)
IMAGE = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
SQUARE = np.zeros(SHAPE, bool)
SQUARE[1:4, 1:4] = True
CORNER = np.zeros(SHAPE, bool)
CORNER[3:5, 3:5] = True  # shares the pixel (3, 3) with SQUARE and is smaller


def png(image):
    return cv2.imencode(".png", image)[1].tobytes()


def mask(inside):
    return png(inside.astype(np.uint8) * 255)


@pytest.fixture
def raw(tmp_path):
    """A raw folder of unpacked files: training image a with two masks, test image t."""
    write(tmp_path, "stage1_train/a/images/a.png", png(IMAGE))
    write(tmp_path, "stage1_train/a/masks/1.png", mask(SQUARE))
    write(tmp_path, "stage1_train/a/masks/2.png", mask(CORNER))
    write(tmp_path, "stage1_test/t/images/t.png", png(IMAGE))
    write_rles(tmp_path, [("a", rle.encode(SQUARE)), ("a", rle.encode(CORNER))])
    return tmp_path


def write(raw, name, data):
    (raw / name).parent.mkdir(parents=True, exist_ok=True)
    (raw / name).write_bytes(data)


def write_rles(raw, rows):
    lines = ["ImageId,EncodedPixels", *(f"{name},{code}" for name, code in rows)]
    (raw / LABELS).write_text("\n".join(lines) + "\n")


def load(raw, image_id="a", split="train"):
    return open_raw("dsb2018", raw).load(Key(split, image_id))


def kinds(record):
    return [problem.kind for problem in record.problems]


def test_rle_rows_become_labels_and_the_smaller_object_keeps_the_pixel(raw):
    record = load(raw)
    assert record.labels.tolist() == [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0, 0, 0, 0],
        [0, 1, 1, 1, 0, 0, 0, 0],
        [0, 1, 1, 2, 2, 0, 0, 0],
        [0, 0, 0, 2, 2, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ]
    assert record.labels.dtype == np.int32
    assert (record.image == IMAGE[..., ::-1]).all()  # OpenCV wrote B, G, R
    assert record.problems == [("a", "overlapping masks", "1 px, given to the smaller object")]


def test_test_images_have_no_labels_and_their_bytes_are_unchanged(raw):
    record = load(raw, "t", "test")
    assert record.labels is None
    assert record.data == (raw / "stage1_test/t/images/t.png").read_bytes()
    assert open_raw("dsb2018", raw).keys() == [Key("train", "a"), Key("test", "t")]


@pytest.mark.parametrize("prefix", ["", "stage1_train/"])
def test_zip_and_folder_read_alike(raw, tmp_path_factory, prefix):
    zipped = tmp_path_factory.mktemp("zipped")
    shutil.copy(raw / LABELS, zipped)
    for name in ("stage1_train", "stage1_test"):
        with zipfile.ZipFile(zipped / f"{name}.zip", "w") as archive:
            archive.writestr("__MACOSX/a/images/._a.png", b"")
            for path in sorted((raw / name).rglob("*.png")):
                archive.write(path, prefix + path.relative_to(raw / name).as_posix())
    ours, theirs = load(raw), load(zipped)
    assert ours.data == theirs.data
    assert (ours.labels == theirs.labels).all()
    assert ours.problems == theirs.problems
    assert open_raw("dsb2018", zipped).keys() == open_raw("dsb2018", raw).keys()


def test_differences_between_csv_and_png_are_listed_and_the_csv_holds(raw):
    moved = np.roll(CORNER, 2, axis=1)
    write(raw, "stage1_train/a/masks/2.png", mask(moved))
    record = load(raw)
    assert (record.labels == 2).sum() == 4
    assert (record.labels[CORNER] == 2).all()
    assert record.problems[:2] == [
        ("a", "CSV and PNG masks differ", "2.png (4 px) is not in the CSV"),
        ("a", "CSV and PNG masks differ", "the mask of 4 px at 22 has no PNG"),
    ]


def test_another_spelling_of_the_same_mask_is_no_difference(raw):
    write_rles(raw, [("a", "8 1 9 2 14 3 20 3"), ("a", rle.encode(CORNER))])
    assert kinds(load(raw)) == ["overlapping masks"]


def test_masks_stand_in_where_the_csv_lacks_the_image(raw):
    write_rles(raw, [])
    record = load(raw)
    assert record.labels.max() == 2
    assert record.problems[0] == ("a", "not in the label CSV", "2 PNG masks are used")


def test_an_invalid_rle_is_listed_with_the_codecs_words_and_left_out(raw):
    write_rles(raw, [("a", "8 x"), ("a", rle.encode(CORNER)), ("a", "48 2")])
    shutil.rmtree(raw / "stage1_train/a/masks")
    record = load(raw)
    assert record.labels.max() == 1
    assert [problem[1:] for problem in record.problems] == [
        ("invalid RLE", "row 1 of the image: not a whole number: 'x' at position 2"),
        ("invalid RLE", "row 3 of the image: run 1 '48 2' lies outside the image of 6x8 pixels"),
    ]


def test_an_empty_row_means_no_object(raw):
    write_rles(raw, [("a", "")])
    shutil.rmtree(raw / "stage1_train/a/masks")
    assert load(raw).labels.max() == 0


def test_a_mask_that_others_cover_is_listed(raw):
    write_rles(raw, [("a", rle.encode(CORNER)), ("a", rle.encode(CORNER))])
    shutil.rmtree(raw / "stage1_train/a/masks")
    record = load(raw)
    assert record.labels.max() == 1
    assert kinds(record) == ["overlapping masks", "mask hidden by others"]


def test_broken_files_are_listed(raw):
    write(raw, "stage1_train/a/masks/3.png", b"no image")
    write(raw, "stage1_train/a/masks/4.png", mask(np.ones((3, 3), bool)))
    details = [p.detail for p in load(raw).problems if p.kind == "mask unreadable"]
    assert details == ["3.png: not a readable image", "4.png: 3x3, the image is 6x8"]
    write(raw, "stage1_train/a/images/a.png", b"no image")
    record = load(raw)
    assert record.image is None
    assert kinds(record) == ["image unreadable"]


def test_rows_without_image_are_listed(raw):
    write_rles(raw, [("a", rle.encode(SQUARE)), ("ghost", "1 1"), ("ghost", "3 1")])
    problems = open_raw("dsb2018", raw).problems
    assert problems == [("ghost", "labels without image", f"2 rows in {LABELS}")]


def test_without_the_csv_the_masks_are_the_truth(raw):
    with_csv = load(raw)
    (raw / LABELS).unlink()
    record = load(raw)
    assert record.labels.tolist() == with_csv.labels.tolist()
    assert kinds(record) == ["overlapping masks"]


def test_neither_csv_nor_masks_is_refused(raw):
    (raw / LABELS).unlink()
    shutil.rmtree(raw / "stage1_train/a/masks")
    with pytest.raises(UserError, match=f"neither {LABELS} nor masks; supply with"):
        open_raw("dsb2018", raw)


def test_missing_files_are_named_with_the_commands_that_supply_them(tmp_path):
    with pytest.raises(UserError) as error:
        open_raw("dsb2018", tmp_path)
    for words in (
        str(tmp_path),
        "stage1_train.zip, stage1_test.zip",
        "make download`",
        "make download source=kaggle`",
        "make data raw=DIR`",
    ):
        assert words in str(error.value)


def test_a_broken_zip_and_an_empty_folder_are_one_line(raw):
    shutil.rmtree(raw / "stage1_test")
    (raw / "stage1_test.zip").write_bytes(b"PK half a download")
    with pytest.raises(UserError, match=r"stage1_test.zip: .*complete"):
        open_raw("dsb2018", raw)
    (raw / "stage1_test").mkdir()
    with pytest.raises(UserError, match="stage1_test: no <id>/images"):
        open_raw("dsb2018", raw)


def test_unknown_source_is_refused(tmp_path):
    with pytest.raises(UserError, match="'dsb2019' is not known; known are dsb2018"):
        open_raw("dsb2019", tmp_path)


def test_label_csv_without_the_columns_is_refused(raw):
    files.write_text(raw / LABELS, "a,b\n1,2\n")
    with pytest.raises(UserError, match="expected the columns ImageId,EncodedPixels"):
        open_raw("dsb2018", raw)
