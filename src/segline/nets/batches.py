"""tf.data around the pure sample code: one loader for training, one for inference."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import tensorflow as tf

from segline.samples.sampler import Sample, Sampler

cv2.setNumThreads(0)  # tf.data and the net use the cores


def training_batches(
    sampler: Sampler,
    *,
    batch_size: int,
    crops_per_epoch: int,
    first_epoch: int,
    last_epoch: int,
    threads: int,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Batches of (image, targets, weights) for the epochs first_epoch..last_epoch - 1, in order.

    The first epoch begins with its batch `first_step`.

    Targets and weights are dicts by the net's output: `classes` and, if taught, `distance` and `kinds`.
    Targets of classes are (N, S, S) indices, or (N, S, S, C).
    The order is that of the sample numbers whatever the number of threads, so a run that starts again
    at any step sees what it would have seen. A last part of a batch is dropped in each epoch.
    """
    per_epoch = crops_per_epoch // batch_size * batch_size
    if per_epoch == 0:
        raise ValueError(f"crops_per_epoch={crops_per_epoch} is less than batch_size={batch_size}")
    first = first_epoch * per_epoch + first_step * batch_size
    numbers = tf.data.Dataset.range(first, last_epoch * per_epoch)
    samples = numbers.map(
        _as_tensors(
            lambda number: sampler(*divmod(int(number), per_epoch)),
            _shapes(sampler),
        ),
        num_parallel_calls=threads,
        deterministic=True,
    )
    return samples.batch(batch_size, drop_remainder=True).prefetch(2)


def fixed_batches(
    sampler: Sampler,
    *,
    batch_size: int,
    n_samples: int,
) -> tf.data.Dataset:
    """Batches of the first `n_samples` samples of epoch 0, all of them, the same at every pass."""
    samples = tf.data.Dataset.range(n_samples).map(
        _as_tensors(
            lambda number: sampler(0, int(number)),
            _shapes(sampler),
        )
    )
    return samples.batch(batch_size).cache().prefetch(1)


def _shapes(sampler: Sampler) -> dict[str, tuple[int, ...]]:
    """Shapes of the fields of its samples."""
    fields = sampler(0, 0)._asdict()
    return {name: array.shape for name, array in fields.items() if array is not None}


def _as_tensors(draw: Callable[[int], Sample], shapes: dict[str, tuple[int, ...]]) -> Callable:
    """A function for `Dataset.map` from a number to (image, targets, weights)."""
    types = [tf.uint8 if name in ("target", "kinds") else tf.float32 for name in shapes]

    def fields(number: int) -> tuple:
        sample = draw(number)
        return tuple(getattr(sample, name) for name in shapes)

    def load(number: tf.Tensor) -> tuple:
        drawn = tf.numpy_function(fields, [number], types, stateful=False)
        shaped = map(tf.ensure_shape, drawn, shapes.values())
        found = dict(zip(shapes, shaped, strict=True))
        targets = {"classes": found["target"]}
        weights = {"classes": found["weight"]}
        if "distance" in found:
            targets["distance"], weights["distance"] = found["distance"], found["weight"]
        if "kinds" in found:
            targets["kinds"], weights["kinds"] = found["kinds"], found["kinds_weight"]
        return found["image"], targets, weights

    return load
