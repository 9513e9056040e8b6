"""Sources on painted images: what tells cameras and stains apart, and what may not."""

import cv2
import numpy as np
import pandas as pd
import pytest

from segline.data import sources

FIELD = np.zeros((96, 128))


def fluorescence(rng, *, black=4, noise=1.0, n_cells=12, blur=1.0):
    """Bright spots on black."""
    signal = FIELD.copy()
    for row, column in rng.integers(8, 90, (n_cells, 2)):
        cv2.circle(signal, (int(column), int(row)), int(rng.integers(4, 7)), 90.0, -1)
    signal = cv2.GaussianBlur(signal, (0, 0), blur)
    grey = np.clip(signal + black + rng.normal(0, noise, FIELD.shape), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def tissue(rng, *, ground=(205, 180, 230), n_cells=12):
    """Dark purple spots on a tinted ground."""
    picture = np.broadcast_to(np.array(ground, np.float64), (*FIELD.shape, 3)).copy()
    for row, column in rng.integers(8, 90, (n_cells, 2)):
        cv2.circle(picture, (int(column), int(row)), int(rng.integers(4, 7)), (80, 40, 140), -1)
    picture = cv2.GaussianBlur(picture, (0, 0), 1)
    return np.clip(picture + rng.normal(0, 1, picture.shape), 0, 255).astype(np.uint8)


def jpeg(image):
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 1)


MAKERS = {
    "plain": fluorescence,
    "lifted": lambda rng: fluorescence(rng, black=40),
    "noisy": lambda rng: fluorescence(rng, noise=9, black=30, blur=2.5),
    "wide": lambda rng: cv2.resize(fluorescence(rng), (512, 200), interpolation=cv2.INTER_CUBIC),
    "purple": tissue,
    "cream": lambda rng: tissue(rng, ground=(235, 232, 200)),
}


@pytest.fixture(scope="module")
def made():
    """Twelve images of each maker, two a field, and their features."""
    rows, looks = [], []
    for number, (name, maker) in enumerate(MAKERS.items()):
        for index in range(12):
            rng = np.random.default_rng([number, index])
            n_cells = {"n_cells": int(rng.integers(3, 25))} if name in ("plain", "purple") else {}
            looks.append(sources.features(maker(rng, **n_cells)))
            rows.append((name, f"{name}{index // 2}"))
    return pd.DataFrame(rows, columns=["maker", "group"]), np.array(looks)


def partition(numbers):
    """Which rows belong together, whatever the numbers."""
    codes = pd.factorize(np.asarray(numbers))[0]
    return codes[:, None] == codes


def test_each_maker_is_a_source(made):
    rows, looks = made
    found = sources.assign(looks, rows["group"])
    assert (partition(found) == partition(rows["maker"])).all()


def test_a_few_images_more_or_fewer_move_no_others(made):
    rows, looks = made
    all_of_them = sources.assign(looks, rows["group"])
    for left_out in (rows["group"] == "plain3", rows["maker"] == "cream", rows.index % 5 == 0):
        kept = ~np.asarray(left_out)
        found = sources.assign(looks[kept], rows["group"][kept])
        assert (partition(found) == partition(all_of_them[kept])).all()


def test_the_order_of_the_images_does_not_matter(made):
    rows, looks = made
    order = np.random.default_rng(0).permutation(len(rows))
    found = sources.assign(looks[order], rows["group"].iloc[order])
    assert (found == sources.assign(looks, rows["group"])[order]).all()


def test_a_field_has_one_source_even_if_its_images_differ(made):
    rows, looks = made
    groups = rows["group"].where(rows.index != 0, "cream0")  # a plain image in a field of another
    found = sources.assign(looks, groups)
    assert found[0] == found[(rows["group"] == "cream0").to_numpy()][0]


def test_more_fields_than_are_compared_join_the_nearest(made, monkeypatch):
    rows, looks = made
    whole = sources.assign(looks, rows["group"])
    monkeypatch.setattr(sources, "MOST_FIELDS", 13)
    assert (partition(sources.assign(looks, rows["group"])) == partition(whole)).all()


def test_compression_shows():
    image = fluorescence(np.random.default_rng(0), noise=4)
    place = list(sources.SCALES).index("log_blocks")
    assert sources.features(jpeg(image))[place] > sources.features(image)[place] + 1


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (40, 300)])
@pytest.mark.parametrize("level", [0, 255])
def test_every_image_has_features(shape, level):
    found = sources.features(np.full((*shape, 3), level, np.uint8))
    assert found.shape == (len(sources.SCALES),)
    assert np.isfinite(found).all()
    assert sources.assign(found[None], ["a"]).tolist() == [0]


def test_names_say_modality_and_size_and_number_equal_ones_by_size():
    images = pd.DataFrame(
        {"modality": ["a", "a", "a", "b", "b"], "height": [5, 5, 5, 7, 7], "width": [9, 9, 9, 8, 8]}
    )
    found = sources.names(np.array([0, 0, 1, 2, 2]), images)
    assert found == ["a-5x9", "a-5x9", "a-5x9-2", "b-7x8", "b-7x8"]


@pytest.mark.parametrize("n_channels", [1, 2, 5])
def test_channels_that_are_no_colours_count_by_their_mean(n_channels):
    image = fluorescence(np.random.default_rng(0))
    bands = np.repeat(image[..., :1], n_channels, axis=-1)
    assert np.array_equal(sources.features(bands), sources.features(image))


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (3, 200, 5)])
def test_the_smallest_images_have_features(shape):
    assert np.isfinite(sources.features(np.zeros(shape, np.uint8))).all()
