"""Classes of objects, one each: the table object_classes.csv, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from segline.base.files import read_csv

COLUMNS = ("image_id", "label", "class")


def table(kinds: Mapping[str, np.ndarray], names: Sequence[str]) -> pd.DataFrame:
    """A row an object, `COLUMNS`; `kinds` (n,) are the classes, from 1, of each image's objects 1..n.

    >>> table({"a": np.array([2])}, ("cell", "nucleus")).to_dict("records")
    [{'image_id': 'a', 'label': 1, 'class': 'nucleus'}]
    """
    rows = [
        (image_id, label, names[kind - 1])
        for image_id, of_image in kinds.items()
        for label, kind in enumerate(of_image, start=1)
    ]
    return pd.DataFrame(rows, columns=[*COLUMNS])


def read(path: Path) -> dict[str, tuple[str, ...]]:
    """The classes of the objects 1..n by image; an image without objects is not in it."""
    rows = read_csv(path, COLUMNS, dtype={"image_id": str, "label": int, "class": str})
    ordered = rows.sort_values("label", kind="stable").groupby("image_id")["class"]
    return {str(image_id): tuple(found) for image_id, found in ordered}


def numbers(names: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """The class, from 1, of each label 0..n: (n + 1,) uint8, 0 for the background.

    >>> numbers(("b", "a"), ("a", "b"))
    array([0, 2, 1], dtype=uint8)
    """
    return np.array([0, *(classes.index(name) + 1 for name in names)], np.uint8)


def strata(
    image_ids: Sequence[str], kinds: Mapping[str, np.ndarray], names: Sequence[str]
) -> list[str]:
    """The classes present in each image, separated by spaces, as folds are balanced by; `empty` if none."""
    present = (np.unique(kinds.get(image_id, np.zeros(0, int))) for image_id in image_ids)
    return [" ".join(names[kind - 1] for kind in found) or "empty" for found in present]


def summarise(rows: pd.DataFrame, names: Sequence[str]) -> dict[str, Any]:
    """Numbers of objects and of images by class."""
    by_class = {name: rows[rows["class"] == name] for name in names}
    return {
        "object_classes": {
            name: {"n_objects": len(part), "n_images": int(part["image_id"].nunique())}
            for name, part in by_class.items()
        }
    }


def told(shown: Mapping[str, Any]) -> str:
    """The same in words."""
    parts = (
        f"{name} {part['n_objects']} (in {part['n_images']} images)"
        for name, part in shown["object_classes"].items()
    )
    return f"classes of objects: {', '.join(parts)}"
