import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage import measure, segmentation

import cases
from segline.masks import targets, watershed

LOOSE = {"seed_threshold": 0.5, "foreground_threshold": 0.5, "min_size_px": 0}


def maps_of(labels, sigma=1.2):
    """Plausible 8-bit body and foreground maps of a label image."""
    body = (targets.body_border(labels) == targets.Channel.BODY).astype(float)
    blurred = [ndimage.gaussian_filter(m, sigma) for m in (body, (labels > 0).astype(float))]
    return [np.rint(m * 255).astype(np.uint8) for m in blurred]


@st.composite
def map_pairs(draw):
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    noise = ndimage.gaussian_filter(rng.random((2, height, width)), (0, 1, 1))
    noise = np.clip((noise - 0.5) * draw(st.sampled_from([1, 3])) + 0.5, 0, 1)
    return [np.rint(m * 255).astype(np.uint8) for m in noise]


def assert_promises(labels, *, min_size_px, fill_holes):
    assert labels.dtype == np.int32
    numbers = np.unique(labels[labels > 0])
    np.testing.assert_array_equal(numbers, np.arange(1, numbers.size + 1))
    first_pixels = [np.flatnonzero(labels == n)[0] for n in numbers]
    assert first_pixels == sorted(first_pixels)
    for number in numbers:
        mask = labels == number
        assert mask.sum() >= min_size_px
        assert measure.label(mask, connectivity=1).max() == 1
        if fill_holes:
            others = (labels > 0) & ~mask
            holes = measure.label(ndimage.binary_fill_holes(mask) & ~mask, connectivity=1)
            for hole in range(1, holes.max() + 1):
                assert others[holes == hole].any()


@settings(max_examples=200, deadline=None)
@given(map_pairs(), st.data())
def test_promises(maps, data):
    chosen = {
        "seed_threshold": data.draw(st.sampled_from([0.3, 0.5, 0.6, 0.9])),
        "foreground_threshold": data.draw(st.sampled_from([0.2, 0.4, 0.5, 0.7])),
        "min_size_px": data.draw(st.integers(0, 12)),
        "min_seed_px": data.draw(st.integers(0, 5)),
        "fill_holes": data.draw(st.booleans()),
        "keep_unseeded": data.draw(st.booleans()),
    }
    before = [m.copy() for m in maps]
    labels = watershed.instances(*maps, **chosen)
    for given_, kept in zip(maps, before, strict=True):
        np.testing.assert_array_equal(given_, kept)
    shared = {key: chosen[key] for key in ("min_size_px", "fill_holes")}
    assert_promises(labels, **shared)
    np.testing.assert_array_equal(watershed.instances(*maps, **chosen), labels)
    np.testing.assert_array_equal(
        watershed.instances(*[np.asfortranarray(m) for m in maps], **chosen), labels
    )
    flat = watershed.components(maps[1], threshold=chosen["foreground_threshold"], **shared)
    assert_promises(flat, **shared)


@settings(max_examples=100, deadline=None)
@given(map_pairs(), st.sampled_from([0.4, 0.5]), st.sampled_from([0.5, 0.6]))
def test_the_foreground_is_divided_among_the_seeds(maps, low, high):
    """Nothing lost, nothing added, one seed an object: against scipy's components."""
    body, foreground = maps
    labels = watershed.instances(
        body,
        foreground,
        seed_threshold=high,
        foreground_threshold=low,
        min_size_px=0,
        fill_holes=False,
    )
    mask = foreground / 255 > low
    np.testing.assert_array_equal(labels > 0, mask)
    regions, n_regions = ndimage.label(mask)
    seeds, n_seeds = ndimage.label(mask & (body / 255 > high))
    seeded = len(np.unique(regions[seeds > 0]))
    assert labels.max() == n_seeds + n_regions - seeded
    for number in range(1, labels.max() + 1):
        inside = labels == number
        assert len(np.unique(regions[inside])) == 1
        assert len(np.unique(seeds[inside & (seeds > 0)])) <= 1


def brute_flood(body, mask, seeds):
    """Priority flooding in plain Python: highest level first, then first in, first out."""
    import heapq

    labels = seeds.copy()
    heap = [(-255, i, tuple(p)) for i, p in enumerate(np.argwhere(seeds))]
    ticket = len(heap)
    while heap:
        level, _, (y, x) = heapq.heappop(heap)
        for q in [(y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)]:
            inside = 0 <= q[0] < mask.shape[0] and 0 <= q[1] < mask.shape[1]
            if inside and mask[q] and labels[q] == 0:
                labels[q] = labels[y, x]
                heapq.heappush(heap, (max(level, -int(body[q])), ticket, q))
                ticket += 1
    return labels


