"""Fuzzing of every reader: whatever the bytes, it answers with a value or in one line with its name.

    python -m benchmarks.fuzz [--seconds 600] [reader ...]

Coverage leads it where atheris is installed; otherwise whole files are changed at random. An input that
breaks the rule is kept in tests/fuzz, where it becomes a test. How many were tried goes into
benchmarks/results/fuzz.json.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import io
import json
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import h5py
import numpy as np
import tifffile
from PIL import Image

from segline.base import files
from segline.base.errors import UserError
from segline.config import read as configs
from segline.config import stages
from segline.config.stages import TuneStage
from segline.data import archives, reader, tables
from segline.data.layouts.files import read_mask
from segline.data.stacks import Choice
from segline.objects import decoders, maps

ROOT = Path(__file__).parents[1]
CASES = ROOT / "tests/fuzz"
RESULT = ROOT / "benchmarks/results/fuzz.json"
HANGS = 240  # seconds after its time in which a process must end
MEMORY = 6 << 30  # bytes of address space, beyond which Python says MemoryError


class Reader(NamedTuple):
    """What reads a file, its suffix, and whole files to begin with."""

    read: Callable[[Path], object]
    suffix: str
    seeds: Callable[[], list[bytes]]


def _all_maps(path: Path) -> None:
    for image_id in maps.ids(path):
        maps.read(path, image_id)


def _second(path: Path) -> None:
    decoder = decoders.ObjectDecoder(decoders.tuning.Thresholds(0.5, 0.5, 1), {})
    decoders._with_second(decoder, "final", path)


def _zip(path: Path) -> None:
    place = archives.Place(path, "load it again")
    for name in place.names():
        place.read(name)


def _pictures() -> list[bytes]:
    rng = np.random.default_rng(0)
    found = []
    for mode in ("L", "RGB", "RGBA", "P", "I;16", "1"):
        image = Image.fromarray(rng.integers(0, 255, (9, 11, 3), np.uint8))
        image = (
            image.convert("L").convert("I").convert(mode) if mode == "I;16" else image.convert(mode)
        )
        for kind in ("PNG", "TIFF", "GIF", "BMP", "JPEG", "WEBP", "PPM", "JPEG2000"):
            buffer = io.BytesIO()
            try:
                image.save(buffer, kind)
            except (OSError, KeyError, ValueError):
                continue  # this kind has no such mode
            found.append(buffer.getvalue())
    for compression in ("zlib", None):
        buffer = io.BytesIO()
        stack = rng.integers(0, 999, (3, 8, 9), np.uint16)
        tifffile.imwrite(buffer, stack, compression=compression, photometric="minisblack")
        found.append(buffer.getvalue())
    return found


def _labels() -> list[bytes]:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.arange(90, dtype=np.uint32).reshape(9, 10), compression="zlib")
    return [buffer.getvalue(), cv2.imencode(".png", np.eye(7, dtype=np.uint16))[1].tobytes()]


def _hdf5(write: Callable[[h5py.File], None]) -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.h5"
        with h5py.File(path, "w") as file:
            write(file)
        return [path.read_bytes()]


def _write_maps(file: h5py.File) -> None:
    for name in ("a", "b"):
        files.store_array(file, name, np.arange(192, dtype=np.uint8).reshape(8, 8, 3))


def _write_second(file: h5py.File) -> None:
    group = file.create_group("final")
    group.attrs.update({"cutoff": 0.5, "seed_offsets": [0.0], "foreground_offsets": [0.0]})
    for field in decoders.Forest._fields:
        values = np.array(["area"], object) if field == "names" else np.zeros(1)
        files.store_array(group, f"view_0/{field}", values)


def _arrays() -> list[bytes]:
    plain, packed = io.BytesIO(), io.BytesIO()
    np.save(plain, np.eye(5, dtype=np.uint8))
    np.savez_compressed(packed, np.eye(5, dtype=np.uint8))
    return [plain.getvalue(), packed.getvalue()]


def _zips() -> list[bytes]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/images/a.png", b"0" * 99)
    return [buffer.getvalue()]


IMAGES = f"{','.join(tables.IMAGE_COLUMNS)}\na,train,i/a.png,l/a.png,4,5,1,m,g\nb,test,i/b.png,,4,5,0,m,b\n"
TUNED = json.dumps(
    {
        "final": {"seed_threshold": 0.5, "foreground_threshold": 0.5, "min_size_px": 1},
        "parts": {},
        "options": {"fill_holes": True},
        "unseen": [],
    }
)
READERS = {
    "picture": Reader(lambda p: reader.rgb8(p, Choice()), ".png", _pictures),
    "tiff": Reader(lambda p: reader.rgb8(p, Choice(page=0)), ".tif", lambda: _pictures()[-2:]),
    "mask": Reader(lambda p: read_mask(p, Choice()), ".png", _pictures),
    "array": Reader(lambda p: read_mask(p, Choice()), ".npz", _arrays),
    "labels": Reader(files.read_labels, ".png", _labels),
    "label_tiff": Reader(files.read_labels, ".tif", _labels),
    "image": Reader(files.read_image, ".png", _pictures),
    "maps": Reader(_all_maps, ".h5", lambda: _hdf5(_write_maps)),
    "second": Reader(_second, ".h5", lambda: _hdf5(_write_second)),
    "images_csv": Reader(tables.read_images, ".csv", lambda: [IMAGES.encode()]),
    "thresholds": Reader(decoders.load, ".json", lambda: [TUNED.encode()]),
    "stage": Reader(
        lambda p: stages.read(p, TuneStage), ".json", lambda: [stages.text(TuneStage()).encode()]
    ),
    "config": Reader(
        configs.load,
        ".toml",
        lambda: [(ROOT / "configs/quick.toml").read_bytes(), b"[train]\nepochs=2"],
    ),
    "zip": Reader(_zip, ".zip", _zips),
}


def fault(name: str, path: Path) -> str:
    """How the reader `name` breaks the rule on the file at `path`; '' if it does not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            READERS[name].read(path)
    except UserError as error:
        if "\n" in str(error) or path.name not in str(error):
            return f"not one line with the file's name: {error}"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}: {error}"
    return ""


