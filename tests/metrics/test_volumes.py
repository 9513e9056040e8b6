"""Metrics of volumes against values by hand and brute force."""

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import directed_hausdorff

from segline.metrics import objectives, semantic, volumes

ROOT = {n: n**0.5 for n in (2, 3)}


def slices(true, pred):
    """Slices of volumes (D, H, W) as those of one class."""
    return [(t[..., None], p[..., None]) for t, p in zip(true, pred, strict=True)]


def cube(*where):
    mask = np.zeros((5, 6, 7), bool)
    mask[where] = True
    return mask


def surface(mask):
    """Area of the surface of a mask: twice itself against itself is its own surface Dice's denominator."""
    return sum(
        volumes._areas()[volumes._codes(a, b)].sum()
        for a, b in itertools.pairwise([np.zeros_like(mask[0]), *mask, np.zeros_like(mask[0])])
    )


def test_areas_of_the_ways_to_set_a_cubes_corners_by_hand():
    """Triangles, rectangles and hexagons between the middles of edges; the same for what is not set."""
    by_hand = {
        0b00000000: 0,
        0b00000001: ROOT[3] / 8,  # a triangle of side sqrt(1/2)
        0b00000011: ROOT[2] / 2,  # a rectangle 1 x sqrt(1/2)
        0b00001111: 1,  # a square
        0b00011000: ROOT[3] / 4,  # two triangles at opposite corners
        0b01101001: ROOT[3] / 2,  # four
        0b00010110: ROOT[3] * 3 / 8,  # three
        0b00010111: ROOT[3] * 3 / 4,  # a hexagon of side sqrt(1/2)
        0b00111100: ROOT[2],  # two rectangles
    }
    for code, area in by_hand.items():
        assert volumes._areas()[code] == pytest.approx(area)
        assert volumes._areas()[255 - code] == pytest.approx(area)


def test_areas_do_not_change_when_the_cube_turns():
    for code in range(256):
        corners = np.unpackbits(np.uint8(code)).reshape(2, 2, 2)
        for axes in ((0, 1), (0, 2), (1, 2)):
            turned = np.rot90(corners, axes=axes).ravel()
            area = volumes._areas()[np.packbits(turned)[0]]
            assert area == pytest.approx(volumes._areas()[code], abs=1e-6)


def test_a_voxel_has_eight_triangles_also_at_the_border_of_the_volume():
    for where in ((2, 3, 3), (0, 0, 0), (4, 5, 6)):
        assert surface(cube(*where)) == pytest.approx(ROOT[3])


def test_surface_dice_by_hand():
    one, beside, far = cube(2, 2, 2), cube(2, 2, 3), cube(4, 5, 6)
    assert volumes.surface_dice(slices(one, one)) == pytest.approx([1])
    assert volumes.surface_dice(slices(one, far)) == pytest.approx([0])
    assert np.isnan(volumes.surface_dice(slices(one & False, one & False))).all()
    # neighbours share four of their eight corners each
    assert volumes.surface_dice(slices(one, beside)) == pytest.approx([0.5])
    # of two voxels in a row four corners have a triangle each at either end, four a rectangle
    both, triangle, rectangle = one | beside, ROOT[3] / 8, ROOT[2] / 2
    shared = 8 * triangle + (4 * triangle + 4 * rectangle)
    whole = 8 * triangle + (8 * triangle + 4 * rectangle)
    assert volumes.surface_dice(slices(one, both)) == pytest.approx([shared / whole])


@pytest.mark.parametrize("seed", range(5))
def test_hausdorff_is_scipys_of_coordinates_in_the_unit_cube(seed):
    rng = np.random.default_rng(seed)
    true, pred = rng.random((2, 4, 9, 13)) < 0.05
    points = [np.argwhere(mask) / true.shape for mask in (true, pred)]
    far = max(directed_hausdorff(*points)[0], directed_hausdorff(*points[::-1])[0])
    assert volumes.hausdorff(true, pred) == pytest.approx(far / ROOT[3])


def test_hausdorff_of_empty_masks():
    one = cube(1, 1, 1)
    assert np.isnan(volumes.hausdorff(one & False, one & False))
    assert volumes.hausdorff(one, one & False) == volumes.hausdorff(one & False, one) == 1
    assert volumes.hausdorff(one, one) == 0


def scored(name, true, pred, names):
    """Of masks (N, H, W, C)."""
    counts = np.array([semantic.channel_confusion(t, p) for t, p in zip(true, pred, strict=True)])
    metric = objectives.of_masks(name)
    return volumes.scored(metric, counts, names, lambda i: (true[i], pred[i]))


def test_a_case_day_is_a_volume_and_what_is_empty_in_both_is_left_out():
    """Two days of two slices, two organs; the second is nowhere on day b."""
    true, pred = np.zeros((2, 4, 4, 4, 2), bool)
    names = ["a", "b", "a", "b"]
    true[0, 0, 0, 0] = pred[0, 0, 0, 0] = True  # day a, organ 0: right, Dice 1, distance 0
    true[2, 1, 1, 1] = pred[2, 1, 1, 1] = pred[0, 3, 3, 1] = True  # organ 1: one right, one far
    true[1, 0, :, 0] = pred[1, 0, :2, 0] = True  # day b, organ 0: half of four
    pred[3, 0, 0, 0] = True
    dices = [1, 1, 0, 4 / 6, 0]  # slice and organ with anything in it
    far = {
        "a": [0, np.hypot(np.hypot(1 / 2, 2 / 4), 2 / 4) / ROOT[3]],
        "b": [2 / 4 / ROOT[3]],  # the last of four is two columns away; slices are 1/2 apart
    }
    expected = 0.4 * np.mean(dices) + 0.6 * (1 - np.mean([*far["a"], *far["b"]]))
    found = scored("dice_hausdorff", true, pred, names)
    assert found.names == ("a", "b")
    assert found.mean == pytest.approx(expected)
    assert np.isnan(found.values).tolist() == [[False, False], [False, True]]


def test_surface_dice_is_a_mean_over_volumes():
    true, pred = np.zeros((2, 5, 6, 7, 1), bool)
    true[0, 2, 2] = pred[0, 2, 2] = True  # alone in volume a: right
    true[1, 2, 2] = pred[2, 2, 2] = True  # neighbours in volume b: one half
    assert scored("surface_dice", true, pred, ["a", "b", "b", "b", "c"]).mean == pytest.approx(0.75)
