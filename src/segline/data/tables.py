"""The tables of a data set: images.csv and folds.csv."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from segline.base.errors import UserError
from segline.base.files import read_csv, read_image, read_json, texts
from segline.base.numbers import shown, whole
from segline.config import stages
from segline.config.places import DataFiles
from segline.config.tables import Data
from segline.config.tables.dialect import Dialect
from segline.data import object_kinds
from segline.masks.rle_text import MAX_PIXELS

IMAGE_COLUMNS = (
    *("image_id", "split", "image", "labels", "height", "width", "n_objects"),
    *("modality", "group", "source"),
)
SEMANTIC_COLUMNS = ("stratum", "validation")  # of semantic sets, after the others
NUMBERS = ("height", "width", "n_objects")
REMEDY = "remove it, and make data makes it again"
NO_FOLD = -1  # of images that are trained on in every fold


def read_images(path: Path) -> pd.DataFrame:
    """images.csv, ids, groups and strata as text; semantic sets have `SEMANTIC_COLUMNS` too.

    With object_classes.csv beside it there is a column `object_classes`: of each image the tuple of the
    classes of its objects 1..n.
    """
    names = ("image_id", "split", "image", "labels", "modality", "group", "source", "stratum")
    try:
        images = read_csv(path, IMAGE_COLUMNS, dtype=dict.fromkeys((*names, *NUMBERS), str))
    except UserError as error:
        raise UserError(f"{error}; make data writes it") from None
    _check(images, path)
    images = images.astype(dict.fromkeys(NUMBERS, int))
    beside = DataFiles(path.parent).object_classes
    if not beside.exists():
        return images
    classes = object_kinds.read(beside)
    return images.assign(object_classes=[classes.get(name, ()) for name in images["image_id"]])


def _check(images: pd.DataFrame, path: Path) -> None:
    """Refuse a table that is cut off, or that nobody can have meant."""
    needed = ["image_id", "split", "height", "width", "group"]
    cut = images[[*IMAGE_COLUMNS]].isna().any(axis=1) | (images[needed] == "").any(axis=1)
    _refuse(cut, "cut off, or without a value", path)
    _refuse(~images["split"].isin(["train", "test"]), "of a split other than train and test", path)
    _check_sizes(images, path, NUMBERS)


def _check_sizes(
    images: pd.DataFrame, path: Path, numbers: Sequence[str], remedy: str = REMEDY
) -> None:
    """Refuse ids that come twice, `numbers` (as text) that are not whole, and images beyond the largest."""
    _refuse(images["image_id"].duplicated(), "whose image_id another row has", path, remedy)
    for name in numbers:
        bad = [whole(text) is None for text in texts(images, name)]
        found = shown(texts(images, name)[bad.index(True)]) if any(bad) else ""
        _refuse(pd.Series(bad), f"whose {name} is no whole number, found {found}", path, remedy)
    areas = zip(texts(images, "height"), texts(images, "width"), strict=True)
    large = [int(height) * int(width) > MAX_PIXELS for height, width in areas]
    _refuse(pd.Series(large), f"of more than {MAX_PIXELS} pixels, the largest image", path, remedy)
    if images.empty:
        raise UserError(f"{path}: no image in it; {remedy}")


def _refuse(rows: pd.Series, what: str, path: Path, remedy: str = REMEDY) -> None:
    if rows.any():
        number = int(rows.to_numpy().argmax()) + 2
        raise UserError(f"{path}, line {number}: a row {what}; {remedy}")


def read_shapes(path: Path) -> dict[str, tuple[int, int]]:
    """`shapes` of images.csv, or of any CSV that has the columns image_id, height, width."""
    sizes = ("image_id", "height", "width")
    images = read_csv(path, sizes, dtype=str)
    if set(IMAGE_COLUMNS) <= set(images.columns):
        return shapes(read_images(path))
    _check_sizes(images, path, sizes[1:], "mend the row")
    return shapes(images)


def shapes(images: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Height and width of each image."""
    sides = zip(images["height"].astype(int), images["width"].astype(int), strict=True)
    return dict(zip(images["image_id"], sides, strict=True))


def settings_of(images: Path) -> Data | None:
    """What images.csv was made by; None for a table of somebody's own."""
    path = DataFiles(images.parent).settings
    return stages.read(path, Data) if path.exists() else None


def described(images: Path) -> Dialect | None:
    """What the competition's own CSVs look like, if images.csv was made of a download by a dialect."""
    settings = settings_of(images)
    return settings.described if settings else None


def read_folds(images: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The training rows of `images` with a column `fold`."""
    folds = read_csv(path, ("image_id", "fold"), dtype={"image_id": str, "fold": int})
    _check_folds(images, folds, path)
    train = images[images["split"] == "train"].merge(folds, on="image_id", how="left")
    unassigned = train.loc[train["fold"].isna(), "image_id"]
    if len(unassigned):
        raise UserError(
            f"{path}: {len(unassigned)} training images have no fold (first {unassigned.iloc[0]}); "
            f"run make data again"
        )
    return train.astype({"fold": int}).reset_index(drop=True)


def _check_folds(images: pd.DataFrame, folds: pd.DataFrame, path: Path) -> None:
    """Refuse folds of other images: one of the two tables is cut off or of another data set."""
    twice = folds.loc[folds["image_id"].duplicated(), "image_id"]
    if len(twice):
        raise UserError(f"{path}: {twice.iloc[0]} is listed twice; {REMEDY}")
    known = images.loc[images["split"] == "train", "image_id"]
    foreign = folds.loc[~folds["image_id"].isin(known), "image_id"]
    if len(foreign):
        raise UserError(
            f"{path}: {len(foreign)} images (first {foreign.iloc[0]}) are no training images of "
            f"{path.with_name('images.csv')}; remove both, and make data makes them again"
        )


def with_extra(train: pd.DataFrame, extra: Sequence[Path]) -> pd.DataFrame:
    """`train` (images.csv with `fold`) and the training images of other sets, in no fold: -1.

    UserError if one of them has the pixels of an image of `train`: it might be held out there.
    """
    tables = [train]
    for path in extra:
        added = read_images(path)
        tables.append(added[added["split"] == "train"].assign(fold=NO_FOLD))
    both = pd.concat(tables, ignore_index=True)
    suspects = both[both.duplicated(["height", "width"], keep=False)] if extra else both[:0]
    first_with: dict[bytes, Any] = {}
    for image in suspects.itertuples():
        pixels = hashlib.sha256(read_image(image.image).tobytes()).digest()
        other = first_with.setdefault(pixels, image)
        if NO_FOLD in {image.fold, other.fold} and image.fold != other.fold:
            raise UserError(
                f"{image.image}: an extra image with the pixels of {other.image}, which is held out "
                f"in fold {other.fold}; take it out of the extra set"
            )
    return both


def data_hash(data: DataFiles) -> str:
    """Hash of the data set's content, from the summary that `make data` wrote beside images.csv."""
    return str(read_json(data.summary, {"data_hash": str})["data_hash"])
