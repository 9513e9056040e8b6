import zipfile

import pytest

from segline.base.errors import UserError
from segline.data import archives


def test_a_bomb_is_refused_by_the_size_it_declares(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "BOMB_BYTES", 2**20)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for k in range(3):
            archive.writestr(f"{k}.png", bytes(2**21))
    with pytest.raises(UserError, match=r"a.zip: [\d,]+ bytes that declare to unpack to 6,291,456"):
        archives.opened(tmp_path / "a.zip")


def test_a_bomb_that_lies_ends_at_its_declared_size(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(12_345_678))
    data, declared = path.read_bytes(), (12_345_678).to_bytes(4, "little")
    assert data.count(declared) == 2
    path.write_bytes(data.replace(declared, (1000).to_bytes(4, "little")))
    place = archives.Place(path, "")
    with pytest.raises(UserError, match=r"a.png: not a readable file \(Bad CRC-32"):
        place.read("a.png")


def test_what_shrinks_well_but_is_small_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(2**22))
    assert len(archives.Place(tmp_path / "a.zip", "").read("a.png")) == 2**22


def test_names_with_backslashes_are_paths(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("b/"), b"")
        info = zipfile.ZipInfo("x")
        info.filename = "b\\c.png"  # as some programs of Windows write it
        archive.writestr(info, b"1")
    with archives.opened(tmp_path / "a.zip") as archive:
        assert archives.members(archive) == {"b/c.png": "b\\c.png"}


def test_a_cut_archive_says_so(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(
        UserError, match=r"a.zip: not a readable zip .File is not a zip file.; is it complete\?"
    ):
        archives.opened(tmp_path / "a.zip")
