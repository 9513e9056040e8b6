"""What `make data` does otherwise for semantic masks: rows, refusals, summary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np

from segline.base.errors import UserError
from segline.data import folds
from segline.data.layouts import Problem, Record
from segline.data.levels import Levels, scale_of
from segline.masks import classes as semantic
from segline.masks.classes import Classes

CONSTANT = "constant image"
BRIGHTER = 3.0  # times as bright as another file: more than a sensor's gain usually differs
EVERYTHING = "all"  # the modality where no groups.csv names any


def examined(record: Record, *, classes: Classes) -> tuple[Record, dict | None]:
    """The record and its row; constant images are noted, and those for training left out.

    `n_objects` is the number of foreground classes present.
    """
    if record.image is None:
        return record, None
    if record.image.min() == record.image.max():
        is_train = record.labels is not None
        record.note(CONSTANT, "one value everywhere, left out" if is_train else "kept for the test")
        if is_train:
            return record, None
    pixels = np.zeros(len(classes), np.int64)
    if record.labels is not None:
        pixels = semantic.pixel_counts(record.labels, classes)
    return record, {
        "image_id": record.key.image_id,
        "split": record.key.split,
        "height": record.image.shape[0],
        "width": record.image.shape[1],
        "n_objects": int(np.count_nonzero(pixels[1:])),
        "modality": record.modality or EVERYTHING,
        "group": record.group,
        "validation": int(record.validation),
        "pixels": pixels,
        "place": record.place,
        "levels": record.levels,
    }


def check(rows: Sequence[dict], problems: Sequence[Problem], raw: Path) -> list[Problem]:
    """What a person should know of the files as a whole; UserError for what training cannot survive."""
    train = [row for row in rows if row["split"] == "train"]
    constant = [problem.image_id for problem in problems if problem.kind == CONSTANT]
    for split in ("train", "test"):
        ids = [row["image_id"] for row in rows if row["split"] == split]
        if constant and ((split == "train" and not ids) or (ids and set(ids) <= set(constant))):
            raise UserError(
                f"{raw}: every {split} image is constant (first {constant[0]}); export the pictures again"
            )
    if not any(row["n_objects"] for row in train):
        raise UserError(
            f"{raw}: no mask has a foreground pixel in any of {len(train)} images; export the masks again"
        )
    places = _places(rows)
    for place, found in places.items():
        _check_scale(place, found)
    return _comparison(places)


def _places(rows: Sequence[dict]) -> dict[str, list[dict]]:
    places: dict[str, list[dict]] = {}
    for row in rows:
        places.setdefault(row["place"], []).append(row)
    return places


def _check_scale(place: str, rows: Sequence[dict]) -> None:
    """Refuse a folder or file that mixes scales, or whose numbers look wrongly scaled as a whole."""
    telling = [row for row in rows if not _fits_either(row["levels"])]
    first = {row["levels"].scale: row["image_id"] for row in reversed(telling)}
    if len(first) > 1:
        found = ", ".join(f"{scale} (first {image_id})" for scale, image_id in first.items())
        raise UserError(f"{place}: images on several scales: {found}; save all of them on one")
    if "each channel" in first:  # whatever their numbers
        return
    low, high = _range(rows)
    try:
        scale_of(np.dtype(rows[0]["levels"].dtype), low=low, high=high)
    except ValueError as error:
        raise UserError(f"{place}: {error}") from None


def _fits_either(levels: Levels) -> bool:
    """Whether it is a dark image of a deep camera, or one of 8 bits kept in 16: nobody can tell."""
    return (
        levels.scale == "0-255" and np.dtype(levels.dtype).kind in "iu" and levels.dtype != "uint8"
    )


def _range(rows: Sequence[dict]) -> tuple[float, float]:
    return min(row["levels"].low for row in rows), max(row["levels"].high for row in rows)


def _comparison(places: dict[str, list[dict]]) -> list[Problem]:
    scales = {place: rows[0]["levels"].scale for place, rows in places.items()}
    light = {place: median(row["levels"].bright for row in rows) for place, rows in places.items()}
    found = []
    if len(set(scales.values())) > 1:
        shown = ", ".join(f"{Path(place).name} {scale}" for place, scale in scales.items())
        detail = f"{shown}; each is brought to 0-255 by its own scale"
        found.append(Problem("", "files on different scales", detail))
    if max(light.values()) > BRIGHTER * min(light.values()):
        shown = ", ".join(f"{Path(place).name} {level:.0f}" for place, level in light.items())
        found.append(Problem("", "files of different brightness", f"median {shown} of 255"))
    return found


def strata(rows: Sequence[dict], classes: Classes) -> list[str]:
    """The stratum of every row, '' for test images."""
    pixels = np.array([row["pixels"] for row in rows if row["split"] == "train"])
    words = iter(folds.strata(pixels, classes.names))
    return [next(words) if row["split"] == "train" else "" for row in rows]


def summarise(rows: Sequence[dict], classes: Classes) -> dict:
    """Numbers of each file or folder as stored, and the share of each class; over training images."""
    train = [row for row in rows if row["split"] == "train"]
    pixels = np.array([row["pixels"] for row in train])
    total = sum(row["height"] * row["width"] for row in train)
    return {
        "files": {place: _file(found) for place, found in _places(rows).items()},
        "classes": {
            name: {
                "pixels": float(pixels[:, number].sum() / total),
                "images": int(np.count_nonzero(pixels[:, number])),
                "colour": classes.colours[number] if classes.colours else "",
            }
            for number, name in enumerate(classes.names)
        },
        "exclusive": classes.exclusive,
        "validation": sum(row["validation"] for row in train),
    }


def _file(rows: Sequence[dict]) -> dict:
    low, high = _range(rows)
    return {
        "images": len(rows),
        "dtypes": sorted({row["levels"].dtype for row in rows}),
        "channels": sorted({row["levels"].channels for row in rows}),
        "low": low,
        "high": high,
        "scale": rows[0]["levels"].scale,
        "bright": median(row["levels"].bright for row in rows),
    }
