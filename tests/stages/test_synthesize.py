import zipfile

import pytest

from segline.base.errors import UserError
from segline.stages import synthesize


def test_a_set_of_objects_is_written_as_the_competition_does(tmp_path, capsys):
    synthesize.run(tmp_path / "raw", size="tiny")
    assert "generated 20 training and 4 test pictures" in capsys.readouterr().out
    with zipfile.ZipFile(tmp_path / "raw/stage1_train.zip") as archive:
        ids = {name.split("/")[0] for name in archive.namelist()}
    assert len(ids) == 20


def test_a_set_of_classes_is_written_as_folders(tmp_path):
    synthesize.run(tmp_path, size="tiny_classes", seed=1)
    images, masks = ({path.stem for path in (tmp_path / n).iterdir()} for n in ("images", "masks"))
    assert images == masks
    assert (tmp_path / "solution.csv").exists()


def test_an_unknown_name_lists_those_there_are(tmp_path):
    with pytest.raises(UserError, match=r"'iri' is not one of demo, tiny, .*iris"):
        synthesize.run(tmp_path, size="iri")


def test_nothing_is_generated_among_other_files(tmp_path):
    (tmp_path / "train.npz").write_bytes(b"the user's")
    with pytest.raises(
        UserError, match=f"{tmp_path}: there are files in it that were not generated"
    ):
        synthesize.run(tmp_path, size="npz")
    assert [path.name for path in tmp_path.iterdir()] == ["train.npz"]
    assert (tmp_path / "train.npz").read_bytes() == b"the user's"


def test_a_set_may_be_generated_again(tmp_path):
    for _ in range(2):
        synthesize.run(tmp_path / "raw", size="tiny_classes")
