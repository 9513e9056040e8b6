import numpy as np
import pandas as pd
import pytest

from segline.base import files
from segline.base.errors import UserError


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_unchanged_text_keeps_its_time(tmp_path):
    path = tmp_path / "params.json"
    assert files.write_text_if_changed(path, "a")
    before = path.stat().st_mtime_ns
    assert not files.write_text_if_changed(path, "a")
    assert path.stat().st_mtime_ns == before
    assert files.write_text_if_changed(path, "b")


def test_copies_are_files_of_their_own(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x").write_text("one")
    files.copy(tmp_path / "a/x", tmp_path / "b/x")
    (tmp_path / "a/x").write_text("two")
    assert (tmp_path / "b/x").read_text() == "one"


def test_empty_cells_are_empty_strings(tmp_path):
    files.write_csv(tmp_path / "t.csv", pd.DataFrame({"a": ["x", ""], "b": [1, 2]}))
    assert files.read_csv(tmp_path / "t.csv")["a"].tolist() == ["x", ""]


def test_a_missing_column_is_named(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="missing c, found a,b"):
        files.read_csv(tmp_path / "t.csv", ("a", "c"))


@pytest.mark.parametrize(("suffix", "top"), [(".png", 65535), (".tif", 70000)])
def test_label_images_come_back(tmp_path, suffix, top):
    labels = np.array([[0, 1, 2], [3, top, 0]], np.int32)
    files.write_labels(tmp_path / f"l{suffix}", labels)
    back = files.read_labels(tmp_path / f"l{suffix}")
    assert back.dtype == np.int32
    assert back.tolist() == labels.tolist()


def test_more_labels_than_a_png_holds_are_refused(tmp_path):
    with pytest.raises(ValueError, match="label 70000 does not fit"):
        files.write_labels(tmp_path / "l.png", np.array([[70000]]))


def test_rgb_order_survives(tmp_path):
    image = np.zeros((2, 3, 3), np.uint8)
    image[0, 0] = (255, 10, 20)
    files.write_image(tmp_path / "i.png", image)
    assert files.read_image(tmp_path / "i.png").tolist() == image.tolist()


def test_a_corrupt_image_is_one_clear_line(tmp_path):
    (tmp_path / "i.png").write_bytes(b"\x89PNG rubbish")
    with pytest.raises(UserError, match=r"i\.png: not a readable image"):
        files.read_image(tmp_path / "i.png")


ODD = ["7", "07", "007", "1e5", "NA", "nan", "", "0x1F", "True"]


@pytest.mark.parametrize("column", ["image_id", "ImageId", "group", "modality", "part", "image"])
def test_names_stay_text_whatever_they_look_like(tmp_path, column):
    files.write_csv(tmp_path / "t.csv", pd.DataFrame({column: ODD, "n": 1}))
    table = files.read_csv(tmp_path / "t.csv", dtype={"n": float})
    assert table[column].tolist() == ODD
    assert table["n"].dtype == float
    assert files.read_csv(tmp_path / "t.csv")[column].tolist() == ODD


def test_a_picture_that_opencv_refuses_is_one_line(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\x7f" * 17)
    with pytest.raises(UserError, match=r"\A[^\n]*a.png: not a readable image[^\n]*\Z"):
        files.read_image(tmp_path / "a.png")


READERS = [files.read_image, files.read_labels]
AGAIN = "; make data makes it again"


@pytest.mark.parametrize("read", READERS)
def test_a_picture_that_is_not_there_is_made_again_by_make_data(tmp_path, read):
    for name in ("a.png", "a.tif", "a.npy"):
        with pytest.raises(UserError) as caught:
            read(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}: no such file{AGAIN}"


@pytest.mark.parametrize("read", READERS)
def test_a_png_cut_or_changed_anywhere_is_one_line_without_libpngs(tmp_path, capfd, read):
    path = tmp_path / "a.png"
    files.write_labels(path, np.arange(600).reshape(20, 30))
    whole = path.read_bytes()
    expected = read(path)
    cut = [whole[:size] for size in range(len(whole))]
    changed = [
        whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :] for at in range(len(whole))
    ]
    for data in cut + changed:
        path.write_bytes(data)
        with pytest.raises(UserError) as caught:
            read(path)
        said = str(caught.value)
        assert said.startswith(f"{path}: not a readable ")
        assert said.endswith(AGAIN)
    path.write_bytes(whole + b"more")
    assert (read(path) == expected).all()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", [".", "/"])
def test_a_folder_as_a_file_is_one_line(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"\A\S+: not a readable CSV [^\n]*directory[^\n]*\Z"):
        files.read_csv(name)


@pytest.mark.parametrize("name", [".", ".."])
def test_a_folder_is_not_written_over(name, tmp_path, monkeypatch):
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    with pytest.raises(UserError, match=r"\A[^\n]*busy; it is a folder[^\n]*\Z"):
        files.write_json(name, {})
    assert [path.name for path in tmp_path.rglob("*")] == ["inner"]


def test_a_terminal_obeys_no_text_of_a_file():
    said = str(UserError("a\x1b[31m.csv:\x07 \tß é 漢 \u200d\nend"))
    assert said == r"a\x1b[31m.csv:\x07 \tß é 漢 " + "\u200d end"


def test_a_number_of_too_many_digits_is_named_with_its_line(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text("[train]\nepochs = " + "9" * 5000)
    with pytest.raises(UserError, match=r"x.toml, line 2: a number .*digits \(epochs =\.\.\."):
        files.read_toml(path)
