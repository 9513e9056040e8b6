"""`make new` on every kind of folder; what it writes is then read by `make data`."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.layouts import competitions
from data.layouts.competitions import disc, painted, pairs, picture, relative, table, write
from data.layouts.test_dialect import CASES
from segline.base.errors import UserError
from segline.base.files import read_labels
from segline.config import read
from segline.config.places import DataFiles
from segline.config.tables.dialect import Coding
from segline.data import tables
from segline.masks import codecs
from segline.stages import new
from segline.stages.data import ingest
from segline.synthetic import dsb2018, jobs

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture
def make(tmp_path, capsys):
    """`make new name=x raw=raw`; the config it writes, its text and what was printed."""

    (tmp_path / "configs").mkdir()
    shutil.copy(CONFIGS / "quick.toml", tmp_path / "configs")

    def run(name="x"):
        before = listing(tmp_path / "raw")
        new.run(name, tmp_path / "raw", tmp_path / "configs", tmp_path / "data")
        assert listing(tmp_path / "raw") == before
        path = tmp_path / f"configs/{name}.toml"
        return read.load(path), path.read_text(), " ".join(capsys.readouterr().out.split())

    return run


def listing(raw):
    return {path: path.stat().st_mtime_ns for path in raw.rglob("*")}


def ingested(tmp_path, config):
    """Label images by id, as `make data` makes them of the raw folder; and the ids of test images."""
    files = DataFiles(tmp_path / "interim/x")
    ingest(tmp_path / "raw", files, config.data, root=tmp_path)
    images = tables.read_images(files.images).set_index("image_id")
    train = images[images["split"] == "train"]
    labels = {i: read_labels(tmp_path / path) for i, path in train["labels"].items()}
    return labels, set(images.index[images["split"] == "test"])


def assert_reads(tmp_path, config, truth, tests=()):
    labels, found = ingested(tmp_path, config)
    assert labels.keys() == truth.keys()
    assert all(np.array_equal(labels[name], truth[name]) for name in truth)
    assert found == set(tests)


@pytest.mark.parametrize("packed", [False, True], ids=["unpacked", "zips"])
@pytest.mark.parametrize(("slug", "paint"), CASES)
def test_a_known_competition_is_named(tmp_path, make, slug, paint, packed):
    raw = tmp_path / "raw"
    truth, tests = paint(raw)
    if packed:
        pack(raw)
    config, text, said = make()
    assert f'\ndialect = "{slug}"' in text
    assert "[data.dialect]" not in text
    assert config.data.competition == slug
    assert (f"the competition {slug}" in said, "fits too" in said) == (True, False)
    assert_reads(tmp_path, config, truth, tests)


def pack(raw):
    """Every folder at the top as the zip that it came from."""
    for folder in [path for path in raw.iterdir() if path.is_dir()]:
        with zipfile.ZipFile(f"{folder}.zip", "w") as archive:
            for path in folder.rglob("*.*"):
                archive.write(path, path.relative_to(folder))
        shutil.rmtree(folder)


def test_dsb2018_is_named(tmp_path, make):
    dsb2018.write(tmp_path / "raw", size="tiny", seed=1)
    config, text, _ = make()
    assert 'dialect = "data-science-bowl-2018"' in text
    assert (config.data.source, config.input.mode) == ("dsb2018", "nuclei")


def test_siim_is_named_and_what_it_lacks_is_said(tmp_path, make):
    raw = tmp_path / "raw"
    for name in ("a", "b"):
        path = raw / f"dicom-images-train/1/2/{name}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(128) + b"DICM")
    (raw / "dicom-images-test").mkdir()
    (raw / "train-rle.csv").write_text("ImageId, EncodedPixels\na, 3 2 4 1\nb, -1\n")
    _, text, said = make()
    assert 'dialect = "siim-acr-pneumothorax-segmentation"' in text
    assert "not read" in said  # it needs pydicom or, where that is there, these are none


def test_an_order_that_the_masks_refute_is_turned_round(tmp_path, make):
    truth, tests = competitions.uw_madison(tmp_path / "raw", order="columns")
    config, text, said = make()
    assert 'like = "uw-madison-gi-tract-image-segmentation"' in text
    assert 'order = "columns"' in text
    assert "not as uw-madison-gi-tract-image-segmentation says" in said
    assert config.data.competition == "uw-madison-gi-tract-image-segmentation"
    assert_reads(tmp_path, config, truth, tests)


SHAPE = (44, 60)


def classed(raw, *, order="rows", base=0, values=("large car", "7"), empty="none"):
    """An unknown competition: a row an image x class, names and spellings that nobody else has."""
    truth = {}
    rows = []
    for n in range(6):
        labels = painted(SHAPE, 2, seed=n)
        labels[disc(SHAPE, 20, 59, 9)], labels[disc(SHAPE, 30, 0, 9)] = 2, 1
        labels[labels > n] = 0
        truth[f"p{n}"] = labels
        write(raw / f"pictures/train/p{n}.png", picture(labels, n))
        rows += [
            (f"p{n}.png", 9 - n, value, pairs(labels == k, order, base) or empty)
            for k, value in enumerate(values, start=1)
        ]
    table(raw / "labels_final.csv", ["file", "weight", "kind", "runs"], rows)
    write(raw / "pictures/test/q.png", picture(truth["p3"], 9))
    table(
        raw / "sample_sub.csv", ["file", "kind", "prediction"], [("q.png", v, "") for v in values]
    )
    return truth


def test_an_unknown_table_is_guessed_key_by_key(tmp_path, make):
    truth = classed(tmp_path / "raw")
    truth = {name: renumbered(labels) for name, labels in truth.items()}
    config, text, said = make()
    dialect = config.data.dialect
    assert (dialect.codec, dialect.order, dialect.base, dialect.rows) == (
        *("pairs", "rows", 0),
        "class",
    )
    (columns,) = dialect.columns
    assert (columns.id, columns.class_column, columns.mask) == ("file", "kind", "runs")
    assert dialect.classes == ("background", "class_7", "large_car")
    assert dialect.class_values == ("7", "large car")
    assert (dialect.empty, dialect.empty_written, dialect.ending) == (("none",), "none", ".png")
    assert (dialect.table, dialect.sample) == (("labels_final.csv",), ("sample_sub.csv",))
    assert (dialect.images, dialect.test_images) == (
        ("pictures/train/{id}.png",),
        ("pictures/test/{id}.png",),
    )
    assert dialect.submission[0].mask == "prediction"
    assert (config.data.task, config.input.mode) == ("semantic", "rgb")
    assert "pieces" in text  # the evidence of the order
    assert "competition =" in text
    assert "large_car" in said
    assert_reads(tmp_path, config, truth, ["q"])


def renumbered(labels):
    """Classes in the order of their values: '7' before 'large car'."""
    return np.choose(labels, [0, 2, 1])


@pytest.mark.parametrize(("order", "base"), [("columns", 1), ("columns", 0), ("rows", 1)])
def test_order_and_base_come_from_the_masks(tmp_path, make, order, base):
    classed(tmp_path / "raw", order=order, base=base)
    config, text, _ = make()
    assert (config.data.dialect.order, config.data.dialect.base) == (order, base)
    assert "NOT TOLD" not in text


def test_what_cannot_be_told_is_said(tmp_path, make):
    raw = tmp_path / "raw"
    for n in range(3):
        labels = disc((40, 40), 20, 12 + n, 6).astype(np.int32)
        write(raw / f"train/p{n}.png", picture(labels, n))
    rows = [(f"p{n}", pairs(disc((40, 40), 20, 12 + n, 6))) for n in range(3)]
    table(raw / "train.csv", ["image", "rle"], rows)
    config, text, _ = make()
    assert text.count("NOT TOLD") == 2
    assert config.data.dialect.rows == "image"


def test_relative_pairs_of_objects_and_an_image_without_row(tmp_path, make):
    raw = tmp_path / "raw"
    truth = {f"p{n}": painted(SHAPE, n + 1, seed=n) for n in range(4)}
    for name, labels in truth.items():
        write(raw / f"train/{name}.png", picture(labels, 1, colour=False))
    write(raw / "train/alone.png", picture(truth["p1"], 1, colour=False))
    rows = [
        (name, relative(labels == k))
        for name, labels in truth.items()
        for k in range(1, labels.max() + 1)
    ]
    table(raw / "train.csv", ["image", "rle"], rows)
    config, _, said = make()
    assert (config.data.dialect.codec, config.data.task) == ("relative", "instances")
    assert config.data.dialect.unlisted == "empty"
    assert "1 images have no row, first alone" in said
    assert_reads(tmp_path, config, truth | {"alone": np.zeros(SHAPE, np.int32)})


def outline(top, left, bottom, right):
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def spelled(codec, corners, mask):
    """The text of a filled rectangle."""
    if codec == "polygons":
        return json.dumps([[outline(*corners)]])
    if codec == "wkt":
        ring = [*outline(*corners), outline(*corners)[0]]
        return f"POLYGON (({', '.join(f'{x} {y}' for x, y in ring)}))"
    return codecs.encode(mask, Coding(codec=codec))


@pytest.mark.parametrize("codec", ["lists", "coco", "wkt", "polygons"])
def test_other_spellings(tmp_path, make, codec):
    raw, truth, rows = tmp_path / "raw", {}, []
    for n in range(4):
        labels = np.zeros(SHAPE, np.int32)
        for k, corners in enumerate(((3 + n, 5, 20, 25), (22, 30, 43, 59 - n)), start=1):
            labels[corners[0] : corners[2] + 1, corners[1] : corners[3] + 1] = k
            rows.append((f"p{n}", spelled(codec, corners, labels == k)))
        truth[f"p{n}"] = labels
        write(raw / f"train/p{n}.png", picture(labels, n))
    table(raw / "train.csv", ["image", "shape"], rows)
    config, _, _ = make()
    assert (config.data.dialect.codec, config.data.task) == (codec, "instances")
    assert_reads(tmp_path, config, truth)


def test_ids_that_hold_the_class(tmp_path, make):
    raw = tmp_path / "raw"
    truth = {f"a_{n}": painted(SHAPE, 2, seed=n) for n in range(3)}
    for name, labels in truth.items():
        write(raw / f"train/{name}.jpg", picture(labels, 1))
    rows = [
        (f"{name}.jpg_{value}", pairs(labels == k))
        for name, labels in truth.items()
        for k, value in ((1, "big_ship"), (2, "car"))
    ]
    table(raw / "train.csv", ["Id_Kind", "Mask"], rows)
    config, _, _ = make()
    (columns,) = config.data.dialect.columns
    assert (columns.split, config.data.classes) == ("_", ("background", "big_ship", "car"))
    assert_reads(tmp_path, config, truth)


def semantic(raw, values, *, images="images", masks="masks", n=8, **options):
    """Folders of images and masks; the truth by stem."""
    truth = {}
    for number in range(n):
        labels = painted((64, 80), len(values) - 1, seed=number)
        truth[f"s{number}"] = labels
        write(raw / f"{images}/s{number}.png", picture(labels, number, **options))
        write(raw / f"{masks}/s{number}.png", np.array(values, np.uint8)[labels])
    return truth


def test_folders_of_two_values(tmp_path, make):
    truth = semantic(tmp_path / "raw", [0, 255], colour=False)
    config, text, said = make()
    assert (config.data.source, config.data.task) == ("folders", "semantic")
    assert (config.input.mode, config.train.crop_px) == ("grey", 64)
    assert "[data.dialect]" not in text
    assert "none found: the submission will have no rows" in said
    assert_reads(tmp_path, config, truth)


def test_class_numbers_and_255_which_is_not_a_class(tmp_path, make):
    raw = tmp_path / "raw"
    truth = semantic(raw, [0, 1, 2, 255])
    config, text, said = make()
    assert config.data.ignore == 255
    assert config.data.classes == ("background", "class_1", "class_2")
    assert "likely unknown" in text
    assert "class_2" in said
    labels, _ = ingested(tmp_path, config)
    assert all((labels[n] == np.where(truth[n] == 3, 65535, truth[n])).all() for n in truth)


def test_grey_levels_that_are_no_numbers(tmp_path, make):
    truth = semantic(tmp_path / "raw", [0, 90, 200])
    config, _, _ = make()
    assert config.data.colours == ("#000000", "#5a5a5a", "#c8c8c8")
    assert_reads(tmp_path, config, truth)


def test_colours(tmp_path, make):
    truth = semantic(tmp_path / "raw", [(0, 0, 0), (255, 0, 0), (0, 255, 0)])
    config, text, _ = make()
    assert config.data.colours == ("#000000", "#00ff00", "#ff0000")
    assert "share of the pixels: #000000" in text
    assert_reads(tmp_path, config, {k: np.choose(v, [0, 2, 1]) for k, v in truth.items()})


def test_pairs_in_other_folders_and_an_image_without_mask(tmp_path, make):
    raw = tmp_path / "raw"
    truth = semantic(raw, [0, 1], images="set/pictures", masks="set/truth")
    for path in (raw / "set/truth").iterdir():
        path.rename(path.with_name(f"{path.stem}_gt.png"))
    write(raw / "set/pictures/alone.png", picture(truth["s1"], 1))
    write(raw / "set/test/t.png", picture(truth["s1"], 1))
    config, _, said = make()
    assert config.data.dialect.masks == ("set/truth/{id}_gt.png",)
    assert "1 images, first set/pictures/alone.png" in said
    lenient = config.data.model_copy(update={"strict": False})
    assert_reads(tmp_path, config.model_copy(update={"data": lenient}), truth, ["t"])


def test_a_folder_an_image(tmp_path, make):
    raw, truth = tmp_path / "raw", {}
    for number in range(5):
        truth[f"case{number}"] = painted((64, 80), 1, seed=number)
        write(raw / f"data/case{number}/photo.png", picture(truth[f"case{number}"], 1))
        mask = (truth[f"case{number}"] * 255).astype(np.uint8)
        write(raw / f"data/case{number}/mask.png", mask)
    config, _, _ = make()
    assert config.data.dialect.images == ("data/{id}/photo.png",)
    assert_reads(tmp_path, config, truth)


def numbered(raw, *, images="images", masks="labels"):
    """Label images of 10 to 14 objects, every one connected."""
    truth = {}
    for number in range(6):
        labels = np.zeros((96, 120), np.int32)
        for k in range(10 + number % 5):
            labels[disc(labels.shape, 10 + 18 * (k // 6), 10 + 20 * (k % 6), 5 + k % 3)] = k + 1
        truth[f"n{number}"] = labels
        write(raw / f"{images}/n{number}.png", picture(labels, number, colour=False))
        write(raw / f"{masks}/n{number}.png", labels.astype(np.uint16))
    return truth


def test_numbered_objects(tmp_path, make):
    truth = numbered(tmp_path / "raw")
    config, text, said = make()
    assert (config.data.task, config.input.mode) == ("instances", "nuclei")
    assert "values looked at are one connected piece each" in text
    assert "72 in 6 masks" in said or "objects" in said
    assert_reads(tmp_path, config, truth)


def test_folders_of_a_mask_an_object(tmp_path, make):
    raw = tmp_path / "raw"
    objects_as_files(raw, ("stage1_train", "stage1_test"))
    config, text, _ = make()
    assert (config.data.source, config.data.task) == ("dsb2018", "instances")
    assert "extends" in text
    labels, tests = ingested(tmp_path, config)
    assert (len(labels), len(tests)) == (4, 1)
    assert all(found.max() == 3 for found in labels.values())


def objects_as_files(raw, folders):
    for number in range(5):
        labels = painted(SHAPE, 3, seed=number)
        place = raw / folders[number == 4] / f"d{number}"
        write(place / f"images/d{number}.png", picture(labels, number))
        for k in range(1, 4) if number < 4 else ():
            write(place / f"masks/m{k}.png", ((labels == k) * 255).astype(np.uint8))


def test_folders_of_a_mask_an_object_that_are_called_otherwise(tmp_path, make):
    objects_as_files(tmp_path / "raw", ("train", "test"))
    with pytest.raises(UserError, match=r"reads from the folders stage1_train and stage1_test"):
        make()


def test_archives(tmp_path, make):
    raw = tmp_path / "raw"
    raw.mkdir()
    truth = np.stack([painted((48, 64), 1, seed=n) for n in range(6)])
    images = np.stack([picture(labels, 1) for labels in truth])
    np.savez(raw / "train.npz", images, (truth * 255).astype(np.uint8))
    config, _, _ = make()
    assert (config.data.source, config.data.classes) == ("npz", ("background", "object"))
    labels, _ = ingested(tmp_path, config)
    assert all((labels[f"train-{n:04}"] == truth[n]).all() for n in range(6))


SLOW = pytest.mark.slow  # the generator is


@pytest.mark.parametrize(
    ("name", "n_classes"),
    [
        ("tiny_classes", 2),
        pytest.param("multichannel", 5, marks=SLOW),
        pytest.param("two_stage", 4, marks=SLOW),
        pytest.param("multiclass", 4, marks=SLOW),
    ],
)
def test_what_the_generators_write(tmp_path, make, name, n_classes):
    jobs.write(tmp_path / "raw", name=name, seed=1)
    config, _, _ = make()
    assert (config.data.source, len(config.data.classes)) == ("folders", n_classes)


def test_hostile_names_are_text(tmp_path, make):
    raw = tmp_path / "raw"
    odd = 'im"a{ges}\\\n*[red]$(touch hole)\x1b[1m'
    truth = semantic(raw, [0, 1], images=f"{odd}/pics", masks=f"{odd}/masks", n=4)
    values = ('a"b', "c]\n[x", "tab\t,", "\x7f")
    rows = [(name, value, pairs(each == 1)) for name, each in truth.items() for value in values]
    table(raw / "t.csv", ["na'me", 'cla"ss\\', "m=\x1b"], rows)
    config, text, said = make()
    assert set(config.data.dialect.class_values) == {value.strip() for value in values}
    assert config.data.dialect.columns[0].class_column == 'cla"ss\\'
    assert "\x1b" not in text + said
    labels, _ = ingested(tmp_path, config)
    assert labels.keys() == truth.keys()


def test_bytes_that_are_no_text_are_one_line(tmp_path, make):
    raw = tmp_path / "raw"
    semantic(raw, [0, 1], images="cafe", masks="cafe_masks")
    (raw / "cafe").rename(raw / "caf\udce9")
    with pytest.raises(UserError, match="no UTF-8; rename"):
        make()
    assert [path.name for path in (tmp_path / "configs").iterdir()] == ["quick.toml"]


def test_nothing_is_one_line_that_says_what_was_sought_and_found(tmp_path, make):
    raw = tmp_path / "raw"
    for number in range(3):
        write(raw / f"holiday/{number}.jpg", picture(painted(SHAPE, 2, number), 1))
    (raw / "notes.csv").write_text("a,b\n1,2\n")
    with pytest.raises(
        UserError, match=r"nothing recognised: .*found holiday/\*.jpg: 3, notes.csv"
    ):
        make()
    shutil.rmtree(raw)
    raw.mkdir()
    with pytest.raises(UserError, match="nothing recognised: .*found nothing"):
        make()


@pytest.mark.parametrize("name", ["", "../x", "a b", "-x", "a\n", "a/b"])
def test_a_name_is_checked(tmp_path, make, name):
    semantic(tmp_path / "raw", [0, 255], n=2)
    with pytest.raises(UserError, match="expected letters, digits"):
        make(name)


def test_a_config_that_is_there_stays(tmp_path, make):
    semantic(tmp_path / "raw", [0, 255], n=2)
    (tmp_path / "configs/x.toml").write_text("mine")
    with pytest.raises(UserError, match=r"x.toml: is there already"):
        make()
    assert (tmp_path / "configs/x.toml").read_text() == "mine"


def test_a_data_set_that_is_there_keeps_its_folder(tmp_path, make):
    semantic(tmp_path / "raw", [0, 255], n=2)
    (tmp_path / "data/interim/x").mkdir(parents=True)
    (tmp_path / "data/interim/x/images.csv").write_text("")
    with pytest.raises(UserError, match="a data set x is there already"):
        make()


def test_a_missing_folder_is_one_line(tmp_path, capsys):
    with pytest.raises(UserError, match="no such folder"):
        new.run("x", tmp_path / "none", tmp_path / "configs", tmp_path / "data")


def test_the_folder_is_remembered(tmp_path, make):
    semantic(tmp_path / "raw", [0, 255], n=2)
    _, _, said = make()
    assert (tmp_path / "data/raw/x.path").read_text() == f"{tmp_path / 'raw'}\n"
    assert "next: make data config=x" in said


def test_a_stack_is_told_with_its_pages(tmp_path, make):
    raw = tmp_path / "raw"
    semantic(raw, [0, 255])
    (raw / "images/s0.png").unlink()
    layers = [Image.fromarray(np.full((64, 80), n, np.uint8)) for n in range(3)]
    layers[0].save(raw / "images/s0.tif", save_all=True, append_images=layers[1:])
    _, _, said = make()
    assert "a stack of 3 pages" in said


def objects(raw, name, *, classes=(), n=4, values=False):
    """Images and a mask file an object, called as `name` says; the label images by stem."""
    truth = {}
    for number in range(n):
        labels = painted(SHAPE, 4, seed=number)
        truth[f"p{number}"] = labels
        write(raw / f"train_images/p{number}.png", picture(labels, number))
        for k in range(1, labels.max() + 1):
            of_class = classes[k % len(classes)] if classes else ""
            path = raw / "masks" / name.format(id=f"p{number}", n=k, c=of_class)
            write(path, ((labels == k) * (k if values else 255)).astype(np.uint8))
    write(raw / "test_images/t.png", picture(truth["p1"], 9))
    return truth


def regions(labels):
    """The label image as a set of objects, whatever their numbers."""
    return {(labels == k).tobytes() for k in np.unique(labels) if k}


def assert_objects(tmp_path, config, truth):
    labels, tests = ingested(tmp_path, config)
    assert labels.keys() == truth.keys()
    assert all(regions(labels[name]) == regions(truth[name]) for name in truth)
    assert tests == {"t"}


@pytest.mark.parametrize("name", ["{id}/{n}.png", "{id}_{n}.png", "{id}/{id}-{n}.png"])
def test_a_mask_file_an_object(tmp_path, make, name):
    truth = objects(tmp_path / "raw", name)
    config, text, said = make()
    assert (config.data.source, config.data.task) == ("folders", "instances")
    assert "[data.dialect]" not in text
    assert ("16 mask files of 4 images" in said, "not used" in said) == (True, False)
    assert_objects(tmp_path, config, truth)


@pytest.mark.parametrize("name", ["{c}/{id}/{n}.png", "{c}/{id}_{n}.png"])
def test_a_folder_of_masks_a_class(tmp_path, make, name):
    truth = objects(tmp_path / "raw", name, classes=("big", "red"))
    config, _, _ = make()
    assert (config.data.source, config.data.object_classes) == ("folders", ("big", "red"))
    assert_objects(tmp_path, config, truth)


def test_one_mask_an_image_and_class(tmp_path, make):
    raw = tmp_path / "raw"
    objects(raw, "{id}.png")
    shutil.rmtree(raw / "masks")
    for number in range(4):
        for k, name in ((1, "aa"), (2, "bb")):
            mask = painted(SHAPE, 4, seed=number) == k
            write(raw / f"masks/{name}/p{number}.png", (mask * 255).astype(np.uint8))
    config, text, said = make()
    assert config.data.object_classes == ("aa", "bb")
    assert "classes of pixels instead need one mask file an image" in text
    assert "8 mask files of 4 images" in said


def test_folders_that_part_the_images_are_no_classes(tmp_path, make):
    raw = tmp_path / "raw"
    truth = objects(raw, "one/{id}_{n}.png")
    (raw / "masks/two").mkdir()
    for path in (raw / "masks/one").glob("p[01]_*"):
        path.rename(raw / "masks/two" / path.name)
    config, text, _ = make()
    assert config.data.object_classes == ()
    assert "object_classes = [one, two] if they are classes" in text
    assert_objects(tmp_path, config, truth)


def test_label_images_of_folders(tmp_path, make):
    truth = numbered(tmp_path / "raw", masks="masks")
    config, _, _ = make()
    assert (config.data.source, config.data.label_masks) == ("folders", True)
    assert_reads(tmp_path, config, truth)


def test_objects_in_other_folders_are_refused_with_what_to_do(tmp_path, make):
    raw = tmp_path / "raw"
    objects(raw, "{id}/{n}.png")
    (raw / "masks").rename(raw / "truth")
    with pytest.raises(UserError, match=r"truth/\* holds several masks an image.*call them so"):
        make()


def test_kinds_of_masks_are_no_objects_and_what_is_not_used_is_counted(tmp_path, make):
    raw = tmp_path / "raw"
    semantic(raw, [0, 255])
    for path in list((raw / "masks").iterdir()):
        path.rename(path.with_name(f"{path.stem}_mask.png"))
        write(path.with_name(f"{path.stem}_seg.png"), np.zeros((64, 80), np.uint8))
    write(raw / "more/x.png", picture(painted(SHAPE, 1, 1), 1))
    config, _, said = make()
    assert config.data.task == "semantic"
    assert "8 files masks/{id}.png, first masks/s0_seg.png" in said
    assert "1 files more/{id}.png, first more/x.png" in said


def test_a_class_folder_that_no_reading_takes_is_counted(tmp_path, make):
    raw = tmp_path / "raw"
    semantic(raw, [0, 255], images="pictures", masks="masks/aa")
    shutil.copytree(raw / "masks/aa", raw / "masks/bb")
    _, _, said = make()
    assert "8 files masks/bb/{id}.png, first masks/bb/s0.png" in said


def classed_objects(raw, rows=(), images="train_images"):
    truth = objects(raw, "{id}_{n}.png", classes=())
    shutil.rmtree(raw / "masks")
    (raw / "train_images").rename(raw / images)
    given = [
        (name, ("big", "red")[k % 3 == 0], pairs(labels == k))
        for name, labels in truth.items()
        for k in range(1, labels.max() + 1)
    ]
    table(raw / "train.csv", ["ImageId", "ClassId", "EncodedPixels"], [*given, *rows])
    return truth


def test_several_rows_of_an_image_and_class_are_objects(tmp_path, make):
    truth = classed_objects(tmp_path / "raw")
    solution = tmp_path / "raw/solution.csv"
    solution.write_text("ImageId,ClassId,EncodedPixels,Height,Width,Usage\nt,1,1 3,44,60,Public\n")
    config, text, said = make()
    assert (config.data.source, config.data.object_classes) == ("rle_csv", ("big", "red"))
    assert config.input.mode == "rgb"
    assert "up to 3 of one image and class (big, red): a row an object (or several parts" in text
    assert "solution.csv: truth of the test images" in said
    assert_objects(tmp_path, config, truth)


@pytest.mark.parametrize("images", ["train_images", "pictures"])
def test_an_empty_row_is_an_image_without_objects(tmp_path, make, images):
    raw = tmp_path / "raw"
    truth = classed_objects(raw, [("NA", "", "")], images)
    truth["NA"] = np.zeros(SHAPE, np.int32)
    write(raw / f"{images}/NA.png", picture(truth["NA"], 3))
    config, _, _ = make()
    assert config.data.source == ("rle_csv" if images == "train_images" else "dialect")
    assert config.data.task == "instances"
    assert_objects(tmp_path, config, truth)


@pytest.mark.parametrize("source", ["dialect", "rle_csv"])
def test_an_empty_row_is_an_image_without_any_class(tmp_path, make, source):
    raw = tmp_path / "raw"
    truth = {f"a{n}": painted(SHAPE, 2, seed=n) for n in range(4)}
    rows = [(i, k, pairs(labels == k)) for i, labels in truth.items() for k in (1, 2)]
    truth["NA"] = np.zeros(SHAPE, np.int32)
    for name, labels in truth.items():
        write(raw / f"train_images/{name}.png", picture(labels, 2))
    table(raw / "train.csv", ["ImageId", "ClassId", "EncodedPixels"], [*rows, ("NA", "", "")])
    config, _, _ = make()
    assert config.data.classes == ("background", "class_1", "class_2")
    if source == "rle_csv":
        own = config.data.model_copy(update={"source": source, "dialect": None})
        config = config.model_copy(update={"data": own})
    assert_reads(tmp_path, config, truth)


def test_archives_are_counted_and_seen(tmp_path, make):
    raw = tmp_path / "raw"
    raw.mkdir()
    truth = np.stack([painted((64, 64), 1, seed=n) for n in range(10)]).astype(np.uint8)
    images = np.stack([picture(labels, 1, colour=False) for labels in truth])
    np.savez(raw / "train.npz", images=images, masks=truth)
    np.savez(raw / "test.npz", images[:2])
    config, text, said = make()
    assert config.train.crop_px == 64
    assert "10 training images, 2 test images" in text
    assert ("10: 64x64 px" in said, "none found" in said) == (True, False)


def test_archives_of_numbered_objects(tmp_path, make):
    raw = tmp_path / "raw"
    truth = numbered(raw)
    images = np.stack([picture(labels, 1, colour=False) for labels in truth.values()])
    shutil.rmtree(raw)
    raw.mkdir()
    np.savez(raw / "train.npz", images, np.stack(list(truth.values())).astype(np.uint16))
    config, _, _ = make()
    assert (config.data.task, config.data.label_masks) == ("instances", True)
    labels, _ = ingested(tmp_path, config)
    assert [regions(found) for found in labels.values()] == [regions(t) for t in truth.values()]


def test_coco_annotations_are_named(tmp_path, make):
    raw = tmp_path / "raw"
    for number in range(3):
        write(raw / f"train/{number}.png", picture(painted(SHAPE, 2, number), 1))
    (raw / "train.json").write_text('{"images": [], "annotations": []}')
    (raw / "other.json").write_text("[1]")
    with pytest.raises(
        UserError, match=r"train.json is a COCO .* not read; save each object as masks/CLASS"
    ):
        make()
    semantic(raw, [0, 255])
    assert "train.json: a COCO annotation file" in make()[2]
