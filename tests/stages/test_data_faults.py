"""Faults of raw files, each in every layout where it can occur: listed, refused, or the image left out."""

import shutil
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from data.layouts import competitions
from segline.base import files
from segline.base.errors import UserError
from segline.config.places import DataFiles
from segline.config.tables import Data
from segline.data import tables
from segline.masks import rle
from segline.stages import data

IDS = [f"a{number}" for number in range(5)]
BLOB = np.zeros((24, 20), np.uint8)
BLOB[4:15, 5:13] = 1
CODE = rle.encode(BLOB > 0)
TWO = {"task": "semantic", "classes": ("background", "blob")}


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (24, 20, 3)).astype(np.uint8)


def write(path: Path, image: np.ndarray) -> None:
    files.write_image(path, image)


def dsb2018(raw: Path, *, csv: bool = True) -> Data:
    for number, name in enumerate(IDS):
        write(raw / f"stage1_train/{name}/images/{name}.png", picture(number))
        write(raw / f"stage1_train/{name}/masks/m.png", BLOB * 255)
    write(raw / "stage1_test/t/images/t.png", picture(9))
    if csv:
        table(raw / "stage1_train_labels.csv")
    return Data(dataset="x", n_folds=2)


def folders(raw: Path) -> Data:
    for number, name in enumerate(IDS):
        write(raw / f"images/{name}.png", picture(number))
        write(raw / f"masks/{name}.png", BLOB)
    write(raw / "test_images/t.png", picture(9))
    return Data(dataset="x", source="folders", **TWO)


def rle_csv(raw: Path) -> Data:
    for number, name in enumerate(IDS):
        write(raw / f"train_images/{name}.png", picture(number))
    write(raw / "test_images/t.png", picture(9))
    table(raw / "train.csv")
    return Data(dataset="x", source="rle_csv", **TWO)


def npz(raw: Path) -> Data:
    raw.mkdir()
    images = np.stack([picture(number) for number in range(len(IDS))])
    np.savez(raw / "train.npz", images, np.stack([BLOB] * len(IDS)))
    return Data(dataset="x", source="npz", **TWO)


def dialect(raw: Path, *, csv: bool = False) -> Data:
    for number, name in enumerate(IDS):
        write(raw / f"train/images/{name}.png", picture(number))
        write(raw / f"train/masks/{name}.png", BLOB * 255)
    write(raw / "test/images/t.png", picture(9))
    if csv:
        shutil.rmtree(raw / "train/masks")
        rows = [(name, competitions.pairs(BLOB)) for name in IDS]
        competitions.table(raw / "train.csv", ["id", "rle_mask"], rows)
    return Data.model_validate({"dataset": "x", "dialect": "tgs-salt-identification-challenge"})


def table(path: Path) -> None:
    path.write_text(
        "".join(f"{row}\n" for row in ["ImageId,EncodedPixels", *(f"{i},{CODE}" for i in IDS)])
    )


def masks_alone(raw: Path) -> Data:
    return dsb2018(raw, csv=False)


def dialect_csv(raw: Path) -> Data:
    return dialect(raw, csv=True)


def to(path: str, content: bytes):
    def damage(raw: Path) -> None:
        (raw / path).parent.mkdir(parents=True, exist_ok=True)
        (raw / path).write_bytes(content)

    return damage


def without(path: str):
    def damage(raw: Path) -> None:
        shutil.rmtree(raw / path) if (raw / path).is_dir() else (raw / path).unlink()

    return damage


def copy(source: str, path: str, *, negative: bool = False):
    def damage(raw: Path) -> None:
        (raw / path).parent.mkdir(parents=True, exist_ok=True)
        image = files.read_image(raw / source)
        write(raw / path, 255 - image if negative else image)

    return damage


def masked(path: str, mask: np.ndarray):
    return lambda raw: write(raw / path, mask)


def edited(path: str, old: str, new: str):
    def damage(raw: Path) -> None:
        text = (raw / path).read_text()
        assert old in text
        (raw / path).write_text(text.replace(old, new, 1))

    return damage


def stored(index: int, image: np.ndarray | None = None, mask: np.ndarray | None = None):
    def damage(raw: Path) -> None:
        with np.load(raw / "train.npz") as found:
            images, masks = found["arr_0"].astype(np.float32), found["arr_1"]
        if image is not None:
            images[index] = image
        if mask is not None:
            masks[index] = mask
        np.savez(raw / "train.npz", images, masks)

    return damage


CUT = b"\x89PNG cut off"
VOID = np.where(np.arange(24)[:, None] < 3, 255, BLOB).astype(np.uint8)
NAN = np.full((24, 20, 3), np.nan)
ONE, CSV = "stage1_train/a1", "stage1_train_labels.csv"


class Case(NamedTuple):
    """A layout, what is done to it, the words of the fault, and the images that are left out."""

    make: object
    damage: object
    words: str
    gone: tuple[str, ...] = ("a1",)


