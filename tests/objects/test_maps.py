import numpy as np
import pytest

from segline.base.errors import UserError
from segline.objects import maps


def test_maps_come_back_rounded_to_a_byte(tmp_path):
    path = tmp_path / "oof.h5"
    probs = np.linspace(0, 1, 24, dtype=np.float32).reshape(2, 4, 3)
    maps.write(path, [("a", probs), ("b", 1 - probs)])
    assert maps.ids(path) == ["a", "b"]
    assert np.array_equal(maps.read(path, "a"), np.rint(probs * 255))


def test_the_mean_of_several_files_is_rounded_once(tmp_path):
    for name, level in [("x", 10), ("y", 11), ("z", 11)]:
        maps.write(tmp_path / name, [("a", np.full((1, 1, 3), level / 255))])
    mean = maps.read_mean([tmp_path / n for n in "xyz"], "a")
    assert mean.dtype == np.uint8
    assert mean.ravel().tolist() == [11, 11, 11]


def test_a_failed_prediction_leaves_no_file(tmp_path):
    def broken():
        yield "a", np.zeros((2, 2, 3))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        maps.write(tmp_path / "oof.h5", broken())
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_named(tmp_path):
    maps.write(tmp_path / "oof.h5", [("a", np.zeros((2, 2, 3)))])
    with pytest.raises(UserError, match="no map of image b"):
        maps.read(tmp_path / "oof.h5", "b")
    (tmp_path / "bad.h5").write_text("rubbish")
    with pytest.raises(UserError, match="not a readable HDF5 file"):
        maps.ids(tmp_path / "bad.h5")