@settings(max_examples=100, deadline=None)
@given(map_pairs())
def test_flooding_equals_brute_force(maps):
    body, foreground = maps
    labels = watershed.instances(
        body,
        foreground,
        seed_threshold=0.55,
        foreground_threshold=0.4,
        min_size_px=0,
        fill_holes=False,
        keep_unseeded=False,
    )
    mask = foreground / 255 > 0.4
    seeds = ndimage.label(mask & (body / 255 > 0.55))[0]
    expected = brute_flood(body, mask, seeds)
    new, _, _ = segmentation.relabel_sequential(labels)
    order = np.unique(expected[expected > 0], return_index=True)
    ranks = np.zeros(expected.max() + 1, int)
    ranks[order[0][np.argsort([np.flatnonzero(expected == n)[0] for n in order[0]])]] = np.arange(
        1, order[0].size + 1
    )
    np.testing.assert_array_equal(new, ranks[expected])


def test_water_meets_in_the_valley():
    body = np.array([[250, 200, 120, 30, 90, 150, 210, 240, 250]], np.uint8)
    foreground = np.full_like(body, 255)
    chosen = {"seed_threshold": 0.9, "foreground_threshold": 0.5, "min_size_px": 0}
    labels = watershed.instances(body, foreground, **chosen)
    # The lowest pixel goes to its higher neighbour, which the water leaves first.
    assert labels.tolist() == [[1, 1, 1, 1, 2, 2, 2, 2, 2]]


def test_touching_discs_come_apart():
    labels = cases.crowd(12, 128, radius=14, seed=5)
    found = watershed.instances(
        *maps_of(labels), seed_threshold=0.5, foreground_threshold=0.5, min_size_px=10
    )
    merged = watershed.components(maps_of(labels)[1], threshold=0.5, min_size_px=10)
    n_true = len(np.unique(labels)) - 1
    assert merged.max() < found.max()
    assert abs(found.max() - n_true) <= 1


@pytest.mark.parametrize("k", [0, 1, 51, 102, 127, 153, 204, 254])
def test_thresholds_are_strict_to_the_byte(k):
    levels = np.array([[k, k + 1]], np.uint8)
    assert watershed.components(levels, threshold=k / 255, min_size_px=0).tolist() == [[0, 1]]
    seeded = watershed.instances(
        levels,
        np.full((1, 2), 255, np.uint8),
        seed_threshold=k / 255,
        foreground_threshold=0.5,
        min_size_px=0,
    )
    assert seeded.tolist() == [[1, 1]]


def test_seed_threshold_is_strict():
    body = np.array([[0.6, 0.2, 0.8]])
    foreground = np.ones((1, 3))
    one = watershed.instances(body, foreground, **LOOSE | {"seed_threshold": 0.6})
    two = watershed.instances(body, foreground, **LOOSE | {"seed_threshold": 0.59})
    assert (one.tolist(), two.tolist()) == ([[1, 1, 1]], [[1, 1, 2]])


def test_floating_maps_equal_their_stored_bytes():
    maps = maps_of(cases.crowd(12, 96, radius=10, seed=2))
    chosen = {"seed_threshold": 0.6, "foreground_threshold": 0.4, "min_size_px": 5}
    expected = watershed.instances(*maps, **chosen)
    for dtype in (np.float32, np.float64):
        floating = [(m / 255).astype(dtype) for m in maps]
        np.testing.assert_array_equal(watershed.instances(*floating, **chosen), expected)


def test_unseeded_regions():
    body, foreground = np.array([[0.9, 0.1, 0.1]]), np.array([[0.9, 0.1, 0.9]])
    assert watershed.instances(body, foreground, **LOOSE).tolist() == [[1, 0, 2]]
    without = watershed.instances(body, foreground, **LOOSE, keep_unseeded=False)
    assert without.tolist() == [[1, 0, 0]]


