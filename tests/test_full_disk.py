"""A full disk, a folder that may not be written, odd names: one line each, and what was there stays."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import runs
from segline.base import files
from segline.base.errors import UserError, of_machine
from segline.config import read
from segline.objects import maps

SOURCES = Path(__file__).parents[1]


def limited(command, cwd, n_bytes):
    """Run a command that may write no file beyond `n_bytes`: the kernel refuses as a full disk does."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))

    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(SOURCES / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=limit,
        capture_output=True,
        text=True,
    )


def assert_one_line(answer, words):
    assert answer.returncode == 2, (answer.returncode, answer.stderr[-2000:])
    assert re.fullmatch(r"segline: [^\n]+\n", answer.stderr), answer.stderr[-2000:]
    assert words in answer.stderr


def left_over(folder):
    return [path for path in runs.contents(folder) if path.name.startswith(".")]


@pytest.mark.fault("full disk")
@pytest.mark.parametrize("n_bytes", [0, 100, 3000, 20000])
def test_maps_on_a_full_disk_are_one_line_and_the_old_ones_stay(tmp_path, n_bytes, counted):
    """HDF5 alone dies of it in a segmentation fault."""
    path = tmp_path / "oof.h5"
    maps.write(path, [("a", np.zeros((4, 4, 3)))])
    before = path.read_bytes()
    code = f"""
import numpy as np
from pathlib import Path
from segline.base.errors import UserError
from segline.objects import maps
rng = np.random.default_rng(0)
try:
    maps.write(Path({str(path)!r}), ((str(n), rng.random((64, 64, 3))) for n in range(9)))
except UserError as error:
    print(error)
"""
    answer = limited(["-c", code], tmp_path, n_bytes)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith(f"{path}: File too large")
    assert path.read_bytes() == before
    assert left_over(tmp_path) == []
    counted()


@pytest.mark.fault("full disk")
@pytest.mark.parametrize(
    "stage", ["tune", "folds", *(pytest.param(x, marks=pytest.mark.slow) for x in ("cv", "submit"))]
)
def test_stages_on_a_full_disk(tmp_path, stage, counted):
    run = runs.judged(tmp_path, [(4, 4)] * 8)
    before = runs.contents(tmp_path)
    more = ["--out", "out.csv"] if stage == "submit" else []
    answer = limited(["-m", "segline", stage, "--run", str(run.folder), *more], tmp_path, 40)
    assert_one_line(answer, "File too large")
    after = runs.contents(tmp_path)
    assert after == before
    counted()


@pytest.mark.fault("full disk")
def test_reading_raw_files_on_a_full_disk(tmp_path, counted):
    run = runs.write(tmp_path, runs.CONFIG)
    raw = tmp_path / "raw"
    for number, split in enumerate(["train", "train", "test"]):
        place = raw / f"stage1_{split}/i{number}"
        labels = runs.squares(3)
        files.write_image(place / f"images/i{number}.png", runs.PALETTE[labels])
        if split == "train":
            files.write_image(place / "masks/m.png", (labels == 1).astype(np.uint8) * 255)
    files.write_text(run.raw, f"{raw}\n")
    answer = limited(["-m", "segline", "data", "--run", str(run.folder)], tmp_path, 40)
    assert_one_line(answer, "File too large")
    assert left_over(tmp_path) == []
    assert not run.data.images.exists()
    counted()


@pytest.mark.fault("odd names")
def test_a_name_too_long_is_one_line(tmp_path, counted):
    with pytest.raises(UserError, match="File name too long; give the file a shorter name"):
        files.write_labels(tmp_path / f"{'n' * 252}.png", runs.squares(2))
    assert list(tmp_path.iterdir()) == []
    files.write_labels(tmp_path / f"{'n' * 251}.png", runs.squares(2))
    counted()