def changed(data: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """A few changes of kinds that matter to formats: bits, sizes, cuts, repeats, parts of another file."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at, kind = rng.randrange(len(found) + 1), rng.randrange(7)
        if kind == 0 and at < len(found):
            found[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(found):
            found[at] = rng.randrange(256)
        elif kind == 2:
            found[at : at + 4] = rng.choice(
                (b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\0\0\xea\x60")
            )
        elif kind == 3:
            del found[at : at + rng.choice((1, 4, 64, len(found)))]
        elif kind == 4:
            found[at:at] = found[at : at + rng.choice((1, 8, 64))]
        elif kind == 5:
            other = rng.choice(others)
            start = rng.randrange(len(other) + 1)
            found[at : at + 16] = other[start : start + 16]
        else:
            found[at:at] = rng.choice((b"\n", b",", b'"', b"NaN", b"1e999", b"\xff\xfe", b"[[[["))
    return bytes(found)


def fuzz(name: str, seconds: float, folder: Path) -> int:
    """Try inputs for so long; how many. Each lies at `folder`/current while it is read."""
    reader, found = READERS[name], set()
    path, n_inputs = folder / f"current{reader.suffix}", 0

    def one(data: bytes) -> None:
        nonlocal n_inputs
        path.write_bytes(data)
        n_inputs += 1
        (folder / "count").write_text(str(n_inputs))
        said = fault(name, path)
        kind = re.sub(r"\d+", "0", said)[:60]
        if said and kind not in found:
            found.add(kind)
            keep(name, path, said)

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    if importlib.util.find_spec("atheris"):
        _led_by_coverage(one, reader, seconds, folder)
    rng, seeds, end = random.Random(time.time()), reader.seeds(), time.monotonic() + seconds
    while time.monotonic() < end:
        one(changed(rng.choice(seeds), rng, seeds))
    return n_inputs


def _led_by_coverage(
    one: Callable[[bytes], None], reader: Reader, seconds: float, folder: Path
) -> None:
    """Ends the process when the time is over, as libFuzzer does."""
    import atheris

    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(reader.seeds()):
        (corpus / str(number)).write_bytes(seed)
    limits = [
        f"-max_total_time={seconds:.0f}",
        "-timeout=60",
        "-rss_limit_mb=6000",
        "-max_len=8192",
    ]
    atheris.Setup(["fuzz", *limits, f"-artifact_prefix={folder}/", str(corpus)], one)
    atheris.Fuzz()


def keep(name: str, path: Path, said: str) -> None:
    """Keep a finding as a case of the tests."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    shutil.copyfile(path, CASES / f"{name}-{digest}{path.suffix}")
    print(f"{name}-{digest}: {said}"[:300], flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="*", default=list(READERS))
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    CASES.mkdir(exist_ok=True)
    if asked.folder:  # the process of one reader, which a library may crash
        fuzz(asked.readers[0], asked.seconds, asked.folder)
        return
    done = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for name in asked.readers:
        done[name] = done.get(name, 0) + _in_process(name, asked.seconds)
        files.write_json(RESULT, done)
        print(f"{name}: {done[name]:,} inputs in all", flush=True)


def _start() -> list[str]:
    """This module as a program, its readers compiled so that coverage is seen, where that can be."""
    if not importlib.util.find_spec("atheris"):
        return ["-m", "benchmarks.fuzz"]
    seen = "'segline', 'PIL', 'tifffile', 'zipfile', 'json', 'tomllib'"
    return [
        "-c",
        f"import atheris\nwith atheris.instrument_imports(include=[{seen}], enable_loader_override=False):"
        "\n    from benchmarks import fuzz\nfuzz.main()",
    ]


def _in_process(name: str, seconds: float) -> int:
    """Fuzz in a process of its own, again as often as it dies; the number of inputs."""
    total, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        with tempfile.TemporaryDirectory(
            dir="/dev/shm" if Path("/dev/shm").is_dir() else None
        ) as place:
            folder = Path(place)
            left = max(1.0, end - time.monotonic())
            command = [sys.executable, *_start(), name, "--seconds", f"{left:.0f}"]
            try:
                answer = subprocess.run(
                    [*command, "--folder", place], stderr=subprocess.PIPE, timeout=left + HANGS
                )
            except subprocess.TimeoutExpired:
                answer = subprocess.CompletedProcess(command, -1, stderr=b"it hangs")
            counted = folder / "count"
            total += int(counted.read_text()) if counted.exists() else 0
            if answer.returncode == 0:
                break
            if not counted.exists():
                raise SystemExit(answer.stderr.decode()[-2000:])
            keep(name, folder / f"current{READERS[name].suffix}", f"it died, {answer.returncode}")
    return total


if __name__ == "__main__":
    main()
