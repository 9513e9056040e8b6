"""tf.data around the pure sample code: one loader for training, one for inference."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import tensorflow as tf

from segline.samples import Sample, Sampler

cv2.setNumThreads(0)  # tf.data and the net use the cores


def training_batches(
    sampler: Sampler,
    *,
    crop_px: int,
    channels: int,
    batch_size: int,
    crops_per_epoch: int,
    first_epoch: int,
    last_epoch: int,
    threads: int,
    distance: bool = False,
) -> tf.data.Dataset:
    """Batches of (image, targets, weights) for the epochs first_epoch..last_epoch - 1, in order.

    Targets and weights are dicts by the net's output: `classes` and, if wanted, `distance`.
    The order is that of the sample numbers whatever the number of threads, so a run that starts again
    at an epoch sees what it would have seen. A last part of a batch is dropped in each epoch.
    """
    per_epoch = crops_per_epoch // batch_size * batch_size
    if per_epoch == 0:
        raise ValueError(f"crops_per_epoch={crops_per_epoch} is less than batch_size={batch_size}")
    numbers = tf.data.Dataset.range(first_epoch * per_epoch, last_epoch * per_epoch)
    samples = numbers.map(
        _as_tensors(
            lambda number: sampler(*divmod(int(number), per_epoch)), crop_px, channels, distance
        ),
        num_parallel_calls=threads,
        deterministic=True,
    )
    return samples.batch(batch_size, drop_remainder=True).prefetch(2)


def fixed_batches(
    sampler: Sampler,
    *,
    crop_px: int,
    channels: int,
    batch_size: int,
    n_samples: int,
    distance: bool = False,
) -> tf.data.Dataset:
    """Batches of the first `n_samples` samples of epoch 0, all of them, the same at every pass."""
    samples = tf.data.Dataset.range(n_samples).map(
        _as_tensors(lambda number: sampler(0, int(number)), crop_px, channels, distance)
    )
    return samples.batch(batch_size).cache().prefetch(1)


def _as_tensors(
    draw: Callable[[int], Sample], crop_px: int, channels: int, distance: bool
) -> Callable:
    """A function for `Dataset.map` from a number to (image, targets, weights)."""
    shapes = {"image": (crop_px, crop_px, channels)}

    def load(number: tf.Tensor) -> tuple:
        types = (tf.float32, tf.uint8, tf.float32, tf.float32)
        drawn = tf.numpy_function(lambda n: tuple(draw(n)), [number], types, stateful=False)
        image, target, weight, depth = (
            tf.ensure_shape(tensor, shapes.get(name, (crop_px, crop_px)))
            for name, tensor in zip(Sample._fields, drawn, strict=True)
        )
        if not distance:
            return image, {"classes": target}, {"classes": weight}
        both = {"classes": weight, "distance": weight}
        return image, {"classes": target, "distance": depth}, both

    return load
