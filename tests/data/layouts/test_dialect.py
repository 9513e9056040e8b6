"""Every built-in dialect on a tiny set in its layout: raw -> images.csv and labels -> submission."""

import base64
import importlib.util
import shutil
import zipfile
import zlib
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from data.layouts import competitions
from data.layouts.competitions import pairs
from segline.base.errors import UserError
from segline.base.files import read_json, read_labels
from segline.config import read
from segline.config.places import DataFiles
from segline.config.tables import Data
from segline.config.tables.built_in import known
from segline.data import tables
from segline.masks.classes import of_data
from segline.stages.data import ingest
from segline.submission import dialect as submission
from segline.submission import rows
from segline.synthetic import dsb2018

SETS = {
    "airbus-ship-detection": competitions.airbus,
    "tgs-salt-identification-challenge": competitions.salt,
    "severstal-steel-defect-detection": partial(competitions.severstal, combined=False),
    "understanding_cloud_organization": competitions.cloud,
    "carvana-image-masking-challenge": competitions.carvana,
    "sartorius-cell-instance-segmentation": competitions.sartorius,
    "hubmap-organ-segmentation": competitions.hubmap_organ,
    "hubmap-kidney-segmentation": competitions.hubmap_kidney,
    "ultrasound-nerve-segmentation": competitions.ultrasound,
    "uw-madison-gi-tract-image-segmentation": competitions.uw_madison,
    "google-research-identify-contrails-reduce-global-warming": competitions.contrails,
    "vesuvius-challenge-ink-detection": competitions.vesuvius,
    "blood-vessel-segmentation": competitions.blood_vessel,
    "hubmap-hacking-the-human-vasculature": competitions.vasculature,
}
CASES = [
    *SETS.items(),
    ("severstal-steel-defect-detection", partial(competitions.severstal, combined=True)),
]


def settings(tmp_path, dialect, more=""):
    """The table `data` of a config that names the dialect and nothing else."""
    config = tmp_path / "x.toml"
    config.write_text(f'[data]\ndataset = "x"\ndialect = "{dialect}"\n{more}')
    return read.load(config).data


def read_set(tmp_path, data, **changes):
    """images.csv by id, and the folder of the data set."""
    files = DataFiles(tmp_path / "interim/x")
    ingest(tmp_path / "raw", files, data.model_copy(update=changes), root=tmp_path)
    return tables.read_images(files.images).set_index("image_id"), files


@pytest.mark.parametrize(("name", "make"), CASES)
def test_raw_files_become_the_painted_labels(tmp_path, name, make):
    truth, tests = make(tmp_path / "raw")
    images, files = read_set(tmp_path, settings(tmp_path, name))
    train = images[images["split"] == "train"]
    assert set(train.index) == set(truth)
    assert set(images.index[images["split"] == "test"]) == set(tests)
    for image_id, labels in truth.items():
        assert np.array_equal(read_labels(tmp_path / train["labels"][image_id]), labels)
        assert (train["height"][image_id], train["width"][image_id]) == labels.shape
    assert not list(files.folder.glob(".new*"))


@pytest.mark.parametrize(("name", "make"), CASES)
def test_a_submission_is_valid_and_in_the_order_of_the_sample(tmp_path, name, make):
    truth, tests = make(tmp_path / "raw")
    data = settings(tmp_path, name)
    _, files = read_set(tmp_path, data)
    sample = rows.read(files.sample)
    labels = next(iter(truth.values()))
    found = submission.table(((i, labels) for i in tests), sample, data.described, of_data(data))
    assert list(found.columns) == list(sample.columns)
    path = tmp_path / "s.csv"
    found.to_csv(path, index=False)
    shapes = dict.fromkeys(tests, labels.shape)
    assert submission.checked(path, files.sample, data.described, shapes).startswith("valid")
    assert submission.image_ids(found, data.described, path) == tests


def submitted(tmp_path, name, make, labels):
    """The rows of a submission in which every test image has these labels, as lists."""
    _, tests = make(tmp_path / "raw")
    data = settings(tmp_path, name)
    _, files = read_set(tmp_path, data)
    sample = rows.read(files.sample)
    found = submission.table(((i, labels) for i in tests), sample, data.described, of_data(data))
    return found.to_numpy().tolist()


