import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from segline.base import files
from segline.base.errors import UserError
from segline.data.layouts import Fault, Key, Reading, folders, npz, open_semantic, rle_csv
from segline.data.stacks import Choice
from segline.masks.classes import IGNORE, Classes

TWO = Classes(("background", "iris"))
THREE = Classes(("background", "road", "car"))
OVERLAPPING = Classes(("background", "road", "car"), exclusive=False)
MASK = np.zeros((6, 8), np.uint8)
MASK[1:3, 2:5], MASK[4, 6] = 1, 2
BINARY = (MASK == 1).astype(np.uint8)
RGB = np.array([(0, 0, 0), (0, 0, 255), (255, 0, 0)], np.uint8)


def picture(seed: int = 0, shape=(6, 8, 3), high: int = 256, dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, high, shape).astype(dtype)


def one_line(message: str):
    return pytest.raises(UserError, match=r"(?s)\A[^\n]*" + message + r"[^\n]*\Z")


@pytest.fixture
def raw(tmp_path):
    """Two training pictures with masks, and a test picture."""
    for name in ("a", "b"):
        files.write_image(tmp_path / f"images/{name}.png", picture(ord(name)))
        files.write_image(tmp_path / f"masks/{name}.png", MASK)
    files.write_image(tmp_path / "test_images/c.png", picture(9))
    return tmp_path


def labels(raw, classes=THREE, image_id="a"):
    return folders.open_raw(raw, classes).load(Key("train", image_id)).labels


# --- folders -------------------------------------------------------------------------------------


def test_pictures_are_paired_by_stem_and_8_bit_files_keep_their_bytes(raw):
    source = open_semantic("folders", raw, THREE)
    assert source.keys() == [Key("train", "a"), Key("train", "b"), Key("test", "c")]
    record = source.load(Key("train", "b"))
    assert record.data == (raw / "images/b.png").read_bytes()
    assert (record.image == picture(ord("b"))).all()
    assert (record.labels == MASK).all()
    assert record.levels[:2] == ("uint8", 3)
    assert source.load(Key("test", "c")).labels is None


@pytest.mark.parametrize(
    "names", [("train_images", "train_masks"), ("train/images", "train/masks")]
)
def test_other_names_of_the_folders(raw, names):
    for old, new in zip(("images", "masks"), names, strict=True):
        (raw / new).parent.mkdir(exist_ok=True)
        (raw / old).rename(raw / new)
    (raw / "test").mkdir()
    (raw / "test_images").rename(raw / "test/images")
    assert len(folders.open_raw(raw, THREE).keys()) == 3


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".bmp", ".webp", ".PNG"])
def test_image_formats(raw, suffix):
    path = raw / f"images/a{suffix}"
    cv2.imwrite(str(path), picture(1)[..., ::-1])
    (raw / "images/a.png").unlink()
    record = folders.open_raw(raw, THREE).load(Key("train", "a"))
    assert (record.image == files.read_image(path)).all()
    assert record.data == path.read_bytes()
    assert record.suffix == suffix.lower()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_images_are_stretched_and_stored_in_8(raw, suffix):
    (raw / "images/a.png").unlink()
    cv2.imwrite(str(raw / f"images/a{suffix}"), picture(1, (6, 8), 4096, np.uint16))
    record = folders.open_raw(raw, THREE).load(Key("train", "a"))
    assert record.levels[:2] == ("uint16", 1)
    assert record.levels.scale == "16 bit"
    assert (record.image.min(), record.image.max()) == (0, 255)
    assert record.suffix == ".png"
    assert (files.decode_image(record.data, "a") == record.image).all()


def test_an_8_bit_range_in_16_bits_keeps_every_level(raw):
    dark = picture(1, (6, 8), 200, np.uint16)
    cv2.imwrite(str(raw / "images/a.png"), dark)
    record = folders.open_raw(raw, THREE).load(Key("train", "a"))
    assert record.levels.scale == "0-255"
    assert (record.image[..., 0] == dark).all()


