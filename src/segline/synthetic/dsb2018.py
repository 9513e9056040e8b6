"""Generated pictures in the competition's raw layout: every stage runs without a download."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from segline.base import files
from segline.base.errors import UserError
from segline.masks import rle
from segline.masks.labels import split_components
from segline.synthetic import crowds, nuclei

ZIP_TIME = (2018, 4, 16, 0, 0, 0)  # fixed, so that the same seed gives the same bytes
MIN_OBJECTS = 2  # in every picture; a field with an emptier tile is painted again


@dataclass(frozen=True)
class Fields:
    """`n` fields of one modality, each cut into `tiles` (rows, columns) with sides drawn in px."""

    modality: str
    n: int
    tiles: tuple[int, int]
    sides: tuple[int, int]

    @property
    def n_images(self) -> int:
        return self.n * self.tiles[0] * self.tiles[1]


@dataclass(frozen=True)
class Picture:
    image_id: str
    image: np.ndarray  # (H, W, 3) uint8 RGB
    labels: np.ndarray  # (H, W) int32


SIZES: dict[str, dict[str, tuple[Fields, ...]]] = {
    "demo": {
        "train": (
            Fields("fluorescence", 10, (2, 2), (128, 176)),
            Fields("fluorescence", 4, (1, 2), (176, 256)),
            Fields("fluorescence", 24, (1, 1), (144, 256)),
            Fields("tissue_purple", 4, (2, 2), (128, 192)),
            Fields("tissue_light", 3, (2, 2), (128, 176)),
            Fields("brightfield", 2, (2, 2), (128, 160)),
            Fields("brightfield", 2, (1, 1), (200, 320)),
        ),
        "test": (
            Fields("fluorescence", 17, (1, 1), (100, 256)),
            Fields("tissue_purple", 3, (1, 1), (128, 256)),
            Fields("tissue_light", 4, (1, 1), (128, 256)),
            Fields("brightfield", 4, (1, 1), (128, 256)),
        ),
    },
    "tiny": {
        "train": (
            Fields("fluorescence", 2, (2, 2), (64, 72)),
            Fields("fluorescence", 4, (1, 1), (64, 96)),
            Fields("tissue_purple", 3, (1, 1), (64, 96)),
            Fields("tissue_light", 3, (1, 1), (64, 96)),
            Fields("brightfield", 2, (1, 1), (64, 96)),
        ),
        "test": tuple(Fields(name, 1, (1, 1), (64, 96)) for name in nuclei.PAINTERS),
    },
}


def write(out: Path, *, size: str, seed: int) -> dict[str, int]:
    """Write the raw folder of a data set and return the number of images by split.

    `out` receives `stage1_train.zip` (with PNG masks), `stage1_train_labels.csv`,
    `stage1_test.zip`, `stage1_sample_submission.csv` and `stage1_solution.csv`, all in the official
    formats. The same `size`, `seed` and library versions give the same bytes. UserError for an
    unknown `size`.
    """
    if size not in SIZES:
        raise UserError(f"synthetic data: size {size!r} is not one of {', '.join(SIZES)}")
    train = list(pictures("train", SIZES[size]["train"], seed=seed))
    test = list(pictures("test", SIZES[size]["test"], seed=seed))
    _write_zip(out / "stage1_train.zip", train, masks=True)
    _write_zip(out / "stage1_test.zip", test, masks=False)
    files.write_csv(out / "stage1_train_labels.csv", _label_table(train))
    sample = pd.DataFrame({"ImageId": [p.image_id for p in test], "EncodedPixels": "1 1"})
    files.write_csv(out / "stage1_sample_submission.csv", sample)
    files.write_csv(out / "stage1_solution.csv", _solution_table(test))
    return {"train": len(train), "test": len(test)}


def pictures(split: str, recipe: tuple[Fields, ...], *, seed: int) -> Iterator[Picture]:
    """Paint the fields of `recipe` and yield their tiles; ids are 16 hexadecimal digits."""
    for index, (modality, tiles, sides) in enumerate(
        (fields.modality, fields.tiles, fields.sides) for fields in recipe for _ in range(fields.n)
    ):
        rng = np.random.default_rng([seed, split == "test", index])
        for number, (image, labels) in enumerate(_field(modality, tiles, sides, rng)):
            name = f"{seed}/{split}/{index}/{number}"
            yield Picture(hashlib.sha256(name.encode()).hexdigest()[:16], image, labels)


def _field(
    modality: str, tiles: tuple[int, int], sides: tuple[int, int], rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    height, width = (int(side) for side in rng.integers(sides[0], sides[1] + 1, 2))
    while True:
        image, labels = nuclei.paint(modality, (height * tiles[0], width * tiles[1]), rng=rng)
        cut = [
            (image[rows, columns], _tile_labels(labels[rows, columns]))
            for rows in (slice(r * height, (r + 1) * height) for r in range(tiles[0]))
            for columns in (slice(c * width, (c + 1) * width) for c in range(tiles[1]))
        ]
        if all(labels.max() >= MIN_OBJECTS for _, labels in cut):
            return cut


def _tile_labels(labels: np.ndarray) -> np.ndarray:
    """Number the objects of a tile 1..n; slivers left by the cut are not annotated."""
    labels = split_components(labels)
    areas = np.bincount(labels.ravel())
    kept = np.flatnonzero(areas >= crowds.MIN_AREA_PX)
    kept = kept[kept > 0]
    number = np.zeros(len(areas), np.int32)
    number[kept] = np.arange(1, len(kept) + 1)
    return number[labels]


def _write_zip(path: Path, items: list[Picture], *, masks: bool) -> None:
    with files.replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for item in items:
            rgba = cv2.cvtColor(item.image, cv2.COLOR_RGB2BGRA)
            _add_png(archive, f"{item.image_id}/images/{item.image_id}.png", rgba)
            for label in range(1, int(item.labels.max()) + 1) if masks else ():
                name = f"{item.image_id}/masks/{item.image_id}-{label:03d}.png"
                _add_png(archive, name, (item.labels == label).astype(np.uint8) * 255)


def _add_png(archive: zipfile.ZipFile, name: str, image: np.ndarray) -> None:
    entry = zipfile.ZipInfo(name, ZIP_TIME)
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, cv2.imencode(".png", image)[1].tobytes())


def _label_table(items: list[Picture]) -> pd.DataFrame:
    rows = [(item.image_id, code) for item in items for code in rle.encode_labels(item.labels)]
    return pd.DataFrame(rows, columns=["ImageId", "EncodedPixels"])


def _solution_table(items: list[Picture]) -> pd.DataFrame:
    table = _label_table(items)
    shapes = {item.image_id: item.labels.shape for item in items}
    table["Height"] = [shapes[name][0] for name in table["ImageId"]]
    table["Width"] = [shapes[name][1] for name in table["ImageId"]]
    return table.assign(Usage="Public")
