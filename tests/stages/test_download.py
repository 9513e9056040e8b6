import http.server
import io
import os
import threading
import zipfile
from functools import partial

import pytest

from segline.base.errors import UserError
from segline.data import downloads
from segline.data.layouts import dsb2018
from segline.stages import download

CSV = b"ImageId,EncodedPixels\nid0,1 1\n"


def zipped(n, below="", extra=b"", masks=1):
    """A training set as a zip; the same bytes at any time of the day."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for k in range(n):
            archive.writestr(zipfile.ZipInfo(f"{below}id{k}/images/id{k}.png"), b"image")
            for m in range(masks):
                archive.writestr(zipfile.ZipInfo(f"{below}id{k}/masks/{m}.png"), b"mask" + extra)
    return out.getvalue()


@pytest.fixture(autouse=True)
def small_sets(monkeypatch):
    monkeypatch.setattr(downloads, "FEWEST", {downloads.TRAIN: 3, downloads.TEST: 2})


@pytest.fixture
def mirror(tmp_path):
    """A folder that is served, and its address."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / downloads.TRAIN).write_bytes(zipped(4))
    (folder / downloads.TEST).write_bytes(zipped(2, masks=0))
    (folder / dsb2018.LABELS).write_bytes(CSV)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    handler.log_message = None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_files_come_from_a_mirror_and_are_counted(mirror, tmp_path, capsys):
    download.run(tmp_path / "raw", url=mirror[1] + "/")
    assert names(tmp_path / "raw") == [downloads.TEST, downloads.TRAIN, dsb2018.LABELS]
    said = capsys.readouterr().out
    assert "stage1_train.zip: 4 images" in said
    assert f"{downloads.SAMPLE} is not there" in said
    assert "next: make data" in said
    assert names(tmp_path) == ["mirror", "raw", "raw.sums"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (downloads.TRAIN, b"<html>log in first</html>", "web page, not with stage1_train.zip"),
        (downloads.TRAIN, b"", "not what was expected .*not a zip file"),
        (downloads.TRAIN, zipped(4)[:-300], "not what was expected"),
        (downloads.TRAIN, zipped(4).replace(b"image", b"imagf", 1), "damaged"),
        (downloads.TEST, zipped(1), "1 images of the form .*expected at least 2"),
        (downloads.TEST, None, "404"),
    ],
)
def test_what_is_no_archive_is_never_ready(mirror, tmp_path, name, content, message):
    folder, url = mirror
    good = (folder / name).read_bytes()
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        download.run(tmp_path / "raw", url=url)
    assert "\n" not in str(caught.value)
    assert "make data raw=DIR" in str(caught.value)
    assert not (tmp_path / "raw" / name).exists()
    (folder / name).write_bytes(good)
    download.run(tmp_path / "raw", url=url)
    assert (tmp_path / "raw" / name).read_bytes() == good


def test_a_file_is_compared_with_its_first_use(mirror, tmp_path):
    download.run(tmp_path / "raw", url=mirror[1])
    download.run(tmp_path / "raw", url=mirror[1])
    (tmp_path / "raw" / downloads.TRAIN).write_bytes(zipped(5))
    with pytest.raises(UserError, match="differs from its first use, which .*raw.sums records"):
        download.run(tmp_path / "raw", url=mirror[1])


def test_a_file_that_was_damaged_here_is_named(mirror, tmp_path):
    download.run(tmp_path / "raw", url=mirror[1])
    path = tmp_path / "raw" / downloads.TRAIN
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="remove it and call make download again"):
        download.run(tmp_path / "raw", url=mirror[1])


def test_the_corrected_masks_replace_the_official_set(mirror, tmp_path, capsys):
    folder, url = mirror
    corrected = zipped(3, below="fixes-master/stage1_train/", extra=b" corrected", masks=2)
    (folder / "fixes.zip").write_bytes(corrected)
    raw = tmp_path / "raw"
    download.run(raw, url=url)
    download.run(raw, url=url, fixes=True)
    assert "3 images; 1 of the official ones are left out" in capsys.readouterr().out
    with zipfile.ZipFile(raw / downloads.TRAIN) as archive:
        assert len(archive.namelist()) == 9
        assert archive.read("id0/masks/1.png") == b"mask corrected"
    assert names(raw) == [
        *(downloads.TEST, downloads.TRAIN, downloads.TRAIN + ".official"),
        dsb2018.LABELS + ".official",
    ]
    kept = (raw / downloads.TRAIN).read_bytes()
    download.run(raw, url=url, fixes=True)  # nothing more to do, and the table does not come back
    download.run(raw, url=url)
    assert (raw / downloads.TRAIN).read_bytes() == kept
    assert not (raw / dsb2018.LABELS).exists()
    keys = dsb2018.open_raw(raw).keys()
    assert [key.image_id for key in keys if key.split == "train"] == ["id0", "id1", "id2"]