def test_float_images_are_scaled_by_their_range(raw):
    (raw / "images/a.png").unlink()
    cv2.imwrite(str(raw / "images/a.tif"), picture(1)[..., 0].astype(np.float32) / np.float32(255))
    record = folders.open_raw(raw, THREE).load(Key("train", "a"))
    assert record.levels[:2] == ("float32", 1)
    assert (record.image[..., 1] == picture(1)[..., 0]).all()


def test_a_stack_of_masks_is_refused(raw):
    (raw / "masks/a.png").unlink()
    pages = [Image.fromarray(MASK * n) for n in (1, 2)]
    pages[0].save(raw / "masks/a.tif", save_all=True, append_images=pages[1:])
    with one_line("masks/a.tif: a stack of 2 pages; save one mask a file"):
        labels(raw)


def test_masks_in_grey_colour_palette_and_arrays(raw):
    one_hot = (MASK[..., None] == np.arange(3)).astype(np.uint8)
    palette = Image.fromarray(MASK)
    palette.putpalette([9, 9, 9, 200, 0, 0, 0, 90, 0])
    writers = {
        ".png": lambda path: palette.save(path),
        ".bmp": lambda path: Image.fromarray(RGB[MASK]).save(path),
        ".gif": lambda path: palette.save(path),
        ".tif": lambda path: cv2.imwrite(str(path), MASK.astype(np.uint16)),
        ".npy": lambda path: np.save(path, one_hot[..., 1:]),
        ".npz": lambda path: np.savez(path, one_hot.astype(np.float32)),
    }
    for suffix, write in writers.items():
        shutil.rmtree(raw / "masks")
        files.write_image(raw / "masks/b.png", MASK)
        write(raw / f"masks/a{suffix}")
        assert (labels(raw) == MASK).all(), suffix


def test_binary_masks_of_0_and_255_and_endings_of_mask_names(raw):
    for name, ending in (("a", "_mask"), ("b", "_segmentation")):
        (raw / f"masks/{name}.png").unlink()
        files.write_image(raw / f"masks/{name}{ending}.png", BINARY * 255)
    assert (labels(raw, TWO) == BINARY).all()
    cv2.imwrite(str(raw / "masks/a_mask.jpg"), np.kron(BINARY, np.ones((16, 16), np.uint8)) * 255)
    (raw / "masks/a_mask.png").unlink()
    files.write_image(raw / "images/a.png", picture(0, (96, 128, 3)))
    assert (labels(raw, TWO)[8::16, 8::16] == BINARY).all()


def test_colours_are_found_in_all_masks_sorted_and_recorded(raw):
    files.write_image(raw / "masks/a.png", RGB[BINARY])  # has no red
    files.write_image(raw / "masks/b.png", RGB[MASK])
    source = folders.open_raw(raw, THREE)
    assert source.classes.colours == ("#000000", "#0000ff", "#ff0000")
    assert (source.load(Key("train", "a")).labels == BINARY).all()
    with one_line(f"{raw}/masks: 3 colours .* for 2 classes"):
        folders.open_raw(raw, TWO)
    given = Classes(THREE.names, colours=("#000000", "#ff0000", "#0000ff"))
    assert (labels(raw, given, "b") == np.uint8([0, 2, 1])[MASK]).all()
    files.write_image(raw / "masks/b.png", picture(3))
    with one_line(r"masks/b.png: colour #\w+ at pixel .* none of #000000.*data.colours"):
        labels(raw, given, "b")


def test_palettes_that_differ_are_refused_unless_colours_are_given(raw):
    for name, colours in (("a", [0, 0, 0, 9, 9, 9, 7, 7, 7]), ("b", [0, 0, 0, 7, 7, 7, 9, 9, 9])):
        image = Image.fromarray(MASK)
        image.putpalette(colours)
        image.save(raw / f"masks/{name}.png")
    with one_line("masks/b.png: its palette differs from that of a.png.*data.colours"):
        labels(raw)
    given = Classes(THREE.names, colours=("#000000", "#090909", "#070707"))
    assert (labels(raw, given, "a") == MASK).all()
    assert (labels(raw, given, "b") == np.uint8([0, 2, 1])[MASK]).all()


