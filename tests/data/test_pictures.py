from pathlib import Path

import pytest

from segline.data import pictures


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (["a.png", "b.jpg"], ["a", "b"]),
        (["a.jpg", "a.webp"], ["a", "a.webp"]),
        (["a.png", "a.tif"], ["a.png", "a.tif"]),
        (["A.jpg", "a.bmp"], ["A", "a.bmp"]),
        (["b.png", "b_outlines.png"], ["b.png", "b_outlines"]),
        (["a.jpg", "a.png.jpg", "a.png"], ["a.jpg", "a.png", "a"]),
    ],
)
def test_no_two_names_meet(images, expected):
    paths = [Path("in") / name for name in images]
    found = pictures.names(paths, Path("out"))
    made = [(name + ending).lower() for name in found for ending in pictures.MADE]
    assert len(set(made)) == len(made)
    for path, name in zip(paths, found, strict=True):
        others = {other.name.lower() for other in paths if other != path}
        assert not others & {(name + ending).lower() for ending in pictures.MADE}
    assert found == expected


def test_in_the_images_own_folder_no_image_is_met():
    paths = [Path("in/a.png"), Path("in/b.jpg")]
    assert pictures.names(paths, Path("in")) == ["a.png", "b"]


def test_files_are_sorted_by_what_they_are(tmp_path):
    for name in ("b.PNG", "a.tif", "x.czi", "notes.txt", ".hidden.png"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    found = pictures.listed(tmp_path)
    assert [[path.name for path in kind] for kind in found] == [
        ["a.tif", "b.PNG"],
        ["x.czi"],
        ["notes.txt"],
    ]