def test_airbus_rows_are_objects_with_ids_of_files(tmp_path):
    labels = np.zeros((48, 48), np.int32)
    labels[2:4, 5], labels[40:48, 47] = 1, 2
    found = submitted(tmp_path, "airbus-ship-detection", competitions.airbus, labels)
    one, two = f"{48 * 5 + 3} 2", f"{48 * 47 + 41} 8"
    assert found == [["t2.jpg", one], ["t2.jpg", two], ["t1.jpg", one], ["t1.jpg", two]]


def test_airbus_without_ships_is_one_empty_cell(tmp_path):
    none = np.zeros((48, 48), np.int32)
    found = submitted(tmp_path, "airbus-ship-detection", competitions.airbus, none)
    assert found == [["t2.jpg", ""], ["t1.jpg", ""]]


def test_carvana_counts_along_the_rows(tmp_path):
    mask = np.zeros(competitions.SIDES, np.int32)
    mask[3, 4:9] = 1
    name = "carvana-image-masking-challenge"
    found = submitted(tmp_path, name, competitions.carvana, mask)
    assert found == [["t_2.jpg", f"{3 * 56 + 5} 5"], ["t_1.jpg", f"{3 * 56 + 5} 5"]]


def test_sartorius_counts_along_the_rows(tmp_path):
    labels = np.zeros(competitions.SIDES, np.int32)
    labels[0, 0], labels[1, 2:4] = 1, 2
    name = "sartorius-cell-instance-segmentation"
    found = submitted(tmp_path, name, competitions.sartorius, labels)
    assert found == [["t1", "1 1"], ["t1", "59 2"]]


@pytest.mark.parametrize("combined", [False, True])
def test_severstal_has_a_row_for_every_class(tmp_path, combined):
    labels = np.zeros((32, 160), np.int32)
    labels[0:2, 0], labels[5, 1] = 1, 4
    make = partial(competitions.severstal, combined=combined)
    found = submitted(tmp_path, "severstal-steel-defect-detection", make, labels)
    texts = ["1 2", "", "", "38 1"]
    if combined:
        assert found[:4] == [[f"t2.jpg_{k}", text] for k, text in enumerate(texts, start=1)]
    else:
        assert found[:4] == [["t2.jpg", str(k), text] for k, text in enumerate(texts, start=1)]
    assert len(found) == 8


def test_clouds_are_submitted_at_350_by_525(tmp_path):
    bits = np.zeros((1400, 2100), np.int32)
    bits[0:8, 4:8] = 1 | 8
    name = "understanding_cloud_organization"
    found = submitted(tmp_path, name, competitions.cloud, bits)
    assert found == [
        ["t1.jpg_Fish", "351 2"],
        ["t1.jpg_Flower", ""],
        ["t1.jpg_Gravel", ""],
        ["t1.jpg_Sugar", "351 2"],
    ]


def test_nothing_is_what_each_competition_writes(tmp_path):
    cases = {
        "google-research-identify-contrails-reduce-global-warming": ((32, 32), ["90", "-"]),
        "blood-vessel-segmentation": (competitions.SIDES, ["kidney_5_0000", "1 0"]),
    }
    for name, (shape, row) in cases.items():
        none = np.zeros(shape, np.int32)
        assert submitted(tmp_path / name, name, SETS[name], none) == [row]


def test_vasculature_joins_objects_with_class_and_confidence(tmp_path):
    labels = np.zeros((48, 48), np.int32)
    labels[0:2, 0], labels[4:, 47] = 1, 2
    name = "hubmap-hacking-the-human-vasculature"
    ((image_id, height, width, cell),) = submitted(tmp_path, name, competitions.vasculature, labels)
    assert (image_id, height, width) == ("t1", "48", "48")
    words = cell.split(" ")
    assert words[0::3] == ["0", "0"]
    assert [float(word) for word in words[1::3]] == [1, 1]
    # COCO's bytes by hand: 5 bits a byte from 48 up, 32 for more to come; counts 0 2 2302.
    first = zlib.decompress(base64.b64decode(words[2]))
    assert first == bytes(
        [48, 50, 48 + 32 + (2302 & 31), 48 + 32 + (2302 >> 5 & 31), 48 + (2302 >> 10)]
    )