def test_corrections_that_are_none_change_nothing(mirror, tmp_path):
    folder, url = mirror
    (folder / "fixes.zip").write_bytes(zipped(3, below="elsewhere/"))
    with pytest.raises(UserError, match="0 images below stage1_train/"):
        download.run(tmp_path / "raw", url=url, fixes=True)
    assert (tmp_path / "raw" / dsb2018.LABELS).exists()
    assert (tmp_path / "raw" / downloads.TRAIN).read_bytes() == zipped(4)


def kaggle(folder, monkeypatch, script):
    """A `kaggle` that runs `script` in the folder it is to fill."""
    (folder / "bin").mkdir()
    command = folder / "bin/kaggle"
    command.write_text(f'#!/bin/sh\n[ "$2" = download ] || exit 9\ncd "$6"\n{script}\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}/bin:{os.environ['PATH']}")


def test_kaggles_archive_is_unpacked_without_its_solution(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr(downloads.TRAIN, zipped(4))
        archive.writestr(downloads.TEST, zipped(2))
        archive.writestr("stage1_solution.csv", b"secret")
    kaggle(tmp_path, monkeypatch, f"cp {tmp_path}/all.zip {download.COMPETITION}.zip")
    download.run(tmp_path / "raw", source="kaggle")
    assert names(tmp_path / "raw") == [downloads.TEST, downloads.TRAIN]
    assert "raw.incoming" not in names(tmp_path)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo '403 - Forbidden'", "it left no data-science-bowl-2018.zip|not allowed"),
        ("echo '403 - Forbidden' >&2; exit 1", "not allowed; accept the rules"),
        ("echo 'could not find kaggle.json'; exit 1", "no token"),
        (f"echo '<html>' > {download.COMPETITION}.zip", "not a zip file"),
        (
            f"echo x > a; python3 -m zipfile -c {download.COMPETITION}.zip a",
            "not in Kaggle's archive",
        ),
    ],
)
def test_kaggles_refusals_are_one_line(tmp_path, monkeypatch, script, message):
    kaggle(tmp_path, monkeypatch, script)
    with pytest.raises(UserError, match=message) as caught:
        download.run(tmp_path / "raw", source="kaggle")
    assert "\n" not in str(caught.value)
    assert names(tmp_path / "raw") == []


def test_an_unknown_source_lists_the_known(tmp_path):
    with pytest.raises(UserError, match="source=kagle: unknown; known: broad, kaggle"):
        download.run(tmp_path / "raw", source="kagle")
    assert not (tmp_path / "raw").exists()


def test_an_address_that_is_none_is_refused(tmp_path):
    with pytest.raises(UserError, match="url=file:///etc: expected the http address of a folder"):
        download.run(tmp_path / "raw", url="file:///etc")


@pytest.mark.parametrize("host", ["a..b", "a" * 300])
def test_a_host_that_can_be_none_leaves_nothing_and_no_secret_is_said(tmp_path, host):
    with pytest.raises(
        UserError, match=rf"http://{host}/stage1_train.zip: .*use url=MIRROR"
    ) as caught:
        download.run(tmp_path / "raw", url=f"http://user:s3cret@{host}")
    assert "s3cret" not in str(caught.value)
    assert names(tmp_path) == ["raw"]
    assert names(tmp_path / "raw") == []


def test_no_secret_of_a_refused_address_or_of_a_wrong_archive_is_said(mirror, tmp_path):
    folder, url = mirror
    (folder / downloads.TRAIN).write_bytes(b"none")
    for given in ("ftp://user:s3cret@host", url.replace("//", "//user:s3cret@")):
        with pytest.raises(UserError) as caught:
            download.run(tmp_path / "raw", url=given)
        assert "s3cret" not in str(caught.value)