@pytest.mark.fault("odd names")
def test_a_name_that_is_not_utf8_is_written_and_read(tmp_path, counted):
    """OpenCV alone dies of it in a segmentation fault."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png"))
    files.write_labels(path, runs.squares(2))
    assert files.read_labels(path).max() == 2
    counted()


@pytest.mark.fault("odd names")
def test_a_table_of_names_that_are_not_utf8_is_one_line(tmp_path, counted):
    with pytest.raises(UserError, match="a name that is not UTF-8; rename the file"):
        files.write_text(tmp_path / "t.csv", "a\udcff")
    assert list(tmp_path.iterdir()) == []
    counted()


@pytest.mark.fault("closed folders")
def test_a_file_where_a_folder_must_be(tmp_path, counted):
    (tmp_path / "x").write_text("")
    with pytest.raises(UserError, match="x/y/t.json: .*; a file stands where a folder is needed"):
        files.write_json(tmp_path / "x/y/t.json", {})
    counted()


@pytest.mark.fault("closed folders")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_closed_folder(tmp_path, counted):
    tmp_path.chmod(0o555)
    with pytest.raises(UserError, match="Permission denied; give yourself permission"):
        files.write_json(tmp_path / "t.json", {})
    counted()


@pytest.mark.fault("giant headers")
@pytest.mark.parametrize("read", [files.read_image, files.read_labels])
def test_a_header_of_60000_x_60000_is_refused(tmp_path, read, counted):
    data = bytearray(cv2.imencode(".png", np.zeros((4, 4), np.uint8))[1].tobytes())
    data[16:24] = (60000).to_bytes(4, "big") * 2
    data[29:33] = __import__("zlib").crc32(data[12:29]).to_bytes(4, "big")
    (tmp_path / "i.png").write_bytes(data)
    with pytest.raises(UserError, match=r"\A[^\n]*i.png: not a readable [^\n]+\Z"):
        read(tmp_path / "i.png")
    counted()


def test_errors_of_our_own_are_no_faults_of_the_machine():
    for error in (
        ValueError("x"),
        KeyError("x"),
        OSError("x"),
        UnicodeEncodeError("ascii", "ä", 0, 1, "ordinal"),
    ):
        assert of_machine(error) is None
    assert "not enough of it" in str(of_machine(MemoryError()))


def test_no_library_touches_the_disk_itself():
    """OpenCV dies of odd names and full disks; it gets and gives bytes."""
    forbidden = re.compile(
        r"cv2\.(imread|imwrite|imreadmulti|imwritemulti|VideoCapture|FileStorage)\b"
    )
    places = [
        *SOURCES.glob("src/**/*.py"),
        *SOURCES.glob("benchmarks/**/*.py"),
        *SOURCES.glob("notebooks/*.ipynb"),
    ]
    assert len(places) > 100
    assert [path for path in places if forbidden.search(path.read_text())] == []


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


NET = """
data = { dataset = "squares", n_folds = 2 }
model = { width = 4, depth = 1, stem = 2 }
[train]
crop_px = 32
batch_size = 2
epochs = 2
crops_per_epoch = 4
validation_crops = 2
precision = "float32"
"""


@pytest.mark.slow
@pytest.mark.fault("full disk")
def test_training_and_prediction_on_a_full_disk(small_disk, counted):
    """Filled up to a few KB more each time, until there is room for all that a stage writes."""
    config = small_disk / "net.toml"
    config.write_text(NET)
    run = runs.judged(small_disk, [(4, 4)] * 8, config=read.load(config))
    commands = {
        "train": ["train", "--run", str(run.folder), "--fold", "0"],
        "predict": ["predict", "--run", str(run.folder), "--fold", "0", "--split", "oof"],
    }
    for name, command in commands.items():
        done, n_failed = False, 0
        for free_kb in (0, 4, 12, 40, 120, 300, 2000):
            filler = small_disk / "filler"
            free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
            filler.write_bytes(bytes(max(0, free - free_kb * 1024)))
            answer = limited(["-m", "segline", *command], small_disk, resource.RLIM_INFINITY)
            filler.unlink()
            done = answer.returncode == 0
            if done:
                break
            assert_one_line(answer, "No space left on device")
            assert left_over(small_disk) == []
            n_failed += 1
            counted()
        assert done, name
        assert n_failed