def test_uw_without_a_sample_has_all_classes_of_test_images(tmp_path):
    competitions.uw_madison(tmp_path / "raw")
    source = tmp_path / "raw/train/case1/case1_day2"
    shutil.copytree(source, tmp_path / "raw/test/case9/case9_day1")
    images, files = read_set(tmp_path, settings(tmp_path, "uw-madison-gi-tract-image-segmentation"))
    sample = rows.read(files.sample)
    assert list(sample.columns) == ["id", "class", "predicted"]
    assert sample.iloc[0].tolist() == ["case9_day1_slice_0001", "large_bowel", ""]
    assert len(sample) == 6
    assert images["group"].loc[["case1_day2_slice_0001", "case7_day0_slice_0001"]].tolist() == [
        "case1",
        "case7",
    ]


def zipped(raw: Path, folder: str, *, inside: bool) -> None:
    """Replace a folder by its zip, whose members begin with its name or not."""
    place = raw / folder
    root, base = (raw, folder) if inside else (place, ".")
    shutil.make_archive(str(place), "zip", root, base)
    shutil.rmtree(place)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("name", ["airbus-ship-detection", "carvana-image-masking-challenge"])
def test_zips_need_no_unpacking(tmp_path, name, inside):
    truth, tests = SETS[name](tmp_path / "raw")
    for folder in [place.name for place in (tmp_path / "raw").iterdir() if place.is_dir()]:
        zipped(tmp_path / "raw", folder, inside=inside)
    table = "train_ship_segmentations_v2.csv" if "airbus" in name else "train_masks.csv"
    (tmp_path / "raw" / table).rename(tmp_path / "kept.csv")
    with zipfile.ZipFile(tmp_path / f"raw/{table}.zip", "w") as archive:
        archive.write(tmp_path / "kept.csv", table)
    images, _ = read_set(tmp_path, settings(tmp_path, name))
    for image_id, labels in truth.items():
        assert np.array_equal(read_labels(tmp_path / images["labels"][image_id]), labels)
    assert set(images.index[images["split"] == "test"]) == set(tests)


def test_the_whole_download_as_one_zip(tmp_path):
    truth, _ = competitions.salt(tmp_path / "all")
    (tmp_path / "raw").mkdir()
    shutil.make_archive(
        str(tmp_path / "raw/tgs-salt-identification-challenge"), "zip", tmp_path / "all"
    )
    images, _ = read_set(tmp_path, settings(tmp_path, "tgs-salt-identification-challenge"))
    assert np.array_equal(read_labels(tmp_path / images["labels"]["a_01"]), truth["a_01"])


def test_masks_are_read_from_files_where_no_table_is(tmp_path):
    for name, file in (
        ("carvana-image-masking-challenge", "train_masks.csv"),
        ("tgs-salt-identification-challenge", "train.csv"),
        ("ultrasound-nerve-segmentation", "train_masks.csv"),
    ):
        place = tmp_path / name
        truth, _ = SETS[name](place / "raw")
        (place / "raw" / file).unlink()
        images, _ = read_set(place, settings(place, name))
        for image_id, mask in truth.items():
            assert np.array_equal(read_labels(place / images["labels"][image_id]), mask)


def test_the_wrong_order_is_named(tmp_path):
    competitions.uw_madison(tmp_path / "raw", order="columns")
    with pytest.raises(
        UserError, match='decoded by rows .* pieces, by columns .*order = "columns"'
    ):
        read_set(tmp_path, settings(tmp_path, "uw-madison-gi-tract-image-segmentation"))
    more = 'like = "uw-madison-gi-tract-image-segmentation"\norder = "columns"\n'
    config = tmp_path / "y.toml"
    config.write_text(f'[data]\ndataset = "x"\n[data.dialect]\n{more}')
    images, _ = read_set(tmp_path, read.load(config).data)
    assert images["n_objects"].tolist() == [3, 3, 3]


