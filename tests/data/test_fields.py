import numpy as np
import pytest

from segline.data import fields as groups
from segline.synthetic import dsb2018, nuclei


def cut(image, rows, columns):
    height, width = image.shape[0] // rows, image.shape[1] // columns
    return [
        image[r * height : (r + 1) * height, c * width : (c + 1) * width]
        for r in range(rows)
        for c in range(columns)
    ]


@pytest.fixture(scope="module")
def fields():
    """Twelve fields of four tiles, all of one size, in random order: tiles and their field."""
    tiles, field_of = [], []
    for number in range(12):
        modality = list(nuclei.PAINTERS)[number % 4]
        rng = np.random.default_rng([7, number])
        tiles += cut(nuclei.paint(modality, (192, 224), rng=rng)[0], 2, 2)
        field_of += [number] * 4
    order = np.random.default_rng(0).permutation(len(tiles))
    return [tiles[i] for i in order], np.array(field_of)[order]


def test_quarters_come_out_whole_and_unmixed(fields):
    tiles, field_of = fields
    found = groups.assign([groups.borders(tile) for tile in tiles])
    assert [len(set(found[field_of == number])) for number in range(12)] == [1] * 12
    assert len(set(found)) == 12


def test_order_of_the_images_does_not_matter(fields):
    tiles, _ = fields
    borders = [groups.borders(tile) for tile in tiles]
    found = groups.assign(borders)
    backwards = groups.assign(borders[::-1])[::-1]
    assert (groups_as_sets(found)) == groups_as_sets(backwards)


def groups_as_sets(found):
    return {frozenset(np.flatnonzero(found == number).tolist()) for number in set(found)}


def test_mirrored_edges_do_not_join(fields):
    tiles, _ = fields
    lines = {
        side: np.stack([groups.borders(tile)[side] for tile in tiles]) for side in groups.SIDES
    }
    lines["left"], lines["top"] = lines["left"][:, :, ::-1], lines["top"][:, :, ::-1]
    assert groups.find_joins(lines) == []


def test_a_larger_mosaic_is_one_group():
    rng = np.random.default_rng(3)
    tiles = cut(nuclei.paint("fluorescence", (360, 480), rng=rng)[0], 3, 4)
    found = groups.assign([groups.borders(tile) for tile in tiles])
    assert np.bincount(found).max() >= 10


def test_single_images_and_other_sizes_stay_alone():
    rng = np.random.default_rng(4)
    images = [
        nuclei.paint("fluorescence", shape, rng=rng)[0]
        for shape in ((64, 64), (64, 64), (64, 64), (64, 65), (80, 64))
    ]
    found = groups.assign([groups.borders(image) for image in images])
    assert sorted(found) == [0, 1, 2, 3, 4]


def test_empty_images_stay_alone():
    black = [np.zeros((64, 64, 3), np.uint8)] * 20
    assert np.bincount(groups.assign([groups.borders(image) for image in black])).max() == 1


def test_known_pairs_are_joined_up_to_the_limit():
    rng = np.random.default_rng(5)
    noise = [rng.integers(0, 255, (16, 20 + i, 3)).astype(np.uint8) for i in range(90)]
    chain = [(i, i + 1) for i in range(89)]
    sizes = np.bincount(groups.assign([groups.borders(x) for x in noise], joined=chain))
    assert sizes.max() == groups.MAX_GROUP
    assert sizes.sum() == 90


def test_demo_fields_are_found():
    recipe = dsb2018.SIZES["demo"]["train"]
    pictures = list(dsb2018.pictures("train", recipe, seed=0))
    field_of = np.array(
        [
            (i, n)
            for i, fields in enumerate(recipe)
            for n in range(fields.n)
            for _ in range(fields.tiles[0] * fields.tiles[1])
        ]
    )
    found = groups.assign([groups.borders(picture.image) for picture in pictures])
    cut_fields = [f for f in np.unique(field_of, axis=0) if recipe[f[0]].tiles != (1, 1)]
    whole = [len(set(found[(field_of == f).all(axis=1)])) == 1 for f in cut_fields]
    assert len(whole) == 23
    assert sum(whole) >= 22


def test_seams_are_judged_on_three_channels_as_they_were_measured():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 5), dtype=np.uint8)
    found, three = groups.borders(image), groups.borders(image[..., :3])
    assert all(np.array_equal(found[side], three[side]) for side in groups.SIDES)
