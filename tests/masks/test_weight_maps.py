import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.segmentation import find_boundaries

import cases
from segline.masks import weight_maps


def brute_map(labels, w0, sigma, class_weights):
    """DESIGN's definition, every object's distance over the whole image."""
    distances = []
    for number in np.unique(labels[labels > 0]):
        boundary = find_boundaries(labels == number, mode="inner")
        if boundary.any():
            distances.append(ndimage.distance_transform_edt(~boundary))
    if class_weights is None:
        share = (labels > 0).mean()
        class_weights = (share, 1 - share)
    w_c = np.where(labels > 0, class_weights[1], class_weights[0])
    if not distances:
        return w_c
    total = np.sort(distances, axis=0)[:2].sum(axis=0)
    return w_c + w0 * np.exp(-(total**2) / (2 * sigma**2))


def assert_is_brute(labels, w0=10.0, sigma=5.0, class_weights=None):
    got = weight_maps.unet_weight_map(labels, w0=w0, sigma=sigma, class_weights=class_weights)
    assert got.dtype == np.float32
    expected = brute_map(np.asarray(labels), w0, sigma, class_weights)
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-5)


@settings(max_examples=120, deadline=None)
@given(
    cases.label_images(max_side=40),
    st.sampled_from([0.0, 0.5, 10.0, 300.0]),
    st.sampled_from([0.3, 1.0, 2.5, 5.0, 12.0]),
    st.sampled_from([None, (1.0, 1.0), (0.2, 3.0)]),
)
def test_equals_brute_force(labels, w0, sigma, class_weights):
    before = labels.copy()
    assert_is_brute(labels, w0, sigma, class_weights)
    np.testing.assert_array_equal(labels, before)


@pytest.mark.parametrize("sigma", [1.0, 5.0])
def test_equals_brute_force_on_a_crowd(sigma):
    assert_is_brute(cases.crowd(25, 160, radius=11, seed=3), sigma=sigma)


@pytest.mark.parametrize(
    "labels",
    [
        np.zeros((7, 9), int),
        np.ones((7, 9), int),
        np.pad([[5]], 6),
        np.kron([[1, 2], [3, 4]], np.ones((5, 5), int)),
        np.kron([[1, 1], [1, 0]], np.ones((5, 5), int)),
        np.kron([[1, 0, 1], [0, 2, 0]], np.ones((6, 6), int)),
        [[3]],
        [[1, 2]],
        [[0, 7]],
    ],
    ids=[
        "none",
        "fills",
        "single pixel",
        "touching",
        "edge",
        "in pieces",
        "1x1",
        "two px",
        "one px",
    ],
)
def test_special_layouts(labels):
    assert_is_brute(np.asarray(labels))


def test_by_hand():
    """One row: objects at columns 0 and 4, so d1 + d2 = 4 between them and 4 at both."""
    expected = 1 + 10 * math.exp(-16 / 50)
    got = weight_maps.unet_weight_map([[1, 0, 0, 0, 2]], class_weights=(1, 1))
    np.testing.assert_allclose(got, np.full((1, 5), expected), rtol=1e-6)
    alone = weight_maps.unet_weight_map([[1, 0, 0]], class_weights=(2, 3), w0=5, sigma=1)
    np.testing.assert_allclose(
        alone, [[3 + 5, 2 + 5 * math.exp(-0.5), 2 + 5 * math.exp(-2)]], rtol=1e-6
    )


def test_inside_a_large_object_the_distance_to_its_boundary_counts():
    labels = np.zeros((30, 30), int)
    labels[3:27, 3:27] = 1
    got = weight_maps.unet_weight_map(labels, class_weights=(0, 0))
    assert got[15, 15] == pytest.approx(10 * math.exp(-(11**2) / 50), rel=1e-5)
    assert got[3, 15] == pytest.approx(10)


def test_default_class_weights_are_the_other_share():
    labels = np.zeros((10, 10), int)
    labels[:2, :2] = 1
    got = weight_maps.unet_weight_map(labels, w0=0)
    assert got[0, 0] == np.float32(0.96)
    assert got[9, 9] == np.float32(0.04)
    assert (weight_maps.unet_weight_map(np.zeros((2, 2), int)) == 0).all()


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"w0": -1}, "w0 must be at least 0, got -1"),
        ({"w0": math.nan}, "w0 must be at least 0, got nan"),
        ({"sigma": 0}, "sigma must be above 0, got 0"),
        ({"sigma": math.inf}, "sigma must be above 0, got inf"),
    ],
)
def test_map_refuses(settings_, message):
    with pytest.raises(ValueError, match=message):
        weight_maps.unet_weight_map([[1, 0]], **settings_)


COUNTS = [800, 150, 50]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("inverse", np.array([3, 16, 48]) * 3 / 67),
        ("total_over_class", [1.25, 20 / 3, 20]),
        ("median", [150 / 800, 1, 3]),
    ],
)
def test_class_weights_by_hand(method, expected):
    np.testing.assert_allclose(weight_maps.class_weights(COUNTS, method=method), expected)


def test_effective_number_by_hand():
    got = weight_maps.class_weights([1, 2], method="effective", beta=0.5)
    # Effective numbers 1 and 1.5.
    np.testing.assert_allclose(got, [1.2, 0.8])
    np.testing.assert_allclose(
        weight_maps.class_weights([7, 70], method="effective", beta=0), [1, 1]
    )
    # Close to 1 it tends to the inverse, and must not lose its digits on the way.
    nearly = weight_maps.class_weights(COUNTS, method="effective", beta=1 - 1e-12)
    np.testing.assert_allclose(
        nearly, weight_maps.class_weights(COUNTS, method="inverse"), rtol=1e-3
    )
    fold = weight_maps.class_weights([9e9, 1e9], method="effective")
    np.testing.assert_allclose(
        fold[1] / fold[0], (1 - math.exp(-0.9)) / (1 - math.exp(-0.1)), rtol=1e-6
    )


@pytest.mark.parametrize("method", weight_maps.METHODS)
def test_an_absent_class_weighs_nothing_and_changes_nothing(method):
    with_it = weight_maps.class_weights([800, 0, 150, 50], method=method)
    np.testing.assert_array_equal(
        with_it[[0, 2, 3]], weight_maps.class_weights(COUNTS, method=method)
    )
    assert with_it[1] == 0
    rarer = weight_maps.class_weights([1000, 10], method=method)
    assert 0 < rarer[0] < rarer[1]


@pytest.mark.parametrize(
    ("counts", "method", "message"),
    [
        ([1, 2], "inverted", "method must be one of inverse, .*, not 'inverted'"),
        ([1, -2], "inverse", "finite and not negative"),
        ([1, math.nan], "inverse", "finite and not negative"),
        ([0, 0], "inverse", "no pixel"),
        ([[1]], "inverse", r"\(n_classes,\), not of shape \(1, 1\)"),
    ],
)
def test_class_weights_refuse(counts, method, message):
    with pytest.raises(ValueError, match=message):
        weight_maps.class_weights(counts, method=method)


def test_beta_belongs_to_effective():
    with pytest.raises(ValueError, match=r"beta must lie in \[0, 1\), got 1"):
        weight_maps.class_weights([1, 2], method="effective", beta=1)
    with pytest.raises(ValueError, match="beta belongs to method 'effective', not to 'median'"):
        weight_maps.class_weights([1, 2], method="median", beta=0.9)
