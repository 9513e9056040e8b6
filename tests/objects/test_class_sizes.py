"""Smallest pieces and areas, against plain loops."""

import numpy as np
from scipy import ndimage

from segline.metrics import objectives, semantic
from segline.objects import class_sizes

EIGHT = np.ones((3, 3))


def plain(mask, size, area):
    pieces, n = ndimage.label(mask, EIGHT)
    kept = np.zeros_like(mask)
    for number in range(1, n + 1):
        if (pieces == number).sum() >= size:
            kept |= pieces == number
    return kept if kept.sum() >= area else np.zeros_like(mask)


def test_counts_are_those_of_the_cleaned_masks():
    rng = np.random.default_rng(0)
    for _ in range(20):
        true, mask = rng.random((2, 12, 15)) < rng.random((2, 1, 1)) * 0.6
        sizes, areas = [0, 2, 5, 30], [0, 10, 40, 10**6]
        found = class_sizes.scores(
            true[..., None], mask[..., None], sizes, areas, objectives.of_masks("dice")
        )
        for s, size in enumerate(sizes):
            for a, area in enumerate(areas):
                cleaned = class_sizes.cleaned(mask, min_size_px=size, min_area_px=area)
                assert np.array_equal(cleaned, plain(mask, size, area))
                counts = semantic.confusion(true, cleaned, n_classes=2)
                assert found[0, s, a] == semantic.dice(counts)[1]


def test_what_does_not_gain_is_not_moved():
    assert class_sizes.best(np.array([[0.7, 0.7], [0.7, 0.6]]), (0, 0)) == (0, 0)
    assert class_sizes.best(np.array([[0.7, 0.7], [0.1, 0.8]]), (0, 0)) == (1, 1)
