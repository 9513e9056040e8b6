import subprocess
import zipfile

import pooch
import pytest
import requests

from segline.base.errors import UserError
from segline.stages import download


def broad(monkeypatch, lacking=()):
    """Stands for the Broad's server; returns the list of what is asked of it."""
    asked = []

    def retrieve(url, known_hash, fname, path):
        asked.append(url)
        if fname in lacking:
            raise requests.HTTPError(f"404 for {fname}\nand more")
        (path / fname).write_text(url)

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    return asked


def test_the_broads_files_are_fetched(monkeypatch, tmp_path, capsys):
    asked = broad(monkeypatch, lacking=["stage1_sample_submission.csv"])
    download.run(tmp_path / "raw")
    assert asked == [f"{download.BROAD}/{name}" for name in download.NEEDED + download.OPTIONAL]
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == [
        *("stage1_test.zip", "stage1_train.zip", "stage1_train_labels.csv")
    ]
    said = capsys.readouterr().out
    assert "stage1_sample_submission.csv is not there; make data does without it" in said
    assert "next: make data" in said


def test_a_needed_file_that_cannot_be_fetched_is_one_line(monkeypatch, tmp_path):
    broad(monkeypatch, lacking=["stage1_test.zip"])
    with pytest.raises(UserError, match=r"stage1_test.zip: cannot be fetched \(404 for") as caught:
        download.run(tmp_path)
    assert "source=kaggle" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_kaggles_archive_is_unpacked_without_its_solution(monkeypatch, tmp_path):
    def fetch(command, check):
        assert command[:3] == ["kaggle", "competitions", "download"]
        with zipfile.ZipFile(tmp_path / f"{download.COMPETITION}.zip", "w") as archive:
            for name in ("stage1_train.zip", "stage1_solution.csv", "stage2_test_final.zip"):
                archive.writestr(name, name)

    monkeypatch.setattr(subprocess, "run", fetch)
    download.run(tmp_path, source="kaggle")
    assert [path.name for path in tmp_path.iterdir()] == ["stage1_train.zip"]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (FileNotFoundError(), "the Kaggle CLI is not installed"),
        (subprocess.CalledProcessError(3, "kaggle"), "data-science-bowl-2018 .*status 3"),
    ],
)
def test_a_kaggle_cli_that_fails_is_one_line(monkeypatch, tmp_path, fault, message):
    def fail(command, check):
        raise fault

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(UserError, match=message):
        download.run(tmp_path, source="kaggle")


def test_an_unknown_source_lists_the_known(tmp_path):
    with pytest.raises(UserError, match="source=kagle: unknown; known: broad, kaggle"):
        download.run(tmp_path / "raw", source="kagle")
    assert not (tmp_path / "raw").exists()
