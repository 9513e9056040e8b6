"""The tables of a data set, and its images as the net's sampler and the scorer want them."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from segline import inputs, maps, resize
from segline.errors import UserError
from segline.files import read_csv, read_image, read_json, read_labels

IMAGE_COLUMNS = (
    *("image_id", "split", "image", "labels", "height", "width", "n_objects"),
    *("modality", "group"),
)
SEMANTIC_COLUMNS = ("stratum", "validation")  # of semantic sets, after the others
CACHE_BYTES = 2**30
NO_FOLD = -1  # of images that are trained on in every fold


def read_images(path: Path) -> pd.DataFrame:
    """images.csv, ids, groups and strata as text; semantic sets have `SEMANTIC_COLUMNS` too."""
    names = ("image_id", "split", "image", "labels", "modality", "group", "stratum")
    return read_csv(path, IMAGE_COLUMNS, dtype=dict.fromkeys(names, str))


def read_folds(images: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The training rows of `images` with a column `fold`."""
    folds = read_csv(path, ("image_id", "fold"), dtype={"image_id": str, "fold": int})
    train = images[images["split"] == "train"].merge(folds, on="image_id", how="left")
    unassigned = train.loc[train["fold"].isna(), "image_id"]
    if len(unassigned):
        raise UserError(
            f"{path}: {len(unassigned)} training images have no fold (first {unassigned.iloc[0]}); "
            f"run make data again"
        )
    return train.astype({"fold": int}).reset_index(drop=True)


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


def read_out_of_fold(images: Path, folds: Path, oof: Sequence[Path]) -> pd.DataFrame:
    """The training rows that the files `oof` hold maps of, with columns `fold` and `oof`.

    `oof` lists an image's files: one, or for a blend of runs several.
    """
    files_of: dict[str, list[Path]] = {}
    for path in oof:
        for image_id in maps.ids(path):
            files_of.setdefault(image_id, []).append(path)
    train = read_folds(read_images(images), folds)
    train["oof"] = train["image_id"].map(files_of)
    return train[train["oof"].notna()].reset_index(drop=True)


def out_of_fold_jobs(table: pd.DataFrame, *more: str) -> list[tuple[Any, ...]]:
    """Of every row of `read_out_of_fold` (image_id, labels, oof) and the columns `more`, for `pooled`."""
    columns = ("image_id", "labels", "oof", *more)
    return list(zip(*(table[name] for name in columns), strict=True))


def data_hash(images_path: Path) -> str:
    """Hash of the data set's content, from the summary that `make data` wrote beside images.csv."""
    return str(read_json(images_path.with_name("summary.json"))["data_hash"])


class PairReader:
    """Reads row `i` as (image, labels), keeping at most `CACHE_BYTES` in memory.

    The image is `inputs.prepared` by the table `input`; the labels are brought to its size.
    """

    def __init__(self, images: pd.DataFrame, *, root: Path, normalisation: dict) -> None:
        self._image_paths = [root / path for path in images["image"]]
        self._label_paths = [root / path for path in images["labels"]]
        self._normalisation = normalisation
        self._cache: OrderedDict[int, tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __call__(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        with self._lock:
            if row in self._cache:
                self._cache.move_to_end(row)
                return self._cache[row]
        image = inputs.prepared(read_image(self._image_paths[row]), **self._normalisation)
        labels = read_labels(self._label_paths[row])
        if self._normalisation.get("size"):
            labels = resize.nearest(labels, image.shape[:2])
        pair = image, labels
        with self._lock:
            if row not in self._cache:
                self._cache[row] = pair
                self._bytes += _size(pair)
            while self._bytes > CACHE_BYTES and len(self._cache) > 1:
                self._bytes -= _size(self._cache.popitem(last=False)[1])
        return pair


def _size(pair: tuple[np.ndarray, np.ndarray]) -> int:
    return sum(array.nbytes for array in pair)