def test_files_without_partner_are_faults(raw):
    (raw / "masks/a.png").rename(raw / "masks/z.png")
    source = folders.open_raw(raw, THREE)
    assert source.problems == [
        Fault("a", "image without mask", f"{raw}/images/a.png: no mask"),
        Fault("z", "mask without image", f"{raw}/masks/z.png: no image"),
    ]
    assert source.keys() == [Key("train", "b"), Key("test", "c")]
    (raw / "masks/b.png").unlink()
    with one_line("no mask belongs to any image .*images/a.png, first mask .*masks/z.png"):
        folders.open_raw(raw, THREE)


def put(path, mask):
    return lambda raw: files.write_image(raw / path, mask)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (put("masks/a.png", MASK[:5]), "masks/a.png: the mask is 5x8, its image 6x8"),
        (put("masks/a.png", MASK + 1), "masks/a.png: value 3 at .*0..2; name every"),
        (lambda raw: (raw / "masks/a.png").write_bytes(b"no"), "not a readable mask .*replace"),
        (lambda raw: (raw / "images/a.png").write_bytes(b""), "a.png: not a readable image"),
        (lambda raw: shutil.rmtree(raw / "masks"), "no folder masks or train_masks or"),
        (lambda raw: [p.unlink() for p in (raw / "images").iterdir()], "images: no files of a known"),
        (lambda raw: (raw / "groups.csv").write_text("image_id,group\na,x\n"), r"groups.csv: 1 .*b\)"),
    ],
)  # fmt: skip
def test_faults_of_folders_are_one_line_with_path_and_remedy(raw, damage, message):
    damage(raw)
    with one_line(message):
        labels(raw)


def test_nan_is_refused_in_masks_and_images(raw):
    (raw / "masks/a.png").unlink()
    broken = MASK.astype(np.float32)
    broken[2, 3] = np.nan
    np.save(raw / "masks/a.npy", broken)
    with one_line(r"masks/a.npy: NaN or infinite at pixel \(row 2, column 3\); mend"):
        labels(raw)
    (raw / "images/b.png").unlink()
    cv2.imwrite(str(raw / "images/b.tif"), broken)
    with one_line(r"images/b.tif: NaN or infinite at pixel \(row 2, column 3\); mend"):
        labels(raw, image_id="b")


def test_equal_stems_in_training_and_test_and_groups(raw):
    files.write_image(raw / "test_images/a.png", picture(4))
    (raw / "groups.csv").write_text("image_id,group,modality\na,left,dim\nb,left,bright\n")
    source = folders.open_raw(raw, THREE)
    keys = source.keys()
    assert len({key.image_id for key in keys}) == 4
    record = source.load(Key("train", "train_b"))
    assert (record.group, record.modality) == ("left", "bright")
    assert source.load(Key("test", "a")).group == ""
    assert (source.load(Key("test", "a")).image == picture(4)).all()


def test_other_files_are_listed_and_numbers_sort_naturally(raw):
    for name in ("x10", "x2"):
        files.write_image(raw / f"test_images/{name}.png", picture(4))
    (raw / "test_images/Thumbs.db").write_bytes(b"x")
    (raw / "test_images/._c.png").write_bytes(b"x")
    source = folders.open_raw(raw, THREE)
    keys = source.keys()
    assert [key.image_id for key in keys][2:] == ["c", "x2", "x10"]
    assert [problem[:2] for problem in source.problems] == [("Thumbs", "file not read")]


IGNORING = Classes(TWO.names, ignore=255)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_0_and_1_beside_masks_of_0_and_255_is_a_fault_or_noise_of_a_jpeg(raw, suffix):
    (raw / "masks/a.png").unlink()
    noise = np.zeros((6, 8), np.uint8)
    noise[3] = 1
    Image.fromarray(noise).save(raw / f"masks/a.{suffix}", quality=100)
    files.write_image(raw / "masks/b.png", BINARY * 255)
    record = folders.open_raw(raw, TWO).load(Key("train", "a"))
    assert [problem.kind for problem in record.problems] == ["faint mask"]
    if suffix == "jpg":
        assert not record.labels.any()
    else:
        assert isinstance(record.problems[0], Fault)
        assert record.image is record.labels is None
    assert (labels(raw, TWO, "b") == BINARY).all()