CASES = [
    # an image or a mask that cannot be read
    Case(dsb2018, to(f"{ONE}/images/a1.png", CUT), "a1: image unreadable: a1/images/a1.png"),
    Case(folders, to("images/a1.png", CUT), "a1: cannot be read: .*images/a1.png: not a readable image"),
    Case(rle_csv, to("train_images/a1.png", CUT), "a1: cannot be read: .*train_images/a1.png"),
    Case(npz, stored(1, image=NAN), r"train-0001: cannot be read: .*\[1\]: NaN", ("train-0001",)),
    Case(dialect, to("train/images/a1.png", CUT), "a1: image unreadable: .*train/images/a1.png"),
    Case(dialect_csv, to("train/images/a1.png", b""), "a1: image unreadable: .*a1.png"),
    Case(masks_alone, to(f"{ONE}/masks/m.png", CUT), "a1: mask unreadable: a1/masks/m.png"),
    Case(masks_alone, to(f"{ONE}/masks/n.png", CUT), "a1: mask unreadable: a1/masks/n.png"),
    Case(folders, to("masks/a1.png", CUT), "a1: cannot be read: .*masks/a1.png: not a readable mask"),
    Case(folders, masked("masks/a1.png", BLOB[:9]), "masks/a1.png: the mask is 9x20, its image 24x20"),
    Case(dialect, to("train/masks/a1.png", CUT), "a1: cannot be read: .*train/masks/a1.png"),
    Case(dsb2018, edited(CSV, f"a1,{CODE}", "a1,1 x"), "a1: invalid RLE: row 1 of the image"),
    Case(rle_csv, edited("train.csv", f"a1,{CODE}", "a1,9 999"), "a1: cannot be read: .*image a1, blob"),
    Case(dialect_csv, edited("train.csv", "a1,", "a1,9 999 "), "a1: cannot be read: .*train.csv: image a1"),
    # an image without mask, which would be trained on as background
    Case(dsb2018, lambda raw: [without(f"{ONE}/masks")(raw), edited(CSV, f"a1,{CODE}\n", "")(raw)],
         "a1: image without masks: no mask files and no row in stage1_train_labels.csv"),
    Case(masks_alone, without(f"{ONE}/masks"), "a1: image without masks: no mask files"),
    Case(folders, without("masks/a1.png"), "a1: image without mask: .*images/a1.png"),
    Case(rle_csv, edited("train.csv", f"a1,{CODE}\n", ""), "a1: image without row: .*a1.png"),
    Case(dialect, without("train/masks/a1.png"), "a1: image without mask"),
    # masks without image
    Case(dsb2018, edited(CSV, f"a1,{CODE}\n", f"z,{CODE}\na1,{CODE}\n"), "z: labels without image", ()),
    Case(masks_alone, masked("stage1_train/z/masks/m.png", BLOB), "z: masks without image: 1", ()),
    Case(folders, masked("masks/z.png", BLOB), "z: mask without image: .*masks/z.png", ()),
    Case(rle_csv, edited("train.csv", "a1,", "z,\na1,"), "z: row without image: .*line 3", ()),
    Case(dialect, masked("train/masks/z.png", BLOB), "z: mask without image: .*masks/z.png", ()),
    Case(dialect_csv, edited("train.csv", "a1,", "z,1 1\na1,"), "z: labels without image: 1 rows in", ()),
    # two images for one
    Case(dsb2018, copy(f"{ONE}/images/a1.png", f"{ONE}/images/b.png", negative=True),
         "a1: several images: a1/images/a1.png and a1/images/b.png"),
    Case(folders, copy("images/a1.png", "images/a1.bmp"), "a1: several files: .*a1.bmp has the same"),
    Case(folders, copy("images/a1.png", "masks/a1.bmp"), "a1: several files: .*a1.bmp has the same"),
    Case(rle_csv, copy("train_images/a1.png", "train_images/a1.bmp"), "a1: several files: .*a1.png"),
    Case(dialect, copy("train/images/a1.png", "old/train/images/a1.png", negative=True),
         "a1: several files: old/train/images/a1.png and train/images/a1.png"),
    # a training image that is called like a test image (other layouts rename all training images)
    Case(dsb2018, copy(f"{ONE}/images/a1.png", "stage1_test/a1/images/a1.png", negative=True),
         "a1: id of a test image", ()),
    # values that mean nobody knows what
    Case(folders, masked("masks/a1.png", VOID), "masks/a1.png: values 0, 1 and 255: .*data.ignore=255",
         ("a0", "a2", "a3", "a4", "a1")),
    Case(npz, stored(1, mask=VOID), "values 0, 1 and 255", tuple(f"train-000{n}" for n in range(5))),
    Case(dialect, masked("train/masks/a1.png", VOID), "masks/a1.png: values 0, 1 and 255: .*data.ignore"),
    Case(dialect, masked("train/masks/a1.png", np.where(BLOB, 255, 1)), "a1.png: values 0, 1 and 255"),
]  # fmt: skip