def test_the_wrong_order_of_square_images_is_told_by_mask_files(tmp_path):
    truth, _ = competitions.salt(tmp_path / "raw")
    turned = [(name, pairs(mask, "rows")) for name, mask in truth.items()]
    competitions.table(tmp_path / "raw/train.csv", ["id", "rle_mask"], turned)
    with pytest.raises(UserError, match='by rows they agree: order = "rows"'):
        read_set(tmp_path, settings(tmp_path, "tgs-salt-identification-challenge"))


@pytest.mark.parametrize("order", ["columns", "rows"])
def test_the_wrong_order_of_square_images_is_told_by_the_pictures(tmp_path, order):
    table = []
    for n in range(12):
        labels = competitions.painted((48, 48), 3, seed=n)
        competitions.write(tmp_path / f"raw/train_v2/a{n}.jpg", competitions.picture(labels, n))
        table += [(f"a{n}.jpg", pairs(labels == k, order)) for k in range(1, 4)]
    path = tmp_path / "raw/train_ship_segmentations_v2.csv"
    competitions.table(path, ["ImageId", "EncodedPixels"], table)
    data = settings(tmp_path, "airbus-ship-detection")
    if order == "columns":
        assert len(read_set(tmp_path, data)[0]) == 12
        return
    with pytest.raises(UserError, match='square pictures better .*order = "rows"'):
        read_set(tmp_path, data)


@pytest.mark.parametrize(("written", "configured", "rows"), [(0, 1, (0, 9)), (1, 0, (31, 40))])
def test_a_base_off_by_one_is_named(tmp_path, written, configured, rows):
    """An object at the top edge begins a pixel too early, one at the bottom ends a pixel too late."""
    truth, _ = competitions.hubmap_organ(tmp_path / "raw")
    mask = np.zeros(competitions.SIDES, np.int32)
    mask[slice(*rows), 10:30] = 1
    texts = [(name, pairs(mask, base=written)) for name in truth]
    competitions.table(tmp_path / "raw/train.csv", ["id", "rle"], texts)
    more = f'like = "hubmap-organ-segmentation"\nbase = {configured}\n'
    (tmp_path / "y.toml").write_text(f'[data]\ndataset = "x"\n[data.dialect]\n{more}')
    with pytest.raises(UserError, match=rf"around an edge .* base = {written}\?"):
        read_set(tmp_path, read.load(tmp_path / "y.toml").data)


def test_relative_pairs_are_recognised(tmp_path):
    truth, _ = competitions.hubmap_organ(tmp_path / "raw")
    texts = [(name, competitions.relative(mask)) for name, mask in truth.items()]
    competitions.table(tmp_path / "raw/train.csv", ["id", "rle"], texts)
    with pytest.raises(UserError, match=r'train.csv: image 10044: .*codec = "relative"\?'):
        read_set(tmp_path, settings(tmp_path, "hubmap-organ-segmentation"))


def test_a_run_beyond_the_image_names_base_and_size(tmp_path):
    truth, _ = competitions.hubmap_organ(tmp_path / "raw")
    competitions.table(
        tmp_path / "raw/train.csv", ["id", "rle"], [(name, "2239 3") for name in truth]
    )
    with pytest.raises(
        UserError, match="ends 1 px beyond the image of 40x56 pixels, counted from base 1"
    ):
        read_set(tmp_path, settings(tmp_path, "hubmap-organ-segmentation"))


def test_an_unreadable_picture_is_refused_or_left_out(tmp_path):
    competitions.airbus(tmp_path / "raw")
    (tmp_path / "raw/train_v2/a3.jpg").write_bytes(b"\xff\xd8 not a picture")
    with pytest.raises(UserError, match="a3: image unreadable: .*strict=0"):
        read_set(tmp_path, settings(tmp_path, "airbus-ship-detection"))
    images, files = read_set(tmp_path, settings(tmp_path, "airbus-ship-detection"), strict=False)
    assert "a3" not in images.index
    problems = pd.read_csv(files.problems).set_index("image_id")["kind"]
    assert problems["a3"] == "image unreadable"


