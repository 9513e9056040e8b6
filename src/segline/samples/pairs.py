"""Images with their labels as the sampler wants them, read once and kept while memory lasts."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from segline.base.errors import UserError
from segline.base.files import read_image, read_labels
from segline.config.tables import Input
from segline.data import object_kinds
from segline.masks import resize
from segline.samples import normalise

CACHE_BYTES = 2**30


class PairReader:
    """Reads row `i` as (image, labels), keeping at most `CACHE_BYTES` in memory.

    The image is `normalise.prepared` by `table`; the labels are brought to its size. `classes` names those
    of objects.
    """

    def __init__(
        self, images: pd.DataFrame, *, root: Path, table: Input, classes: Sequence[str] = ()
    ) -> None:
        self._names = list(images.get("object_classes", [None] * len(images)))
        self._classes = tuple(classes)
        self._image_paths = [root / path for path in images["image"]]
        self._label_paths = [root / path for path in images["labels"]]
        self._table = table
        self._cache: OrderedDict[int, tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def labels(self, row: int) -> np.ndarray:
        """The labels of row `row` alone, (H, W) int32."""
        labels = read_labels(self._label_paths[row])
        return resize.nearest(labels, self._table.size) if self._table.size else labels

    def kinds(self, row: int) -> np.ndarray:
        """The class, from 1, of each label 0..n of row `row`: (n + 1,) uint8; 0 where none is known."""
        names = self._names[row]
        if isinstance(names, tuple):
            return object_kinds.numbers(names, self._classes)
        return np.zeros(int(self.labels(row).max(initial=0)) + 1, np.uint8)

    def __call__(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        with self._lock:
            if row in self._cache:
                self._cache.move_to_end(row)
                return self._cache[row]
        path = self._image_paths[row]
        try:
            image = normalise.prepared(read_image(path), self._table)
        except ValueError as error:
            raise UserError(f"{path}: {error}") from None
        pair = image, self.labels(row)
        with self._lock:
            if row not in self._cache:
                self._cache[row] = pair
                self._bytes += _size(pair)
            while self._bytes > CACHE_BYTES and len(self._cache) > 1:
                self._bytes -= _size(self._cache.popitem(last=False)[1])
        return pair


def _size(pair: tuple[np.ndarray, np.ndarray]) -> int:
    return sum(array.nbytes for array in pair)