def test_small_seeds_do_not_count():
    body = np.array([[0.9, 0.9, 0.1, 0.9, 0.1, 0.9]])
    foreground = np.array([[0.9, 0.9, 0.9, 0.9, 0.1, 0.9]])
    every = watershed.instances(body, foreground, **LOOSE)
    large = watershed.instances(body, foreground, **LOOSE, min_seed_px=2)
    assert every.tolist() == [[1, 1, 1, 2, 0, 3]]
    assert large.tolist() == [[1, 1, 1, 1, 0, 2]]
    lost = watershed.instances(body, foreground, **LOOSE, min_seed_px=2, keep_unseeded=False)
    assert lost.tolist() == [[1, 1, 1, 1, 0, 0]]


def test_a_seed_outside_the_foreground_is_none():
    body, foreground = np.array([[0.9, 0.2, 0.9]]), np.array([[0.2, 0.9, 0.9]])
    assert watershed.instances(body, foreground, **LOOSE).tolist() == [[0, 1, 1]]


def test_size_at_the_minimum_stays():
    mask = np.array([[1, 1, 0, 1, 1, 1]], float)
    assert watershed.components(mask, threshold=0.5, min_size_px=3).tolist() == [[0, 0, 0, 1, 1, 1]]
    assert watershed.components(mask, threshold=0.5, min_size_px=2).max() == 2


RING = np.array(
    [[int(c) for c in row] for row in ["11111", "10001", "10101", "10001", "11111"]], float
)


def test_holes():
    padded = np.pad(RING, 1)
    filled = watershed.components(padded, threshold=0.5, min_size_px=2)
    np.testing.assert_array_equal(filled, np.pad(np.ones((5, 5)), 1))
    left = watershed.components(padded, threshold=0.5, min_size_px=2, fill_holes=False)
    assert (left > 0).sum() == 16
    # With the dot in the middle kept, the gap around it borders on two objects.
    two = watershed.components(padded, threshold=0.5, min_size_px=1)
    assert (two > 0).sum() == 17
    assert two.max() == 2


@pytest.mark.parametrize("quarters", range(4))
def test_a_bay_at_the_image_edge_is_no_hole(quarters):
    bay = RING.copy()
    bay[0, 2] = 0
    bay = np.rot90(bay, quarters)
    open_ = watershed.components(bay, threshold=0.5, min_size_px=2)
    assert (open_ > 0).sum() == 15
    closed = watershed.components(RING, threshold=0.5, min_size_px=2)
    assert (closed > 0).sum() == 25


@pytest.mark.parametrize("shape", [(0, 4), (1, 1), (3, 5)])
def test_nothing_and_everything(shape):
    empty, full = np.zeros(shape), np.ones(shape)
    assert not watershed.instances(empty, empty, **LOOSE).any()
    assert (watershed.instances(full, full, **LOOSE) == 1).all()


@pytest.mark.parametrize(
    ("body", "foreground", "change", "message"),
    [
        (np.zeros((1, 2)), np.zeros((2, 1)), {}, r"body has shape \(1, 2\), foreground \(2, 1\)"),
        (np.zeros(2), np.zeros(2), {}, r"body must be \(H, W\)"),
        (np.zeros((1, 2), int), np.zeros((1, 2)), {}, "body must be uint8 or floating, not int64"),
        (
            np.zeros((1, 2)),
            np.full((1, 2), 1.5),
            {},
            r"foreground must lie in 0\.\.1, found 0.0 to 1.5",
        ),
        (np.full((1, 2), math.nan), np.zeros((1, 2)), {}, r"body must lie in 0\.\.1, found nan"),
        (np.zeros((1, 2)), np.zeros((1, 2)), {"seed_threshold": 2}, "seed_threshold must lie in"),
        (np.zeros((1, 2)), np.zeros((1, 2)), {"foreground_threshold": -1}, "got -1"),
        (
            np.zeros((1, 2)),
            np.zeros((1, 2)),
            {"min_size_px": -1},
            "min_size_px must not be negative",
        ),
        (
            np.zeros((1, 2)),
            np.zeros((1, 2)),
            {"min_seed_px": -2},
            "min_seed_px must not be negative",
        ),
    ],
)
def test_refuses(body, foreground, change, message):
    with pytest.raises(ValueError, match=message):
        watershed.instances(body, foreground, **LOOSE | change)


def test_sums_of_float32_probabilities_may_round_above_one():
    body = np.array([[0, 1.0000001, 0]], np.float32)
    assert watershed.components(body, threshold=0.5, min_size_px=1).tolist() == [[0, 1, 0]]
    with pytest.raises(ValueError, match=r"must lie in 0\.\.1"):
        watershed.components(body * 1.01, threshold=0.5, min_size_px=1)