def alone_and_others(raw, kind, alone: np.ndarray, others: np.ndarray, classes=TWO):
    """The record of a mask `alone` beside another, as two files or in one archive."""
    if kind == "npz":
        images = np.stack([picture(1), picture(2)])
        np.savez(raw / "train.npz", images, np.stack([alone, others]))
        return npz.open_raw(raw, classes).load(Key("train", "train-0000"))
    for name, mask in (("a", alone), ("b", others)):
        (raw / f"masks/{name}.png").unlink()
        if kind == "npy":
            np.save(raw / f"masks/{name}.npy", mask)
        else:
            cv2.imwrite(str(raw / f"masks/{name}.png"), mask)
    return folders.open_raw(raw, classes).load(Key("train", "a"))


@pytest.mark.parametrize("kind", ["png", "npy", "npz"])
@pytest.mark.parametrize("full", [255, 1023, 4095])
def test_a_mask_of_0_and_a_whole_scale_is_read_whatever_the_others_reach(raw, kind, full):
    deep = BINARY.astype(np.uint16)
    record = alone_and_others(raw, kind, deep * np.uint16(full), deep * np.uint16(65535))
    assert record.problems == []
    assert (record.labels == BINARY).all()


@pytest.mark.parametrize("kind", ["png", "npy", "npz"])
@pytest.mark.parametrize(("own", "others"), [(1, 65535), (2, 65535), (128, 65535), (100, 255)])
def test_a_mask_that_would_be_empty_by_the_scale_of_the_others_is_a_fault(raw, kind, own, others):
    deep = np.zeros((6, 8), np.uint16)
    deep[1, 2:4] = 1  # few, so that 100 of 255 are no smooth edges
    record = alone_and_others(raw, kind, deep * np.uint16(own), deep * np.uint16(others))
    assert [problem.kind for problem in record.problems] == ["faint mask"]
    assert isinstance(record.problems[0], Fault)
    assert f"at most {own} beside masks that reach {others}" in record.problems[0].detail


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_floats_of_0_and_1_beside_floats_of_0_and_255_are_a_fault(raw, kind):
    record = alone_and_others(raw, kind, np.float32(BINARY), np.float32(BINARY * 255.0))
    assert [problem.kind for problem in record.problems] == ["faint mask"]
    assert record.labels is None


def test_other_kinds_of_numbers_beside_16_bits(raw):
    deep = BINARY.astype(np.uint16) * np.uint16(65535)
    assert isinstance(alone_and_others(raw, "png", BINARY, deep).problems[0], Fault)
    files.write_image(raw / "masks/a.png", BINARY * 255)
    assert (labels(raw, TWO) == BINARY).all()
    (raw / "masks/a.png").unlink()
    np.save(raw / "masks/a.npy", np.float32(BINARY)[..., None])
    assert (labels(raw, TWO) == BINARY).all()


def test_smooth_edges_below_one_half_are_no_object_and_said(raw):
    faint = np.zeros((6, 8), np.uint8)
    faint[1, 2:4] = 40, 100
    record = alone_and_others(raw, "png", faint, BINARY * 255)
    assert [problem.kind for problem in record.problems] == ["faint mask"]
    assert not record.labels.any()


def test_a_dark_background_in_colour_is_not_faint(raw):
    colours = np.array([(10, 10, 10), (0, 0, 255)], np.uint8)
    record = alone_and_others(raw, "png", colours[BINARY * 0], colours[BINARY])
    assert record.problems == []
    assert not record.labels.any()


def test_palette_indices_count_beside_masks_of_0_and_255(raw):
    indices = Image.fromarray(BINARY)
    indices.putpalette([0, 0, 0, 200, 30, 30])
    indices.save(raw / "masks/a.png")
    files.write_image(raw / "masks/b.png", BINARY * 255)
    record = folders.open_raw(raw, TWO).load(Key("train", "a"))
    assert record.problems == []
    assert (record.labels == BINARY).all()