def test_overlapping_objects_the_smaller_keeps_the_pixel(tmp_path):
    competitions.airbus(tmp_path / "raw")
    large, small = np.zeros((2, 48, 48), bool)
    large[4:20, 4:20], small[10:14, 10:14] = True, True
    path = tmp_path / "raw/train_ship_segmentations_v2.csv"
    texts = [("a3.jpg", pairs(large)), ("a3.jpg", pairs(small))]
    competitions.table(path, ["ImageId", "EncodedPixels"], texts)
    images, files = read_set(tmp_path, settings(tmp_path, "airbus-ship-detection"))
    labels = read_labels(tmp_path / images["labels"]["a3"])
    assert np.bincount(labels.ravel()).tolist() == [48 * 48 - 256, 240, 16]
    noted = pd.read_csv(files.problems)
    assert "16 px, given to the smaller object" in noted["detail"].tolist()


def test_a_missing_column_names_the_nearest(tmp_path):
    competitions.airbus(tmp_path / "raw")
    path = tmp_path / "raw/train_ship_segmentations_v2.csv"
    competitions.table(path, ["ImageId", "EncodedPixel"], [("a3.jpg", "1 1")])
    with pytest.raises(UserError, match="no column EncodedPixels .* mean EncodedPixel"):
        read_set(tmp_path, settings(tmp_path, "airbus-ship-detection"))


def test_a_folder_of_something_else_is_told_what_is_missing(tmp_path):
    competitions.salt(tmp_path / "raw")
    with pytest.raises(
        UserError, match=r"no training images train_v2/\{id\}.jpg .* found .*train/"
    ):
        read_set(tmp_path, settings(tmp_path, "airbus-ship-detection"))


def test_dicom_is_refused_in_one_line_without_pydicom(tmp_path):
    if importlib.util.find_spec("pydicom"):
        pytest.skip("pydicom is installed")
    path = tmp_path / "raw/dicom-images-train/a/b/1.2.3.dcm"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(128) + b"DICM")
    (tmp_path / "raw/train-rle.csv").write_text("ImageId, EncodedPixels\n1.2.3,10 2 5 2\n")
    with pytest.raises(UserError, match=r"DICOM needs pydicom; install .*segline\[dicom\]"):
        read_set(tmp_path, settings(tmp_path, "siim-acr-pneumothorax-segmentation"))


def test_siim_rows_with_a_space_in_the_header_and_several_an_image(tmp_path):
    """Of pictures saved as PNG, as many did."""
    raw = tmp_path / "raw"
    one, two = np.zeros((2, 40, 44), bool)
    one[5:15, 3:9], two[20:30, 20:40] = True, True
    for name in ("1.2.3", "1.2.4", "1.2.5"):
        competitions.write(raw / f"png/{name}.png", competitions.picture(one, 1, colour=False))
    texts = [
        f"1.2.3, {competitions.relative(one)}",
        f"1.2.3, {competitions.relative(two)}",
        "1.2.4, -1",
    ]
    (raw / "train-rle.csv").write_text(
        "\n".join(["ImageId, EncodedPixels", *texts, "1.2.5,-1"]) + "\n"
    )
    config = tmp_path / "y.toml"
    config.write_text(
        '[data]\ndataset = "x"\n[data.dialect]\nlike = "siim-acr-pneumothorax-segmentation"\n'
        'images = "png/{id}.png"\n'
    )
    images, _ = read_set(tmp_path, read.load(config).data)
    assert np.array_equal(read_labels(tmp_path / images["labels"]["1.2.3"]), one | two)
    assert not read_labels(tmp_path / images["labels"]["1.2.4"]).any()


def test_every_dialect_has_a_set_here():
    others = {
        "data-science-bowl-2018",
        "siim-acr-pneumothorax-segmentation",
    }  # each has its own test
    assert set(known()) == set(SETS) | others


