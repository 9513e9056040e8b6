"""Objects of several classes, one each: from rle_csv, folders and dialects to object_classes.csv."""

import numpy as np
import pandas as pd
import pytest

from data.layouts import competitions
from segline.base import files
from segline.base.errors import UserError
from segline.config import read
from segline.config.places import DataFiles
from segline.config.tables import Data
from segline.data import tables
from segline.masks import rle
from segline.stages import data
from segline.submission import dialect as submission
from segline.submission import rows

CLASSES = ("cell", "bubble")
LABELS = np.zeros((20, 24), np.int32)
LABELS[2:8, 2:8], LABELS[2:8, 8:14], LABELS[12:18, 4:10] = 1, 2, 3
KINDS = ("bubble", "cell", "bubble")
POLYGON_TYPES = """
[data]
dataset = "x"
[data.dialect]
like = "hubmap-hacking-the-human-vasculature"
classes = ["blood_vessel", "glomerulus", "unsure"]
scored = ["blood_vessel"]
columns = [{ id = "id", mask = "coordinates", class_column = "type" }]
"""


def one_line(message):
    return pytest.raises(UserError, match=r"(?s)\A[^\n]*" + message + r"[^\n]*\Z")


def picture(seed):
    return np.random.default_rng(seed).integers(0, 256, (*LABELS.shape, 3)).astype(np.uint8)


@pytest.fixture
def raw(tmp_path):
    """The training pictures a and b and the test picture c, without masks."""
    for number, name in enumerate("ab"):
        files.write_image(tmp_path / f"raw/images/{name}.png", picture(number))
    files.write_image(tmp_path / "raw/test_images/c.png", picture(9))
    return tmp_path / "raw"


def read_set(tmp_path, settings):
    """images.csv by id and object_classes.csv."""
    place = DataFiles(tmp_path / "interim/x")
    data.ingest(tmp_path / "raw", place, settings, root=tmp_path)
    return tables.read_images(place.images).set_index("image_id"), place


def set_of(source, **more):
    return Data(dataset="x", source=source, object_classes=CLASSES, n_folds=2, **more)


def write_table(raw, found):
    columns = ["ImageId", "ClassId", "EncodedPixels"]
    files.write_csv(raw / "train.csv", pd.DataFrame(found, columns=columns))


def test_a_class_column_goes_with_its_object_past_rows_that_are_lost(raw, tmp_path):
    one, two, three = rle.encode_labels(LABELS)
    hidden = rle.encode_labels((LABELS == 2) & (np.arange(24) < 11))[0]
    other = rle.encode_labels((LABELS == 2) & (np.arange(24) >= 11))[0]
    given = [
        ("a", "bubble", one),
        ("a", "1", two),  # hidden by the next two, which are smaller
        ("a", "2", hidden),
        ("a", "2", ""),
        ("a", "cell", other),
        ("a", "bubble", three),
        ("b", "", ""),
    ]
    write_table(raw, given)
    images, place = read_set(tmp_path, set_of("rle_csv"))
    assert images["object_classes"]["a"] == ("bubble", "bubble", "cell", "bubble")
    assert images["object_classes"]["b"] == ()
    assert images["stratum"].to_dict() == {"a": "cell bubble", "b": "empty", "c": ""}
    found = files.read_labels(tmp_path / images["labels"]["a"])
    assert np.unique(found[(LABELS == 3)]).tolist() == [4]
    table = files.read_csv(place.object_classes)
    assert list(table.columns) == ["image_id", "label", "class"]
    assert files.read_json(place.summary)["object_classes"] == {
        "cell": {"n_objects": 1, "n_images": 1},
        "bubble": {"n_objects": 3, "n_images": 1},
    }
    assert files.read_csv(place.sample, dtype=str).to_numpy().tolist() == [["c", "1", "1 1"]]


def test_the_classes_are_part_of_the_data(raw, tmp_path):
    codes = rle.encode_labels(LABELS)
    hashes = []
    for kinds in (KINDS, ("cell", "cell", "bubble")):
        given = [("a", kind, code) for kind, code in zip(kinds, codes, strict=True)]
        write_table(raw, [*given, ("b", "", "")])
        _, place = read_set(tmp_path, set_of("rle_csv"))
        hashes.append(tables.data_hash(place))
    assert hashes[0] != hashes[1]
    files.write_csv(
        raw / "train.csv", files.read_csv(raw / "train.csv", dtype=str).drop(columns="ClassId")
    )
    images, place = read_set(tmp_path, Data(dataset="x", source="rle_csv", n_folds=2))
    assert list(images.reset_index().columns) == list(tables.IMAGE_COLUMNS)
    assert not place.object_classes.exists()