@pytest.mark.parametrize("full", [1, 255, 65535])
def test_masks_of_16_bits_are_on_their_own_scale(raw, full):
    for name in ("a", "b"):
        cv2.imwrite(str(raw / f"masks/{name}.png"), BINARY.astype(np.uint16) * np.uint16(full))
    assert (labels(raw, TWO) == BINARY).all()


def test_transparency_black_and_white_palettes_and_soft_edges_are_binary_masks(raw):
    files.write_image(raw / "masks/b.png", BINARY * 255)
    alpha = np.zeros((6, 8, 4), np.uint8)
    alpha[..., 3] = BINARY * 255
    swapped = Image.fromarray(1 - BINARY)
    swapped.putpalette([255, 255, 255, 0, 0, 0])
    for image, suffix in ((Image.fromarray(alpha), "png"), (swapped, "png"), (swapped, "gif")):
        (raw / "masks/a.png").unlink(missing_ok=True)
        image.save(raw / f"masks/a.{suffix}")
        assert (labels(raw, TWO) == BINARY).all(), suffix
    (raw / "masks/a.gif").unlink()
    soft = BINARY * 255
    soft[0, 0], soft[1, 2] = 90, 160
    files.write_image(raw / "masks/a.png", soft)
    assert (labels(raw, TWO) == BINARY).all()


def test_a_void_value_is_refused_until_it_is_named(raw):
    void = BINARY.copy()
    void[5] = 255
    files.write_image(raw / "masks/a.png", void)
    files.write_image(raw / "masks/b.png", BINARY)
    with one_line("masks/a.png: values 0, 1 and 255: .*data.ignore=255"):
        labels(raw, TWO)
    found = labels(raw, IGNORING)
    assert (found[5] == IGNORE).all()
    assert (found[:5] == BINARY[:5]).all()
    assert (labels(raw, IGNORING, "b") == BINARY).all()
    files.write_image(raw / "masks/a.png", np.where(void == 255, void, MASK))
    with one_line("masks/a.png: value 255 at .*data.ignore=255"):
        labels(raw, THREE)
    files.write_image(raw / "masks/a.png", np.full_like(MASK, 255))
    assert (labels(raw, IGNORING) == IGNORE).all()


def test_a_void_colour_is_no_class(raw):
    files.write_image(raw / "masks/a.png", RGB[MASK])
    coloured = RGB[MASK]
    coloured[5] = (224, 224, 192)
    files.write_image(raw / "masks/b.png", coloured)
    found = labels(raw, Classes(THREE.names, ignore="#e0e0c0"), "b")
    assert (found[5] == IGNORE).all()
    assert (found[:5] == MASK[:5]).all()


def test_image_and_mask_with_a_tag_lie_in_one_frame(raw):
    exif = Image.Exif()
    exif[274] = 8
    for place, pixels in (("images", picture(ord("a"))), ("masks", MASK)):
        Image.fromarray(pixels).save(raw / f"{place}/a.png", exif=exif)
    record = folders.open_raw(raw, THREE).load(Key("train", "a"))
    assert (record.image == picture(ord("a"))).all()
    assert (record.labels == MASK).all()
    assert [problem.kind for problem in record.problems] == ["orientation tag ignored"]
    Image.fromarray(MASK.T).save(raw / "masks/a.png")
    with one_line(
        "mask is 8x6, its image 6x8 .*the image has an orientation tag, which is ignored"
    ):
        labels(raw)


def test_a_page_is_chosen_of_image_and_mask(raw):
    for place, pages in (("images", [MASK + 50, MASK + 9]), ("masks", [MASK * 0, MASK])):
        (raw / f"{place}/a.png").unlink()
        tifffile.imwrite(raw / f"{place}/a.tif", np.stack(pages), metadata={"axes": "ZYX"})
    with one_line("images/a.tif: a stack of 2 pages .*data.page"):
        labels(raw)
    record = folders.open_raw(raw, THREE, Reading(Choice(page=1))).load(Key("train", "a"))
    assert (record.image[..., 0] == MASK + 9).all()
    assert (record.labels == MASK).all()


# --- rle_csv -------------------------------------------------------------------------------------


