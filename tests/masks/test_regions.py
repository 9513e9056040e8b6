import cv2
import numpy as np
import pytest

from segline.masks import regions


def test_regions_are_the_connected_parts_above_the_threshold():
    probs = np.zeros((20, 30, 1), np.uint8)
    probs[2:8, 2:8], probs[10:18, 10:20], probs[0, 29] = 200, 120, 255
    probs[4, 4] = 0  # a hole
    found = regions.find(probs, threshold=0.5, min_size_px=5)
    assert np.unique(found, return_counts=True)[1].tolist() == [600 - 36, 36]
    assert regions.find(probs, threshold=0.4, min_size_px=5).max() == 2


def test_regions_of_classes_are_apart_where_classes_touch():
    truth = np.array([[1, 1, 2, 2], [0, 0, 0, 0], [1, 0, 0, 2]], np.int32)
    found = regions.of_classes(truth)
    assert sorted(np.unique(found)) == [0, 1, 2, 3, 4]
    assert regions.majority(found, truth, 3).tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("row", "expected"),
    [([3, 3, 3, 0], 3), ([3, 1, 1, 0], 1), ([2, 2, 0, 0], 2), ([2, 0, 0, 0], 0), ([0] * 4, 0)],
)
def test_a_region_needs_half_of_its_pixels_in_classes(row, expected):
    truth = np.array([row], np.int32)
    assert regions.majority(np.ones((1, 4), np.int32), truth, 4).tolist() == [expected]


def test_a_crop_is_centred_on_its_region_with_the_stated_margin():
    """A disc of 20 px across in a crop of 30 px, shown at 60 px: 40 px across, in the middle."""
    y, x = np.mgrid[:80, :100]
    disc = np.hypot(y - 30.5, x - 60.5) < 10
    image = np.repeat(np.where(disc, 200, 0)[..., None], 3, axis=2).astype(np.uint8)
    (crop,) = regions.crops(image, disc.astype(np.int32), margin=0.25, size_px=60)
    inside = crop[..., 0] > 100
    rows, columns = np.nonzero(inside)
    assert (rows.mean(), columns.mean()) == pytest.approx((29.5, 29.5), abs=0.2)
    assert inside.sum() == pytest.approx(np.pi * 20**2, rel=0.03)


def test_crops_at_the_edge_mirror_the_image():
    image = np.random.default_rng(0).integers(0, 255, (20, 20, 3)).astype(np.uint8)
    corner = np.zeros((20, 20), np.int32)
    corner[:8, :8] = 1
    (crop,) = regions.crops(image, corner, margin=0.5, size_px=16)
    assert np.array_equal(crop[4:, 4:], image[:12, :12])
    assert np.array_equal(
        crop, cv2.copyMakeBorder(image, 4, 0, 4, 0, cv2.BORDER_REFLECT_101)[:16, :16]
    )


def test_no_region_gives_no_crop_and_plain_background():
    nothing = np.zeros((5, 6), np.int32)
    image = np.zeros((5, 6, 3), np.uint8)
    assert regions.crops(image, nothing, margin=0.25, size_px=16).shape == (0, 16, 16, 3)
    painted = regions.painted(nothing, np.zeros((0, 3)))
    assert painted.shape == (5, 6, 3)
    assert (painted == [1, 0, 0]).all()


def test_a_region_gets_the_probabilities_of_its_class():
    labels = np.array([[0, 1, 2]])
    painted = regions.painted(labels, np.array([[0.1, 0.9], [0.8, 0.2]]))
    assert painted[0].tolist() == pytest.approx(np.array([[1, 0], [0.1, 0.9], [0.8, 0.2]]))


def test_crops_have_all_channels_of_the_image():
    image = np.random.default_rng(0).integers(0, 256, (30, 30, 6), dtype=np.uint8)
    labels = np.zeros((30, 30), np.int32)
    labels[8:20, 5:15] = 1
    found = regions.crops(image, labels, margin=0.25, size_px=16)
    last = regions.crops(np.ascontiguousarray(image[..., 3:]), labels, margin=0.25, size_px=16)
    assert found.shape == (1, 16, 16, 6)
    assert np.array_equal(found[..., 3:], last)