@pytest.fixture
def read(tmp_path):
    def ingest(settings: Data, *, strict: bool):
        out = DataFiles(tmp_path / "x")
        changed = settings.model_copy(update={"strict": strict})
        data.ingest(tmp_path / "raw", out, changed, root=tmp_path)
        return tables.read_images(out.images).set_index("image_id")

    return ingest


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.make.__name__}: {case.words[:30]}")
def test_a_fault_is_refused_in_a_line_or_its_image_left_out(case, read, tmp_path):
    raw, out = tmp_path / "raw", DataFiles(tmp_path / "x")
    settings = case.make(raw)
    before = read(settings, strict=True)
    case.damage(raw)
    kept = {path: path.read_bytes() for path in out.folder.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=case.words) as caught:
        read(settings, strict=True)
    assert "\n" not in str(caught.value)
    assert f"all are in {out.faults}" in str(caught.value)
    assert "strict=0" in str(caught.value)
    assert len(files.read_csv(out.faults)) >= 1
    assert {path: path.read_bytes() for path in kept} == kept
    if len(case.gone) == len(IDS):
        with pytest.raises(UserError, match=r"no training image can be used; see .*faults.csv"):
            read(settings, strict=False)
        return
    after = read(settings, strict=False)
    train = after.index[after["split"] == "train"]
    lost = set(before.index[before["split"] == "train"]) - set(train)
    assert lost == set(case.gone) or (not case.gone and lost <= {"a1"})
    assert (after.loc[train, "n_objects"] == 1).all()
    assert not out.faults.exists()
    assert set(case.gone) <= set(files.read_csv(out.problems)["image_id"])


def test_the_pixels_of_a_test_image_do_not_replace_those_of_a_training_image(read, tmp_path):
    raw = tmp_path / "raw"
    settings = dsb2018(raw)
    write(raw / "stage1_test/a1/images/a1.png", 255 - picture(1))
    images = read(settings, strict=False)
    assert images.loc["a1", "split"] == "test"
    assert (files.read_image(tmp_path / "x/images/a1.png") == 255 - picture(1)).all()


def test_the_same_image_twice_is_no_fault_of_a_download(read, tmp_path):
    settings = dialect(tmp_path / "raw")
    shutil.copytree(tmp_path / "raw/train/images", tmp_path / "raw/again/train/images")
    assert (read(settings, strict=True)["split"] == "train").sum() == len(IDS)


@pytest.mark.parametrize(
    ("make", "path", "words"),
    [
        (masks_alone, CSV, "no labels: .*stage1_train_labels.csv: a header and no rows"),
        (rle_csv, "train.csv", "train.csv: none of its 0 rows belongs to any of 5 images"),
        (dialect_csv, "train.csv", "train.csv: no mask belongs to any of 5 training images"),
    ],
)
def test_a_label_csv_of_a_header_alone_is_refused(make, path, words, read, tmp_path):
    settings = make(tmp_path / "raw")
    header = "id,rle_mask\n" if make is dialect_csv else "ImageId,EncodedPixels\n"
    (tmp_path / "raw" / path).write_text(header)
    with pytest.raises(UserError, match=words):
        read(settings, strict=True)


@pytest.mark.parametrize(
    ("make", "path"), [(dsb2018, CSV), (rle_csv, "train.csv"), (dialect_csv, "train.csv")]
)
@pytest.mark.parametrize(
    ("row", "words"),
    [
        (f"a0,{CODE},3", "its rows have more fields than its header .*first row a0,"),
        (f"a0,{CODE},3,4", "its rows have more fields than its header .*first row a0,"),
        ("a0", "line 2: 1 of 2 fields .a0.; is it complete"),
    ],
)
def test_rows_of_more_or_fewer_fields_than_the_header_are_refused(
    make, path, row, words, read, tmp_path
):
    settings = make(tmp_path / "raw")
    header, _, *rows = (tmp_path / "raw" / path).read_text().splitlines()
    (tmp_path / "raw" / path).write_text("\n".join([header, row, *rows]) + "\n")
    with pytest.raises(UserError, match=f"{path}(:|,) {words}"):
        read(settings, strict=False)


def test_more_fields_in_a_later_row_are_refused(read, tmp_path):
    settings = rle_csv(tmp_path / "raw")
    edited("train.csv", f"a1,{CODE}", f"a1,{CODE},9")(tmp_path / "raw")
    with pytest.raises(UserError, match=r"train.csv: not a readable CSV .*line 3, saw 3"):
        read(settings, strict=False)


def test_a_damaged_test_image_is_refused_too(read, tmp_path):
    settings = folders(tmp_path / "raw")
    (tmp_path / "raw/test_images/t.png").write_bytes(cv2.imencode(".png", BLOB)[1].tobytes()[:40])
    with pytest.raises(UserError, match=r"t: cannot be read: .*test_images/t.png"):
        read(settings, strict=True)
    assert (read(settings, strict=False)["split"] == "train").all()