@pytest.fixture
def table(raw):
    (raw / "images").rename(raw / "train_images")

    def write(text: str):
        (raw / "train.csv").write_text(text)
        return raw

    return write


def test_binary_csv_joins_rows_and_an_empty_cell_is_no_object(table):
    raw = table("ImageId,EncodedPixels\na.png,1 2\na.png,7 1\nb,\n")
    source = open_semantic("rle_csv", raw, TWO)
    first = source.load(Key("train", "a")).labels
    assert first[:, :2].T.tolist() == [[1, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0]]
    assert first.sum() == 3
    assert not source.load(Key("train", "b")).labels.any()


def test_classes_by_number_and_by_name(table):
    raw = table(HEAD + "a,1,1 2\na,2,\na,car,4 1\nb,1,\n")
    column = rle_csv.open_raw(raw, THREE).load(Key("train", "a")).labels[:, 0]
    assert column.tolist() == [1, 1, 0, 2, 0, 0]


def test_overlapping_classes_are_bits_or_refused(table):
    raw = table(HEAD + "a,1,7 3\na,2,9 2\nb,1,\n")
    bits = rle_csv.open_raw(raw, OVERLAPPING).load(Key("train", "a")).labels
    assert bits[:, 1].tolist() == [1, 1, 3, 2, 0, 0]
    with one_line(
        r"train.csv: image a: road and car overlap at pixel \(row 2, column 1\).*exclusive=false"
    ):
        rle_csv.open_raw(raw, THREE).load(Key("train", "a"))


HEAD = "ImageId,ClassId,EncodedPixels\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ImageId,EncodedPixels\na,\n", "expected the columns ImageId,ClassId,EncodedPixels"),
        (HEAD, r"none of its 0 rows belongs to any of 2 images \(first .*a.png\)"),
        (HEAD + "a,3,\n", "line 2: ClassId '3' is neither 1..2 nor one of road, car"),
        (HEAD + "a,0,\n", "ClassId '0' is neither"),
        (HEAD + "a,1,40 20\nb,1,\n", "image a, road: run 1 '40 20' lies outside"),
    ],
)  # fmt: skip
def test_faults_of_the_csv(table, text, message):
    raw = table(text)
    with one_line(message):
        rle_csv.open_raw(raw, THREE).load(Key("train", "a"))


def test_rows_and_images_without_partner_are_faults(table):
    source = rle_csv.open_raw(table(HEAD + "a,1,\nz,1,\n"), THREE)
    assert all(isinstance(problem, Fault) for problem in source.problems)
    assert [problem[:2] for problem in source.problems] == [
        ("z", "row without image"),
        ("b", "image without row"),
    ]
    assert source.problems[0].detail.endswith("train.csv, line 3: no image z")
    assert source.keys() == [Key("train", "a"), Key("test", "c")]


# --- npz -----------------------------------------------------------------------------------------

IMAGES = picture(0, (3, 6, 8, 3))
MASKS = np.stack([BINARY, BINARY * 0, BINARY])


@pytest.mark.parametrize(
    "masks", [MASKS, MASKS[..., None] * 255, np.repeat(MASKS[..., None], 3, 3), MASKS > 0]
)
@pytest.mark.parametrize("images", [IMAGES, IMAGES[..., 0], IMAGES[..., :1], IMAGES / 255])
def test_shapes_of_images_and_masks(tmp_path, images, masks):
    np.savez(tmp_path / "train.npz", images, masks)
    source = open_semantic("npz", tmp_path, TWO)
    keys = source.keys()
    assert [key.image_id for key in keys] == ["train-0000", "train-0001", "train-0002"]
    record = source.load(Key("train", "train-0002"))
    grey = images.ndim == 3 or images.shape[3] == 1
    assert (record.image == (IMAGES[2][..., :1] if grey else IMAGES[2])).all()
    assert (files.decode_image(record.data, "x") == record.image).all()
    assert (record.labels == BINARY).all()


