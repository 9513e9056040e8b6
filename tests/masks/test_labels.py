import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from skimage import measure

import cases
from segline.masks import labels


def test_checked_leaves_a_good_image_alone():
    image = np.array([[0, 3]], np.int32)
    assert labels.checked(image) is image


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint32, np.int64, np.uint64])
def test_checked_takes_any_integer_type_and_order(dtype):
    image = np.asfortranarray(np.array([[0, 1, 1], [1, 0, 0]], dtype))
    got = labels.checked(image)
    assert got.dtype == np.int32
    assert got.flags.c_contiguous
    np.testing.assert_array_equal(got, image)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((2, 2, 2), int), r"truth must be \(H, W\), not of shape \(2, 2, 2\)"),
        (np.zeros(4, int), r"not of shape \(4,\)"),
        (np.zeros((2, 2)), "truth must hold integers, not float64"),
        (np.array([[0, -3]]), "truth must not be negative, found -3"),
        (np.array([[0, -3]], np.int32), "truth must not be negative, found -3"),
    ],
)
def test_checked_refuses(image, message):
    with pytest.raises(ValueError, match=message):
        labels.checked(image, name="truth")


def test_huge_numbers_become_ranks():
    image = np.array([[0, 2**63, 7, 2**63 + 1]], np.uint64)
    assert labels.checked(image).tolist() == [[0, 2, 1, 3]]
    assert labels.checked(image[:, 1:]).tolist() == [[2, 1, 3]]
    assert labels.checked(np.array([[65_535, 1]])).tolist() == [[65_535, 1]]
    assert labels.checked(np.array([[65_536, 1]])).tolist() == [[2, 1]]


def test_sizes_by_hand():
    assert labels.sizes([[0, 2, 2], [0, 0, 4]]).tolist() == [3, 0, 2, 0, 1]
    assert labels.sizes(np.zeros((0, 3), int)).tolist() == [0]


@settings(max_examples=80, deadline=None)
@given(cases.label_images(max_side=50))
def test_sizes_and_relabel_agree_with_numpy(image):
    assert labels.sizes(image).tolist() == np.bincount(image.ravel()).tolist()
    values = np.unique(np.append(image.ravel(), 0))
    np.testing.assert_array_equal(labels.relabel(image), np.searchsorted(values, image))


@settings(max_examples=150, deadline=None)
@given(cases.label_images(max_side=40))
def test_split_components_agrees_with_skimage(image):
    before = image.copy()
    got = labels.split_components(image)
    np.testing.assert_array_equal(got, measure.label(image, connectivity=1, background=0))
    np.testing.assert_array_equal(image, before)


def test_split_components_follows_a_spiral():
    rows = ["11111", "00001", "11101", "10001", "11111"]
    spiral = np.array([[int(c) for c in row] for row in rows])
    np.testing.assert_array_equal(labels.split_components(spiral), spiral)
    diagonal = labels.split_components([[4, 0], [0, 4]])
    assert diagonal.tolist() == [[1, 0], [0, 2]]
    neighbours = labels.split_components([[4, 5], [4, 5]])
    assert neighbours.tolist() == [[1, 2], [1, 2]]


def test_split_components_of_many_pieces():
    """More runs than the first tables hold, joined late."""
    comb = np.zeros((3, 2001), np.int32)
    comb[0, ::2] = 1
    assert labels.split_components(comb).max() == 1001
    comb[1:, :] = 1
    comb[1, 1::2] = 0
    assert labels.split_components(comb).max() == 1


def test_smaller_mask_keeps_the_pixel():
    big, small = [[1, 1, 1, 0]], [[0, 0, 1, 1]]
    assert labels.from_masks([big, small]).tolist() == [[1, 1, 2, 2]]
    assert labels.from_masks([small, big]).tolist() == [[2, 2, 1, 1]]
    assert labels.from_masks([[[1, 1, 0]], [[0, 1, 1]]]).tolist() == [[1, 1, 2]]
    assert labels.from_masks([[[0, 0]], [[0, 255]]]).tolist() == [[0, 2]]


def test_smaller_is_measured_before_pixels_are_lost():
    first, second, third = [[1, 1, 1, 0, 0]], [[0, 1, 1, 0, 0]], [[0, 0, 1, 1, 1]]
    # The first is left with one pixel, yet counts as three: the tie with the third stays its own.
    assert labels.from_masks([first, second, third]).tolist() == [[1, 2, 2, 3, 3]]


def test_merge_counts_contested_pixels_once():
    masks = [[[1, 1, 1, 1]], [[0, 1, 1, 1]], [[0, 0, 1, 0]]]
    image, contested = labels.merge(iter(np.array(masks)))
    assert image.tolist() == [[1, 2, 3, 2]]
    assert image.dtype == np.int32
    assert contested == 3


def test_from_masks_refuses():
    with pytest.raises(ValueError, match="no mask"):
        labels.from_masks([])
    with pytest.raises(ValueError, match=r"mask 1 has shape \(1, 1\), the first \(1, 2\)"):
        labels.from_masks([[[1, 0]], [[1]]])
    with pytest.raises(ValueError, match=r"mask 0 must be \(H, W\)"):
        labels.from_masks([[1, 0]])


KERNELS = sorted(Path(labels.__file__).parent.glob("kernels/[a-z]*.py"))


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: path.stem)
def test_kernel_modules_stand_alone(path):
    """Numba's cache does not see an edit in another file, so kernels call none of another file."""
    names = [
        name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [node.names[0].name])
    ]
    assert sorted(set(names)) == ["numba", "numpy"]


def test_importing_the_core_leaves_numba_alone():
    core = ["masks.rle", "masks.labels", "masks.weight_maps", "masks.targets", "masks.watershed"]
    core += ["metrics.instances", "metrics.semantic"]
    names = ", ".join(f"segline.{name}" for name in core)
    code = f"import sys, {names}; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
