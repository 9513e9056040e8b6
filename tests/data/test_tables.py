import numpy as np
import pandas as pd
import pytest

from segline.base import files
from segline.base.errors import UserError
from segline.data import tables


def data_set(root, name, seeds):
    """images.csv of one image a seed; equal seeds have equal pixels."""
    rows = []
    for number, seed in enumerate(seeds):
        path = root / name / f"{number}.png"
        image = np.random.default_rng(seed).integers(0, 256, (8, 9, 3), np.uint8)
        files.write_image(path, image)
        rows.append((f"{name}{number}", "train", str(path), "", 8, 9, 0, "m", f"g{number}", "s"))
    rows.append((f"{name}t", "test", "", "", 8, 9, 0, "m", "t", "s"))
    table = pd.DataFrame(rows, columns=list(tables.IMAGE_COLUMNS))
    files.write_csv(root / name / "images.csv", table)
    return root / name / "images.csv"


@pytest.fixture
def train(tmp_path):
    table = tables.read_images(data_set(tmp_path, "own", [1, 2, 3]))
    return table[table["split"] == "train"].assign(fold=[0, 0, 1])


def test_extra_images_are_in_no_fold(train, tmp_path):
    both = tables.with_extra(train, [data_set(tmp_path, "more", [4, 5])])
    assert both["image_id"].tolist() == ["own0", "own1", "own2", "more0", "more1"]
    assert both["fold"].tolist() == [0, 0, 1, -1, -1]


def test_an_extra_image_that_is_held_out_elsewhere_is_refused(train, tmp_path):
    extra = data_set(tmp_path, "more", [4, 3])
    with pytest.raises(UserError, match=r"pixels of .*2\.png, which is held out in fold 1"):
        tables.with_extra(train, [extra])


def test_an_images_csv_without_sources_is_one_line(tmp_path):
    path = data_set(tmp_path, "old", [1])
    files.write_csv(path, files.read_csv(path).drop(columns="source"))
    with pytest.raises(UserError, match=r"images.csv: .*missing source.*; make data") as caught:
        tables.read_images(path)
    assert "\n" not in str(caught.value)


def test_without_extra_sets_nothing_changes(train):
    assert tables.with_extra(train, []).equals(train.reset_index(drop=True))


ODD = ["nan", "1e400", "", "abc", "True", "²", "9" * 30, "9" * 5000, "10.5", "-1"]


@pytest.mark.parametrize("side", ODD)
@pytest.mark.parametrize("key", ["height", "width"])
def test_a_side_that_is_no_whole_number_is_refused(tmp_path, side, key):
    path = tmp_path / "im.csv"
    other = "width" if key == "height" else "height"
    path.write_text(f"image_id,{key},{other}\na,4,4\nb,{side},4\n")
    said = rf"im.csv, line 3: a row whose {key} is no whole number, found '{side[:9]}"
    with pytest.raises(UserError, match=said) as caught:
        tables.read_shapes(path)
    assert len(str(caught.value)) < 400
    table = data_set(tmp_path, "own", [1])
    table.write_text(table.read_text().replace(",8,9,", f",{side},9,", 1))
    with pytest.raises(UserError, match="images.csv, line 2: a row "):
        tables.read_shapes(table)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("a,4,4\na,4,5\n", "line 3: a row whose image_id another row has"),
        (f"a,{10**9},{10**9}\n", r"line 2: a row of more than \d+ pixels"),
        ("", "no image in it"),
    ],
)
def test_a_table_of_sizes_is_of_images_that_can_be(tmp_path, rows, said):
    path = tmp_path / "im.csv"
    path.write_text(f"image_id,height,width\n{rows}")
    with pytest.raises(UserError, match=rf"im.csv.*{said}"):
        tables.read_shapes(path)


def test_sizes_are_read_of_any_table_that_has_them(tmp_path):
    path = tmp_path / "im.csv"
    path.write_text("more,width,height,image_id\nx,5,4,007\n")
    assert tables.read_shapes(path) == {"007": (4, 5)}
    assert tables.read_shapes(data_set(tmp_path, "own", [1])) == {"own0": (8, 9), "ownt": (8, 9)}