def test_every_file_has_its_own_scale_and_the_validation_file_is_marked(tmp_path):
    np.savez(tmp_path / "cells.npz", images=(IMAGES / 255).astype(np.float32), masks=MASKS)
    np.savez(tmp_path / "validation.npz", IMAGES.astype(np.float32), MASKS[..., None] * 255.0)
    np.savez(tmp_path / "test_1.npz", IMAGES)
    source = npz.open_raw(tmp_path, TWO)
    keys = source.keys()
    records = {key.image_id: source.load(key) for key in keys}
    assert [r.validation for r in records.values()] == [False] * 3 + [True] * 3 + [False] * 3
    for name, scale in (("cells", "0-1"), ("validation", "0-255"), ("test_1", "0-255")):
        record = records[f"{name}-0001"]
        assert record.levels.scale == scale
        assert (record.image == IMAGES[1]).all()
    assert records["test_1-0000"].labels is None
    assert records["test_1-0000"].key.split == "test"


def test_a_dark_image_is_scaled_like_the_rest_of_its_file(tmp_path):
    images = IMAGES.astype(np.float32)
    images[1] = np.minimum(images[1], 1)
    np.savez(tmp_path / "train.npz", images, MASKS)
    record = npz.open_raw(tmp_path, TWO).load(Key("train", "train-0001"))
    assert record.image.max() == 1


def broken(array: np.ndarray) -> np.ndarray:
    array = array.astype(np.float32)
    array[1, 2, 3] = np.nan
    return array


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((broken(IMAGES), MASKS), r"train.npz\[1\]: NaN or infinite at pixel \(row 2, column 3\); mend"),
        ((IMAGES, broken(MASKS)), r"train.npz\[1\], mask: NaN or infinite at pixel \(row 2, column 3\)"),
        ((IMAGES, MASKS * 2), r"train.npz\[0\], mask: values 0..2 are neither"),
        ((IMAGES, MASKS[:2]), r"masks of shape \(2, 6, 8\) do not fit images of \(3, 6, 8, 3\)"),
        ((IMAGES, MASKS[:, :5]), "do not fit"),
        ((np.moveaxis(IMAGES, 3, 1), MASKS), r"images of shape \(3, 3, 6, 8\); .* numpy.moveaxis"),
        ((IMAGES,), "no array arr_1 or masks for the masks, found arr_0; save with"),
        ((IMAGES - 128.0, MASKS), "train.npz: values -128..127 are on no known scale"),
        ((IMAGES / 255**2, MASKS), r"train.npz: values 0..0.0039\d+: divided by 255 twice"),
        ((IMAGES[:0], MASKS[:0]), "train.npz: no images in it"),
        ((IMAGES.astype(complex), MASKS), "train.npz: images hold real numbers, found complex128"),
        ((IMAGES.astype("M8[s]"), MASKS), "train.npz: images hold real numbers, found datetime64"),
        ((np.array([{}]), MASKS), "train.npz: not a readable .npz"),
    ],
)  # fmt: skip
def test_faults_of_an_npz(tmp_path, arrays, message):
    np.savez(tmp_path / "train.npz", *arrays)
    with one_line(message):
        source = npz.open_raw(tmp_path, TWO)
        keys = source.keys()
        for key in keys:
            source.load(key)


def test_there_is_one_training_file(tmp_path):
    with one_line(f"{tmp_path}: expected one training .npz .* found none"):
        npz.open_raw(tmp_path, TWO)
    (tmp_path / "train.npz").write_bytes(b"PK")
    with one_line("train.npz: not a readable .npz"):
        npz.open_raw(tmp_path, TWO)
    (tmp_path / "more.npz").write_bytes(b"")
    with one_line("found more.npz, train.npz; rename or remove"):
        npz.open_raw(tmp_path, TWO)


def test_unknown_source(tmp_path):
    with one_line("source 'dsb2018' is not known; known are folders, npz, rle_csv"):
        open_semantic("dsb2018", tmp_path, TWO)


def test_the_solution_and_the_sample_are_found(raw):
    table = pd.DataFrame({"ImageId": ["c"], "ClassId": ["1"], "EncodedPixels": [""]})
    table.to_csv(raw / "sample_submission.csv", index=False)
    source = folders.open_raw(raw, THREE)
    assert (source.sample, source.solution) == (raw / "sample_submission.csv", None)
