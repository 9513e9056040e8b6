from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from segline.config.tables import Augment, Target, Weights
from segline.masks.classes import IGNORE, Classes
from segline.samples.augment import Augmenter
from segline.samples.heads import (
    REGIONS,
    ClassTeacher,
    ObjectTeacher,
    RegionTeacher,
    fold_class_weights,
    scaled,
)
from segline.samples.sampler import Sampler, random_window, sampling_shares

STILL = dict.fromkeys(("intensity", "colour", "blur", "noise", "invert", "to_grey"), 0.0)
FULL = {"intensity": 0.6, "colour": 0.5, "blur": 0.5, "noise": 0.5, "invert": 0.2, "to_grey": 0.3}


def discs(row):
    rng = np.random.default_rng(row)
    labels = np.zeros((70, 90), np.int32)
    y, x = np.mgrid[:70, :90]
    for number, (cy, cx) in enumerate(rng.integers(8, 62, (4, 2)), start=1):
        labels[(y - cy) ** 2 + (x - cx) ** 2 < 49] = number
    image = np.where(labels > 0, 200, 30)[..., None] + rng.integers(0, 20, (70, 90, 3))
    return image.astype(np.uint8), labels


def augmenter(crop_px=64, **changes):
    table = {"scale": (0.7, 1.4), "rotate": 0.7, "flip": True} | changes
    return Augmenter(Augment(**table), crop_px=crop_px)


def sampler(augment=FULL, seed=3, distance=True):
    images = pd.DataFrame({"modality": ["a", "a", "a", "b"], "height": 70, "width": 90})
    teach = ObjectTeacher(Target(distance=distance), Weights(), class_weights=(1.0, 1.0))
    return Sampler(
        images,
        discs,
        mode="nuclei",
        crop_px=64,
        augmenter=augmenter(**augment),
        teach=scaled(teach, lambda row: discs(row)[1], len(images)),
        seed=(seed,),
    )


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_a_sample_is_a_function_of_seed_epoch_and_index():
    first, again = sampler(), sampler()
    assert same(first(2, 5), again(2, 5))
    assert not same(first(2, 5), first(2, 6))
    assert not same(first(2, 5), first(3, 5))
    assert not same(first(2, 5), sampler(seed=4)(2, 5))


def test_many_threads_draw_what_one_draws():
    draw = sampler()
    alone = [draw(0, index) for index in range(60)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda index: draw(0, index), range(60)))
    assert all(map(same, alone, together))


def test_shapes_types_and_ranges():
    image, target, weight, distance, *kinds = sampler()(0, 0)
    assert (image.shape, image.dtype) == ((64, 64, 1), np.float32)
    assert (target.shape, target.dtype) == ((64, 64), np.uint8)
    assert (weight.shape, weight.dtype) == ((64, 64), np.float32)
    assert 0 <= image.min() <= image.max() <= 1
    assert (distance.shape, distance.dtype) == ((64, 64), np.float32)
    assert set(np.unique(target)) <= {0, 1, 2}
    assert np.array_equal(distance > 0, target > 0)
    assert kinds == [None, None]


def test_without_the_distance_the_rest_stays_the_same():
    with_it, without = sampler()(2, 5), sampler(distance=False)(2, 5)
    assert without.distance is None
    assert same(with_it[:3], without[:3])


def test_weights_have_mean_one_over_many_samples():
    draw = sampler()
    assert np.mean([draw(1, i).weight.mean() for i in range(100)]) == pytest.approx(1, abs=0.1)


def test_weights_are_scaled_by_every_pixel_of_the_fold():
    """A rare class: in one of 40 images, and a crop in a hundred has any of it."""
    images = [np.zeros((50, 50), np.int32) for _ in range(40)]
    images[7][20:30, 20:30] = 1
    teach = ClassTeacher(Classes(("background", "rare")), np.array([1.0, 999.0]))
    found = scaled(teach, images.__getitem__, len(images))
    mean = (100 * 999 + 99_900) / 100_000
    assert found.scale == pytest.approx(1 / mean)
    assert np.mean([found(truth).weight for truth in images]) == pytest.approx(1)
    assert np.array_equal(found(images[7]).weight, found.weight(images[7]))