def test_channels_are_colours_between_their_own_ends(tmp_path):
    name = "google-research-identify-contrails-reduce-global-warming"
    truth, _ = competitions.contrails(tmp_path / "raw")
    images, _ = read_set(tmp_path, settings(tmp_path, name))
    found = cv2.imread(str(tmp_path / images["image"]["11"]))[..., ::-1]
    # bands are 270 + number + 2 in contrails: 15 - 14 = 1 in -4..2, 14 - 11 = 3 in -4..5, 284 in 243..303
    assert found[truth["11"] == 0][0].tolist() == [212, 198, 174]
    assert found[truth["11"] == 1][0].tolist() == [212, 198, 183]


def test_the_home_competition_by_its_slug_is_read_as_by_default(tmp_path):
    """By the layout dsb2018, and the same by the table alone."""
    dsb2018.write(tmp_path / "raw", size="tiny", seed=0)
    ways = {"plain": Data(dataset="x"), "slug": settings(tmp_path, "data-science-bowl-2018")}
    like = 'like = "data-science-bowl-2018"\nsource = "dialect"\n'
    (tmp_path / "y.toml").write_text(f"[data.dialect]\n{like}")
    ways["table"] = read.load(tmp_path / "y.toml").data
    hashes = {}
    for name, data in ways.items():
        files = DataFiles(tmp_path / name)
        ingest(tmp_path / "raw", files, data, root=tmp_path)
        hashes[name] = (read_json(files.summary)["data_hash"], files.sample.read_text())
    assert hashes["plain"] == hashes["slug"] == hashes["table"]


def test_objects_come_from_folders_of_label_images_too(tmp_path):
    """And, of masks of two values, from their pieces."""
    labels = competitions.painted(competitions.SIDES, 3, seed=5)
    for name, mask in (("a", labels * 7), ("b", (labels > 0) * 255)):
        competitions.write(tmp_path / f"raw/images/{name}.png", competitions.picture(labels, 1))
        competitions.write(tmp_path / f"raw/masks/{name}.png", mask.astype(np.uint16))
    keys = 'images = "images/{id}.png"\nmasks = "masks/{id}.png"\ntable = []\nrows = "object"\n'
    (tmp_path / "y.toml").write_text(f'[data]\ndataset = "x"\n[data.dialect]\n{keys}')
    images, _ = read_set(tmp_path, read.load(tmp_path / "y.toml").data)
    assert np.array_equal(read_labels(tmp_path / images["labels"]["a"]), labels)
    pieces = read_labels(tmp_path / images["labels"]["b"])
    assert pieces.max() == 3
    assert np.array_equal(pieces > 0, labels > 0)


def test_json_lists_joined_in_one_cell(tmp_path):
    """As recodai-luc-scientific-image-forgery-detection: `[start, length, ...]` joined by `;`."""
    labels = competitions.painted(competitions.SIDES, 2, seed=3)
    for name in ("a", "b"):
        competitions.write(tmp_path / f"raw/train/{name}.png", competitions.picture(labels, 1))
    competitions.write(tmp_path / "raw/test/t.png", competitions.picture(labels, 1))
    cells = [f"[{', '.join(pairs(labels == k).split())}]" for k in (1, 2)]
    rows_ = [("a", ";".join(cells)), ("b", "authentic")]
    competitions.table(tmp_path / "raw/train.csv", ["case_id", "annotation"], rows_)
    keys = 'codec = "lists"\njoined = ";"\nempty = "authentic"\nempty_written = "authentic"\n'
    columns = 'columns = [{ id = "case_id", mask = "annotation" }]\n'
    (tmp_path / "y.toml").write_text(f'[data]\ndataset = "x"\n[data.dialect]\n{keys}{columns}')
    data = read.load(tmp_path / "y.toml").data
    images, files = read_set(tmp_path, data)
    assert np.array_equal(read_labels(tmp_path / images["labels"]["a"]), labels)
    assert images["n_objects"]["b"] == 0
    sample = rows.read(files.sample)
    found = submission.table([("t", labels)], sample, data.described, None)
    assert found.to_numpy().tolist() == [["t", ";".join(cells)]]
    found.to_csv(tmp_path / "s.csv", index=False)
    shapes = {"t": labels.shape}
    said = submission.checked(tmp_path / "s.csv", files.sample, data.described, shapes)
    assert said == "valid; 1 rows, 2 masks"
