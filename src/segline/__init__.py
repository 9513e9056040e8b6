"""segline: from raw competition files to a scored segmentation submission.

The numeric core and trained models, without importing TensorFlow before a model is loaded:

>>> import numpy as np
>>> encode(np.array([[True, True], [False, True]]))
'1 1 3 2'
>>> decode("1 1 3 2", (2, 2)).astype(int)
array([[1, 1],
       [0, 1]])
>>> truth = np.array([[1, 1, 0, 2]])
>>> map_iou(truth, np.array([[1, 1, 0, 0]]))
0.5
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segline.data.folds import assign as assign_folds
    from segline.masks.rle import decode, decode_labels, encode, encode_labels
    from segline.masks.weight_maps import class_weights, unet_weight_map
    from segline.metrics.instances import THRESHOLDS, average_precision, map_iou
    from segline.shipped import load

    __version__: str

__all__ = [
    "THRESHOLDS",
    "__version__",
    "assign_folds",
    "average_precision",
    "class_weights",
    "decode",
    "decode_labels",
    "encode",
    "encode_labels",
    "load",
    "map_iou",
    "unet_weight_map",
]

_HOME = {
    "THRESHOLDS": ("segline.metrics.instances", "THRESHOLDS"),
    "assign_folds": ("segline.data.folds", "assign"),
    "average_precision": ("segline.metrics.instances", "average_precision"),
    "class_weights": ("segline.masks.weight_maps", "class_weights"),
    "decode": ("segline.masks.rle", "decode"),
    "decode_labels": ("segline.masks.rle", "decode_labels"),
    "encode": ("segline.masks.rle", "encode"),
    "encode_labels": ("segline.masks.rle", "encode_labels"),
    "load": ("segline.shipped", "load"),
    "map_iou": ("segline.metrics.instances", "map_iou"),
    "unet_weight_map": ("segline.masks.weight_maps", "unet_weight_map"),
}


def __getattr__(name: str) -> Any:
    """The public face, each name imported when it is first used."""
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("segline")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOME[name]
    found = getattr(importlib.import_module(module), attribute)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
