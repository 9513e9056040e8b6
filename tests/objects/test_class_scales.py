"""The classes' factors: found where they are known, and never worse than the plain argmax."""

from collections import Counter

import numpy as np
import pytest

from segline.metrics import semantic
from segline.objects import class_scales
from segline.objects.class_scales import Pixels

GRID = [2 ** (k / 2) for k in range(-12, 7)]


def random_image(seed, *, n_classes=4, shape=(12, 15)):
    rng = np.random.default_rng(seed)
    probs = np.rint(255 * rng.dirichlet(np.ones(n_classes), shape)).astype(np.uint8)
    return rng.integers(0, n_classes, shape), probs


def inflated(seed, factors, *, shape=(40, 40)):
    """Classes and a map that is right once each class is divided by its factor, as weights make it."""
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet((3.0, 1.0, 0.3), shape)
    true = probs.argmax(axis=-1)
    told = probs * factors
    return true, np.rint(255 * told / told.sum(axis=-1, keepdims=True)).astype(np.uint8)


def test_distinct_pixels_stand_for_all():
    true, probs = random_image(0)
    probs //= 100
    pixels = Pixels.of(true, probs)
    assert pixels.n_pixels.sum() == true.size > len(pixels.n_pixels)
    told = zip(pixels.true, map(tuple, pixels.probs), pixels.n_pixels, strict=True)
    rows = Counter(zip(true.ravel(), map(tuple, probs.reshape(-1, 4)), strict=True))
    assert {(t, p): n for t, p, n in told} == rows


@pytest.mark.parametrize("scales", [(1, 1, 1, 1), (1, 0.5, 4, 0.125)])
def test_mean_dice_is_that_of_the_images(scales):
    images = [random_image(seed) for seed in range(3)]
    pixels = class_scales.together([Pixels.of(*image) for image in images])
    expected = [
        semantic.dice(semantic.confusion(true, class_scales.largest(probs, scales), n_classes=4))[
            1:
        ]
        for true, probs in images
    ]
    assert class_scales.score(pixels, scales) == pytest.approx(np.mean(expected))


def test_the_factors_of_weighted_training_are_found():
    factors = np.array([1, 4, 32])
    images = [Pixels.of(*inflated(seed, factors)) for seed in range(4)]
    pixels = class_scales.together(images)
    found = class_scales.best(pixels, GRID).choice["scales"]
    assert found == pytest.approx(1 / factors, rel=0.01)
    assert class_scales.score(pixels, (1, 1, 1)) < 0.8 < 0.95 < class_scales.score(pixels, found)


@pytest.mark.parametrize("seed", range(5))
def test_never_worse_than_argmax_where_they_are_fitted(seed):
    pixels = Pixels.of(*random_image(seed))
    found = class_scales.best(pixels, GRID).choice["scales"]
    assert found[0] == 1
    assert class_scales.score(pixels, found) >= class_scales.score(pixels, [1.0] * 4)


def test_a_grid_of_one_leaves_the_argmax():
    true, probs = random_image(7)
    assert class_scales.best(Pixels.of(true, probs), [1.0]).choice["scales"] == [1.0] * 4
    assert (class_scales.largest(probs, [1.0] * 4) == probs.argmax(axis=-1)).all()


def test_right_maps_are_left_alone():
    true, _ = random_image(3)
    probs = (200 * (true[..., None] == np.arange(4)) + 10).astype(np.uint8)
    assert class_scales.best(Pixels.of(true, probs), GRID).choice["scales"] == [1.0] * 4
