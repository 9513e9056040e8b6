"""What a net was trained on: the identity that nets, maps and figures are compared by, never by times."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import Field

from segline.base.checksums import sha256
from segline.base.errors import UserError
from segline.base.files import read_json
from segline.config import places, stages
from segline.config.places import DataFiles, FoldFiles, RunFiles
from segline.config.tables import Table
from segline.data import raw_files
from segline.data.tables import data_hash

DIGITS = 16  # hexadecimal, of a hash that is shown


class Identity(Table):
    """Hashes of the training images with their labels and of the folds, and the version that read them.

    `extra` has the hash of each data set that is trained on beside it (`train.extra`). What is empty is
    not known, as of shipped weights, some of which know the hash of the whole data set alone, `data_hash`.
    """

    train_hash: str = ""
    folds_hash: str = ""
    data_version: int = 0
    extra: dict[str, str] = Field(default={})
    data_hash: str = ""


def of(run: RunFiles, extra: Iterable[str] = ()) -> Identity:
    """The identity of what a run would be trained on now."""
    others = {name: places.dataset(run.root, name) for name in extra}
    made = raw_files.made_from(run.data)
    return Identity(
        train_hash=train_hash(run.data),
        folds_hash=sha256(run.data.folds)[:DIGITS],
        data_version=made.version if made else 0,
        extra={name: train_hash(data) for name, data in others.items()},
    )


def read(fold: FoldFiles) -> Identity | None:
    """What the model of a fold was trained on; None where that is not recorded."""
    return stages.read(fold.trained_on, Identity) if fold.trained_on.exists() else None


def train_hash(data: DataFiles) -> str:
    """Hash of the training images of a data set, of their labels and of their rows in images.csv."""
    summary = read_json(data.summary)
    return str(summary.get("train_hash") or summary.get("data_hash", ""))


def held_out(data: DataFiles) -> str:
    """Hash of which images are held out of which fold."""
    return digest([train_hash(data), sha256(data.folds)])


def shipped(cv: Path) -> Identity:
    """What shipped weights were trained on, from their figures."""
    found = read_json(cv) if cv.exists() else {}
    known = {
        name: found[name] for name in ("train_hash", "folds_hash", "data_hash") if name in found
    }
    return Identity.model_validate(known)


def differences(old: Identity, new: Identity) -> str:
    """In words, what of `old` is another in `new`; '' if nothing is that is known of both."""
    pairs = [
        ("training data", old.train_hash, new.train_hash),
        ("folds", old.folds_hash, new.folds_hash),
        ("version of the reader", old.data_version, new.data_version),
    ]
    if old.folds_hash and new.folds_hash:
        names = sorted(old.extra.keys() | new.extra.keys())
        pairs += [
            (f"extra set {name}", old.extra.get(name, "none"), new.extra.get(name, "none"))
            for name in names
        ]
    differing = [(name, a, b) for name, a, b in pairs if a and b and a != b]
    return ", ".join(f"{name} {a} -> {b}" for name, a, b in differing)


def check(run: RunFiles, fold: int) -> None:
    """Refuse held-out maps by a net that may have been trained on the images held out now."""
    trained = read(run.fold(fold))
    if trained is None:
        return
    found = differences(trained, of(run, trained.extra))
    if not trained.train_hash and trained.data_hash not in ("", data_hash(run.data)):
        found = f"data hash {trained.data_hash} -> {data_hash(run.data)}"
    if found:
        raise UserError(
            f"{run.fold(fold).model}: trained on other data ({found}), so it may have seen the images that "
            f"are held out now; train it again (fresh=1)"
        )


def digest(lines: Iterable[str]) -> str:
    """16 hexadecimal digits over lines in any order."""
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:DIGITS]


@contextlib.contextmanager
def time_kept_if_same(data: DataFiles, origin: raw_files.Origin) -> Iterator[None]:
    """Give images.csv its old time back if the block makes the same data set of `origin` as is there.

    So nothing is stale that was made of it.
    """
    before = None
    with contextlib.suppress(UserError):  # damaged, which may be why it is made again
        before = _content(data, raw_files.made_from(data))
    time = data.images.stat().st_mtime_ns if before else 0
    yield
    if before and before == _content(data, origin):
        os.utime(data.images, ns=(time, time))


def _content(data: DataFiles, made: raw_files.Origin | None) -> tuple[bytes, object, int] | None:
    """What tells a data set from another; None where there is none."""
    if not (data.images.exists() and data.summary.exists()):
        return None
    version = made.version if made else raw_files.DATA_VERSION
    return data.images.read_bytes(), read_json(data.summary), version
