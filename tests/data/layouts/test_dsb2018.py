import io
import shutil
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image

from segline.base import files
from segline.base.errors import UserError
from segline.data.layouts import Fault, Key, Reading, open_raw
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


def test_an_invalid_rle_is_a_fault_with_the_codecs_words(raw):
    write_rles(raw, [("a", "8 x"), ("a", rle.encode(CORNER)), ("a", "48 2")])
    shutil.rmtree(raw / "stage1_train/a/masks")
    record = load(raw)
    assert record.image is record.labels is None
    assert all(isinstance(problem, Fault) for problem in record.problems)
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
    assert details == [
        "a/masks/3.png: not a readable image",
        "a/masks/4.png: 3x3, the image is 6x8",
    ]
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


# --- what masks and archives may be ---------------------------------------------------------------


def alpha_only(inside):
    return png(np.dstack([np.zeros((*inside.shape, 3), np.uint8), inside.astype(np.uint8) * 255]))


@pytest.mark.parametrize(
    "write",
    [
        lambda inside: png(inside.astype(np.uint16)),
        lambda inside: png(inside.astype(np.uint16) * 65535),
        lambda inside: png(inside.astype(np.uint8)),
        lambda inside: cv2.imencode(".tif", inside.astype(np.uint16) * 255)[1].tobytes(),
        lambda inside: cv2.imencode(".bmp", inside.astype(np.uint8) * 255)[1].tobytes(),
        alpha_only,
    ],
)
def test_a_mask_is_its_object_however_it_was_saved(raw, write):
    (raw / LABELS).unlink()
    shutil.rmtree(raw / "stage1_train/a/masks")
    write_masks(raw, write(SQUARE), write(np.roll(CORNER, 2, axis=1)))
    record = load(raw)
    assert record.problems == []
    assert ((record.labels == 1) == SQUARE).all()
    assert record.labels.max() == 2


def write_masks(raw, *masks):
    for number, data in enumerate(masks, 1):
        write(raw, f"stage1_train/a/masks/{number}.png", data)


def test_one_label_image_for_all_nuclei_is_refused_or_read_by_a_setting(raw):
    (raw / LABELS).unlink()
    shutil.rmtree(raw / "stage1_train/a/masks")
    numbers = np.zeros(SHAPE, np.uint16)
    numbers[:2], numbers[4:, :3], numbers[4:, 5:] = 1, 2, 9
    write_masks(raw, png(numbers))
    (fault,) = load(raw).problems
    assert isinstance(fault, Fault)
    assert "masks/1.png: 4 values" in fault.detail
    assert "data.label_masks=true" in fault.detail
    source = open_raw("dsb2018", raw, Reading(label_masks=True))
    labels = source.load(Key("train", "a")).labels
    assert (labels == np.where(numbers == 9, 3, numbers)).all()


def test_deep_images_keep_their_grey_levels(raw):
    for bits in (8, 10, 12, 16):
        deep = np.linspace(0, 2**bits - 1, 48).reshape(SHAPE).astype(np.uint16)
        write(raw, "stage1_train/a/images/a.png", png(deep))
        record = load(raw)
        assert len(np.unique(record.image)) == 48
        assert record.suffix == ".png"
        assert (files.decode_image(record.data, "a") == record.image).all()


def test_a_turned_image_lies_as_its_mask_and_loses_the_tag(raw):
    exif = Image.Exif()
    exif[274] = 6
    for kind in ("image", "mask"):
        pixels = IMAGE if kind == "image" else SQUARE.astype(np.uint8) * 255
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "PNG", exif=exif)
        name = "images/a.png" if kind == "image" else "masks/1.png"
        write(raw, f"stage1_train/a/{name}", out.getvalue())
    record = load(raw)
    assert record.image.shape == (*record.labels.shape, 3) == (*SHAPE, 3)
    assert (record.image == IMAGE).all()
    assert "orientation tag ignored" in kinds(record)
    assert Image.open(io.BytesIO(record.data)).getexif().get(274) is None


def test_a_tag_of_masks_alone_is_said_once(raw):
    exif = Image.Exif()
    exif[274] = 6
    for number, inside in enumerate((SQUARE, CORNER), 1):
        out = io.BytesIO()
        Image.fromarray(inside.astype(np.uint8) * 255).save(out, "PNG", exif=exif)
        write(raw, f"stage1_train/a/masks/{number}.png", out.getvalue())
    record = load(raw)
    assert kinds(record).count("orientation tag ignored") == 1
    assert (record.labels > 0).sum() == (SQUARE | CORNER).sum()


def test_an_array_among_the_masks_is_named_with_what_to_do(raw):
    out = io.BytesIO()
    np.save(out, SQUARE)
    write(raw, "stage1_train/a/masks/3.npy", out.getvalue())
    (raw / LABELS).unlink()
    (fault,) = [problem for problem in load(raw).problems if isinstance(problem, Fault)]
    assert fault.detail == (
        "a/masks/3.npy: a NumPy array; the masks of this layout are image files, so save it as PNG or TIFF"
    )


def zipped(raw, to, rename=str):
    shutil.copy(raw / LABELS, to)
    for name in ("stage1_train", "stage1_test"):
        with zipfile.ZipFile(to / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted((raw / name).rglob("*.png")):
                info = zipfile.ZipInfo("x")
                info.filename = rename(path.relative_to(raw / name).as_posix())
                archive.writestr(info, path.read_bytes())


def test_backslashes_in_a_zip_are_slashes(raw, tmp_path_factory):
    to = tmp_path_factory.mktemp("zipped")
    zipped(raw, to, lambda name: name.replace("/", "\\"))
    assert (load(to).labels == load(raw).labels).all()


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (10, 9, "packed by deflate64, which Python cannot"),
        (8, 1, "is encrypted; unpack it yourself"),
    ],
)
def test_what_a_zip_cannot_give_is_said_with_its_reason(
    raw, tmp_path_factory, offset, value, reason
):
    to = tmp_path_factory.mktemp("zipped")
    zipped(raw, to)
    data = bytearray((to / "stage1_train.zip").read_bytes())
    data[data.index(b"PK\1\2") + offset] = value
    (to / "stage1_train.zip").write_bytes(bytes(data))
    with pytest.raises(UserError, match=f"stage1_train.zip: .*{reason}") as caught:
        load(to)
    assert "\n" not in str(caught.value)


def test_damage_inside_a_zip_is_said_of_that_file_alone(raw, tmp_path_factory):
    to = tmp_path_factory.mktemp("zipped")
    zipped(raw, to)
    data = bytearray((to / "stage1_train.zip").read_bytes())
    data[60] ^= 255
    (to / "stage1_train.zip").write_bytes(bytes(data))
    assert kinds(load(to)) == ["image unreadable"]
