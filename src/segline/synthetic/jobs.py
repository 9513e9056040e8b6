"""Generated data sets for the semantic jobs, each in a raw layout that users have too.

Every set ends with `solution.csv`, the truth of its test images in the form of a submission with
`Height,Width,Usage`, so that scores can be computed.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from segline.base import files
from segline.masks import rle
from segline.synthetic.scenes import Scene, eyes, lesions, scans, smears, streets

STREET_COLOURS = ("#202020", "#d04040", "#909090", "#4060e0")  # of multiclass's colour masks
SMEAR_PALETTE = (0, 0, 0, 60, 90, 220, 70, 190, 90, 230, 90, 40)


class Item(NamedTuple):
    image_id: str
    scene: Scene


def write(out: Path, *, name: str, seed: int) -> dict[str, int]:
    """Write the raw folder of the set `name` (a key of `SETS`); the number of images by split.

    The same `name`, `seed` and library versions give the same bytes.
    """
    n_classes, writer = SETS[name]
    train, test = writer(out, seed)
    files.write_csv(out / "solution.csv", solution(test, n_classes))
    return {"train": len(train), "test": len(test)}


def solution(items: Sequence[Item], n_classes: int) -> pd.DataFrame:
    """One row an image and foreground class, empty where it is absent; no ClassId with two classes."""
    rows = [
        (item.image_id, number, rle.encode(item.scene.mask == number), *item.scene.mask.shape)
        for item in items
        for number in range(1, n_classes)
    ]
    table = pd.DataFrame(rows, columns=["ImageId", "ClassId", "EncodedPixels", "Height", "Width"])
    return table.assign(Usage="Public").drop(columns=["ClassId"] if n_classes == 2 else [])


Written = tuple[list[Item], list[Item]]  # the training and the test items
Painter = Callable[[np.random.Generator, int], Scene]  # of the item with that number


def painted(name: str, n_train: int, n_test: int, seed: int, paint: Painter) -> Written:
    """Items whose ids begin with `name`; each is painted with random numbers of its own."""

    def items(split: str, n: int) -> list[Item]:
        rngs = (np.random.default_rng([seed, split == "test", number]) for number in range(n))
        return [
            Item(f"{name}_{split}_{number:03d}", paint(rng, number))
            for number, rng in enumerate(rngs)
        ]

    return items("train", n_train), items("test", n_test)


def _iris(out: Path, seed: int) -> Written:
    """Two pictures a person, all with one sensor; masks 0/255."""
    sensors = list(eyes.SENSORS)

    def sensor(number: int) -> str:
        return sensors[number // 2 % len(sensors)]

    train, test = painted(
        "iris", 120, 32, seed, lambda rng, number: eyes.paint(rng, sensor=sensor(number))
    )
    _write_images(out, train, test)
    for item in train:
        files.write_image(out / f"masks/{item.image_id}.png", item.scene.mask * 255)
    rows = [
        (item.image_id, f"{split}_person_{n // 2:03d}", sensor(n))
        for split, items in (("train", train), ("test", test))
        for n, item in enumerate(items)
    ]
    table = pd.DataFrame(rows, columns=["image_id", "group", "modality"])
    files.write_csv(out / "groups.csv", table)
    return train, test


def _multiclass(out: Path, seed: int) -> Written:
    """JPEG pictures of 280 to 2,600 px; masks as class indices, some one-hot, some in colours."""
    train, test = painted(
        "street",
        120,
        30,
        seed,
        lambda rng, number: streets.paint(rng, shape=street_shape(rng, number)),
    )
    for folder, items in (("images", train), ("test_images", test)):
        for item in items:
            bgr = cv2.cvtColor(item.scene.image, cv2.COLOR_RGB2BGR)
            jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
            files.write_bytes(out / folder / f"{item.image_id}.jpg", jpeg.tobytes())
    for number, item in enumerate(train):
        place, mask = out / "masks" / item.image_id, item.scene.mask
        if number % 8 == 3:
            _write_one_hot(place, mask, len(streets.CLASSES))
        elif number % 8 == 6:
            table = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in STREET_COLOURS]
            files.write_image(place.with_suffix(".png"), np.array(table, np.uint8)[mask])
        else:
            files.write_image(place.with_suffix(".png"), mask)
    return train, test


def street_shape(rng: np.random.Generator, number: int) -> tuple[int, int]:
    """Every 60th picture is very large, every 12th large."""
    low, high = (
        (1900, 2600) if number % 60 == 30 else (700, 1100) if number % 12 == 5 else (280, 440)
    )
    height, width = rng.integers(low, high, 2)
    return int(height), int(width)


def _multichannel(out: Path, seed: int) -> Written:
    """Masks of five channels, one-hot."""
    train, test = painted("scan", 140, 30, seed, lambda rng, _: scans.paint(rng))
    _write_images(out, train, test)
    for item in train:
        _write_one_hot(out / "masks" / item.image_id, item.scene.mask, len(scans.CLASSES))
    return train, test


def _npz(out: Path, seed: int) -> Written:
    """The trap: training images in 0-1, the validation file's in 0-255, masks in two shapes."""
    train, test = painted("lesion", 150, 30, seed, lambda rng, _: lesions.paint(rng))
    n_fitting = round(0.8 * len(train))
    fitting, held_out = train[:n_fitting], train[n_fitting:]
    images, masks = _stacked(fitting)
    _write_arrays(out / "train.npz", images.astype(np.float32) / np.float32(255), masks)
    images, masks = _stacked(held_out)
    _write_arrays(
        out / "validation.npz", images.astype(np.float32), masks[..., None] * np.uint8(255)
    )
    _write_arrays(out / "test.npz", _stacked(test)[0])
    return train, [Item(f"test-{n:04d}", item.scene) for n, item in enumerate(test)]