def test_unknown_classes_are_refused(raw, tmp_path):
    write_table(raw, [("a", "worm", "1 3"), ("b", "", "")])
    with one_line("'worm' is neither 1..2 nor one of cell, bubble"):
        read_set(tmp_path, set_of("rle_csv"))


@pytest.mark.parametrize("way", ["files", "labels", "pieces"])
def test_a_folder_of_masks_for_each_class(raw, tmp_path, way):
    for name in CLASSES:
        numbers = [n for n, kind in enumerate(KINDS, start=1) if kind == name]
        mine = np.where(np.isin(LABELS, numbers), LABELS, 0).astype(np.uint8)
        place = raw / "masks" / name
        if way == "files":
            for number in numbers:
                mask = np.where(number == LABELS, 255, 0).astype(np.uint8)
                files.write_image(place / f"a/{number}.png", mask)
        elif way == "labels":
            files.write_image(place / "a.png", mine)
        else:
            files.write_image(place / "a.png", np.where(mine, 255, 0).astype(np.uint8))
    files.write_image(raw / "masks/cell/b.png", np.zeros(LABELS.shape, np.uint8))
    images, _ = read_set(tmp_path, set_of("folders", label_masks=way == "labels"))
    found = files.read_labels(tmp_path / images["labels"]["a"])
    assert images["object_classes"]["a"] == ("cell", "bubble", "bubble")
    assert np.array_equal(found, np.array([0, 2, 1, 3])[LABELS])
    assert images["n_objects"].to_dict() == {"a": 3, "b": 0, "c": 0}


def test_folders_that_are_no_classes_and_images_of_no_class_are_refused(raw, tmp_path):
    files.write_image(raw / "masks/cell/a.png", np.zeros(LABELS.shape, np.uint8))
    with one_line("no folder bubble"):
        read_set(tmp_path, set_of("folders"))
    files.write_image(raw / "masks/bubble/a.png", np.zeros(LABELS.shape, np.uint8))
    with one_line("b: image without mask"):
        read_set(tmp_path, set_of("folders"))
    files.write_image(raw / "masks/dust/b.png", np.zeros(LABELS.shape, np.uint8))
    with one_line("dust is no class"):
        read_set(tmp_path, set_of("folders"))


def dialect_of(tmp_path, text):
    config = tmp_path / "x.toml"
    config.write_text(text)
    return read.load(config).data


def test_polygon_types_are_classes(tmp_path):
    truth, _ = competitions.vasculature(tmp_path / "raw")
    settings = dialect_of(tmp_path, POLYGON_TYPES)
    assert settings.object_classes == ("blood_vessel", "glomerulus", "unsure")
    images, _ = read_set(tmp_path, settings)
    found = files.read_labels(tmp_path / images["labels"]["v1"])
    assert images["object_classes"]["v1"] == ("blood_vessel", "glomerulus", "blood_vessel")
    assert np.array_equal(found == 1, truth["v1"] == 1)
    assert np.array_equal(found == 3, truth["v1"] == 2)
    assert (found == 2).sum() == (truth["v1"] == 0).sum()


def test_a_dialect_names_every_class_of_its_table(tmp_path):
    competitions.vasculature(tmp_path / "raw")
    text = POLYGON_TYPES.replace('"glomerulus", ', "")
    with one_line("class 'glomerulus' is none of blood_vessel, unsure"):
        read_set(tmp_path, dialect_of(tmp_path, text))


# --- submissions in a dialect -------------------------------------------------------------------


def submitted(tmp_path, settings, sample, kinds, labels=LABELS):
    """The rows of a submission of the test image c with the objects of LABELS, and whether it is valid."""
    path = tmp_path / "sample.csv"
    path.write_text(sample)
    sure = np.linspace(0.9, 0.7, len(kinds))
    found = submission.table(
        [("c", labels, sure, np.array(kinds))], rows.read(path), settings.described, None
    )
    found.to_csv(tmp_path / "s.csv", index=False)
    said = submission.checked(tmp_path / "s.csv", path, settings.described, {"c": labels.shape})
    assert said.startswith("valid")
    return found.to_numpy().tolist()