def test_a_fold_of_weight_zero_is_refused():
    teach = ClassTeacher(Classes(("background", "rare")), np.array([0.0, 5.0]))
    with pytest.raises(ValueError, match="weight 0; check weights.class_weights"):
        scaled(teach, lambda row: np.zeros((4, 4), np.int32), 3)


def test_target_and_weight_follow_the_geometry():
    """Bright pixels are objects in the plain image; after rotation and scaling they must still be."""
    draw = sampler(STILL | {"rotate": 1.0})
    for index in range(20):
        image, target, *_ = draw(0, index)
        agreement = ((image[..., 0] > 0.5) == (target > 0)).mean()
        assert agreement > 0.97


def test_horizontal_and_vertical_flips_come_apart():
    """Albumentations' own seeding draws both alike; all eight symmetries must occur."""
    flips = augmenter(crop_px=8, scale=(1.0, 1.0), rotate=0.0, **STILL)
    window = np.arange(64, dtype=np.uint8).reshape(8, 8)
    image = np.repeat(window[..., None], 3, axis=2)
    seen = {flips(image, window.astype(np.int32), seed=(0, 0, i))[1].tobytes() for i in range(200)}
    assert len(seen) == 8


def test_a_share_of_the_crops_is_magnified():
    """A square of 16 px grows with the magnification; the share drawn from the second range shows."""
    magnifying = augmenter(
        scale=(0.9, 1.1), magnify=0.25, magnification=(2.0, 2.2), rotate=0.5, **STILL
    )
    side = magnifying.window_px
    labels = np.zeros((side, side), np.int32)
    labels[side // 2 - 8 : side // 2 + 8, side // 2 - 8 : side // 2 + 8] = 1
    window = np.zeros((side, side, 3), np.uint8)
    widths = [np.sqrt(magnifying(window, labels, seed=(0, 0, i))[1].sum()) for i in range(400)]
    magnifications = np.array(widths) / 16
    far = magnifications > 1.5
    assert far.mean() == pytest.approx(0.25, abs=0.08)  # 400 draws: three standard errors are 0.065
    assert magnifications[~far].min() > 0.8
    assert magnifications[~far].max() < 1.2
    assert magnifications[far].min() > 1.9
    assert magnifications[far].max() < 2.3


@pytest.mark.parametrize(
    ("power", "expected"), [(1.0, [0.25, 0.25, 0.25, 0.25]), (0.0, [1 / 6, 1 / 6, 1 / 6, 0.5])]
)
def test_rare_modalities_are_drawn_more_often(power, expected):
    shares = sampling_shares(pd.Series(["a", "a", "a", "b"]), power=power)
    assert shares == pytest.approx(expected)


@pytest.mark.parametrize("side", [5, 31, 90])
def test_a_window_mirrors_what_lies_outside(side):
    labels = np.arange(20 * 30, dtype=np.int32).reshape(20, 30)
    image = np.repeat(labels[..., None] % 256, 3, axis=2).astype(np.uint8)
    cut, truth = random_window(image, labels, side=side, inner=5, rng=np.random.default_rng(0))
    assert truth.shape == (side, side)
    assert (cut[..., 0] == truth % 256).all()
    assert set(np.unique(truth)) <= set(range(600))


THREE = Classes(("background", "road", "car"))
LABELS = np.array([[0, 1, 2], [2, 1, 3]])


@pytest.mark.parametrize(
    ("classes", "labels", "target", "weight"),
    [
        (THREE, LABELS % 3, [[0, 1, 2], [2, 1, 0]], [[0.5, 2, 8], [8, 2, 0.5]]),
        (Classes(("b", "iris")), LABELS % 2, [[[0], [1], [0]], [[0], [1], [1]]], None),
        (
            Classes(THREE.names, exclusive=False),
            LABELS,  # bits: 3 is road and car
            [[[0, 0], [1, 0], [0, 1]], [[0, 1], [1, 0], [1, 1]]],
            [[0.5, 2, 8], [8, 2, 8]],
        ),
    ],
)
def test_classes_become_indices_or_channels_with_their_weights(classes, labels, target, weight):
    taught = ClassTeacher(classes, np.array([0.5, 2, 8])[: len(classes)])(labels.astype(np.int32))
    assert taught.target.tolist() == target
    assert taught.target.dtype == np.uint8
    assert taught.weight.dtype == np.float32
    if weight:
        assert taught.weight.tolist() == weight


def test_class_weights_of_a_fold_count_every_image():
    images = [np.zeros((2, 2), np.int32), np.array([[1, 1], [0, 2]])]

    def read(row):
        return images[row]

    found = fold_class_weights(read, 2, method="total_over_class", classes=THREE)
    assert found == pytest.approx([8 / 5, 8 / 2, 8 / 1])
    assert fold_class_weights(read, 2, method="none", classes=THREE).tolist() == [1, 1, 1]
    assert fold_class_weights(read, 2, method=[1, 2, 9], classes=THREE).tolist() == [1, 2, 9]
    assert fold_class_weights(read, 2, method="total_over_class") == pytest.approx([8 / 5, 8 / 3])


@pytest.mark.parametrize("names", [("background", "iris"), ("background", "road", "car")])
def test_where_the_class_is_not_known_the_weight_is_0_and_the_target_background(names):
    classes = Classes(names)
    teach = ClassTeacher(classes, np.array([1.0, 2.0, 3.0][: len(names)]))
    truth = np.array([[0, 1, IGNORE], [IGNORE, 0, len(names) - 1]], np.int32)
    taught = teach(truth)
    unknown = truth == IGNORE
    assert (taught.weight == np.where(unknown, 0, truth + 1)).all()
    assert (teach.weight(truth) == taught.weight).all()
    assert not taught.target[unknown].any()
    region = RegionTeacher(ClassTeacher(REGIONS, np.array([1.0, 2.0])))
    assert (region.weight(truth) == np.where(unknown, 0, 1 + (truth > 0))).all()
    count = fold_class_weights(lambda row: truth, 1, method="inverse", classes=classes)
    known = fold_class_weights(
        lambda row: truth[~unknown][None], 1, method="inverse", classes=classes
    )
    assert (count == known).all()


@pytest.mark.parametrize("channels", [2, 4, 5])
def test_bands_keep_their_number_and_order_under_every_augmentation(channels):
    """A band that is black stays the darkest, and none becomes the grey of all."""
    always = dict.fromkeys(("intensity", "colour", "blur", "noise", "to_grey"), 1.0)
    augmenter = Augmenter(Augment(**always, invert=0.0), crop_px=32, bands=True)
    side = augmenter.window_px
    window = np.random.default_rng(0).integers(150, 220, (side, side, channels)).astype(np.uint8)
    window[..., 1] = 10
    for seed in range(40):
        image, labels = augmenter(window, np.ones((side, side), np.int32), seed=(seed,))
        assert image.shape == (32, 32, channels)
        assert image.dtype == np.uint8
        assert image.mean(axis=(0, 1)).argmin() == 1
        assert labels.shape == (32, 32)


def test_bands_have_gains_and_shifts_of_their_own():
    table = Augment(**(STILL | {"colour": 1.0}), scale=(1, 1), rotate=0, flip=False)
    augmenter = Augmenter(table, crop_px=8, bands=True)
    window = np.full((8, 8, 5), 100, np.uint8)
    found = np.stack([augmenter(window, window[..., 0], seed=(n,))[0] for n in range(12)])
    assert (found == found[:, :1, :1]).all()
    assert all(len(np.unique(image[0, 0])) > 2 for image in found)