def _two_stage(out: Path, seed: int) -> Written:
    """Palette masks whose indices are the classes."""
    train, test = painted("smear", 160, 40, seed, lambda rng, _: smears.paint(rng))
    _write_images(out, train, test)
    for item in train:
        mask, buffer = Image.fromarray(item.scene.mask, mode="P"), io.BytesIO()
        mask.putpalette(SMEAR_PALETTE)
        mask.save(buffer, format="PNG")
        files.write_bytes(out / f"masks/{item.image_id}.png", buffer.getvalue())
    return train, test


def _tiny_classes(out: Path, seed: int) -> Written:
    """The middle of skin pictures: small enough for tests of the whole chain."""

    def paint(rng: np.random.Generator, _: int) -> Scene:
        scene = lesions.paint(rng)
        return Scene(scene.image[32:96, 32:88], scene.mask[32:96, 32:88])

    train, test = painted("spot", 10, 3, seed, paint)
    _write_images(out, train, test)
    for item in train:
        files.write_image(out / f"masks/{item.image_id}.png", item.scene.mask)
    return train, test


def _write_images(out: Path, train: Sequence[Item], test: Sequence[Item]) -> None:
    for folder, items in (("images", train), ("test_images", test)):
        for item in items:
            files.write_image(out / folder / f"{item.image_id}.png", item.scene.image)


def _write_one_hot(place: Path, mask: np.ndarray, n_classes: int) -> None:
    _write_arrays(
        place.with_suffix(".npz"), (mask[..., None] == np.arange(n_classes)).astype(np.uint8)
    )


def _write_arrays(path: Path, *arrays: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, *arrays)
    files.write_bytes(path, buffer.getvalue())


def _stacked(items: Sequence[Item]) -> tuple[np.ndarray, np.ndarray]:
    return np.stack([i.scene.image for i in items]), np.stack([i.scene.mask for i in items])


SETS: dict[str, tuple[int, Callable[[Path, int], Written]]] = {  # number of classes, writer
    "iris": (2, _iris),
    "multiclass": (len(streets.CLASSES), _multiclass),
    "multichannel": (len(scans.CLASSES), _multichannel),
    "npz": (2, _npz),
    "two_stage": (len(smears.CLASSES), _two_stage),
    "tiny_classes": (2, _tiny_classes),
}