DIALECT = """
[data]
dataset = "x"
[data.dialect]
classes = ["cell", "bubble", "dust"]
class_values = ["33", "34", "99"]
scored = ["cell", "bubble"]
images = ["images/{id}.png"]
test_images = ["test_images/{id}.png"]
"""
COLUMN = (
    DIALECT + 'columns = [{id = "ImageId", class_column = "LabelId", mask = "EncodedPixels"}]\n'
)
IN_ID = DIALECT + 'columns = [{id = "ImageId_ClassId", split = "_", mask = "EncodedPixels"}]\n'


def test_a_class_column_is_read_and_written_with_each_object(raw, tmp_path):
    codes = rle.encode_labels(LABELS)
    lines = [f"{kind},a,{code}" for kind, code in zip(("34", "33", "99"), codes, strict=True)]
    text = "LabelId,ImageId,EncodedPixels\n" + "\n".join([*lines, ",b,"]) + "\n"
    (raw / "train.csv").write_text(text)
    settings = dialect_of(tmp_path, COLUMN)
    images, place = read_set(tmp_path, settings)
    assert images["object_classes"].to_dict() == {"a": ("bubble", "cell", "dust"), "b": (), "c": ()}
    assert rows.read(place.sample).to_numpy().tolist() == [["c", "", ""]]
    sample = "LabelId,ImageId,EncodedPixels\n33,c,1 1\n"
    found = submitted(tmp_path, settings, sample, [2, 1, 3])
    assert found == [["34", "c", codes[0]], ["33", "c", codes[1]]]  # dust is not scored
    assert submitted(tmp_path, settings, sample, [], 0 * LABELS) == [["33", "c", ""]]


def test_a_class_in_the_id_has_rows_of_its_own(raw, tmp_path):
    codes = rle.encode_labels(LABELS)
    lines = [f"a.png_33,{codes[0]}", f"a.png_33,{codes[1]}", f"a.png_99,{codes[2]}", "b.png_34,"]
    (raw / "train.csv").write_text("ImageId_ClassId,EncodedPixels\n" + "\n".join(lines) + "\n")
    settings = dialect_of(tmp_path, IN_ID)
    images, place = read_set(tmp_path, settings)
    assert images["object_classes"].to_dict() == {"a": ("cell", "cell", "dust"), "b": (), "c": ()}
    sample = place.sample.read_text()
    assert sample.splitlines() == ["ImageId_ClassId,EncodedPixels", "c_33,", "c_34,"]
    found = submitted(tmp_path, settings, sample, [2, 3, 2])
    assert found == [["c_33", ""], ["c_34", codes[0]], ["c_34", codes[2]]]


def test_polygon_types_that_are_not_scored_are_not_written(tmp_path):
    competitions.vasculature(tmp_path / "raw")
    settings = dialect_of(tmp_path, POLYGON_TYPES)
    assert settings.described.groups == ((1,),)
    sample = "id,height,width,prediction_string\nc,20,24,\n"
    ((*_, cell),) = submitted(tmp_path, settings, sample, [1, 2, 1])
    assert cell.split(" ")[:2] == ["0", "0.9000"]
    assert cell.split(" ")[3:5] == ["0", "0.7000"]
    assert len(cell.split(" ")) == 6
    ((*_, none),) = submitted(tmp_path, settings, sample, [2, 2, 3])
    assert none == ""


def test_classes_that_a_submission_does_not_tell_are_scored_as_one(tmp_path):
    text = DIALECT.replace('scored = ["cell", "bubble"]\n', "") + (
        'columns = [{id = "id", class_column = "cell_type", mask = "annotation"}]\n'
        'submission = [{id = "id", mask = "predicted"}]\n'
    )
    settings = dialect_of(tmp_path, text)
    assert settings.described.groups == ((1, 2, 3),)
    found = submitted(tmp_path, settings, "id,predicted\nc,\n", [2, 1, 3])
    assert found == [["c", code] for code in rle.encode_labels(LABELS)]
