import numpy as np
import pandas as pd
import pytest

from segline.folds import assign


def manifest(n_groups=60, seed=0):
    rng = np.random.default_rng(seed)
    rows = []
    for group in range(n_groups):
        modality = ["fluorescence", "tissue_light", "brightfield"][
            (group % 10) // 6 + (group % 20 == 0)
        ]
        for tile in range(rng.choice([1, 2, 4, 6], p=[0.4, 0.1, 0.4, 0.1])):
            n_objects = int(rng.lognormal(3, 1))
            rows.append((f"{group}-{tile}", f"g{group}", modality, n_objects))
    return pd.DataFrame(rows, columns=["image_id", "group", "modality", "n_objects"])


def test_groups_stay_whole_and_rows_keep_their_order():
    images = manifest()
    folds = assign(images, n_folds=5, seed=0)
    assert list(folds.columns) == ["image_id", "fold"]
    assert list(folds["image_id"]) == list(images["image_id"])
    assert (folds.groupby(images["group"])["fold"].nunique() == 1).all()
    assert set(folds["fold"]) == set(range(5))


def test_images_objects_and_modalities_are_balanced():
    images = manifest(200)
    table = images.merge(assign(images, n_folds=5, seed=0))
    n_images = table.groupby("fold").size()
    n_objects = table.groupby("fold")["n_objects"].sum()
    assert n_images.max() - n_images.min() <= 4
    assert n_objects.max() / n_objects.min() < 1.02
    for modality in images["modality"].unique():
        counts = table[table["modality"] == modality].groupby("fold").size()
        assert counts.max() - counts.min() <= 4, modality


def test_equal_images_are_dealt_evenly():
    images = pd.DataFrame(
        {
            "image_id": [f"{i:02d}" for i in range(20)],
            "group": [f"g{i:02d}" for i in range(20)],
            "modality": ["a"] * 10 + ["b"] * 10,
            "n_objects": 7,
        }
    )
    table = images.merge(assign(images, n_folds=5, seed=3))
    assert (table.groupby(["fold", "modality"]).size() == 2).all()


def test_the_seed_decides_and_only_the_seed():
    images = manifest()
    first, again = (assign(images, n_folds=5, seed=1)["fold"] for _ in range(2))
    assert (first == again).all()
    assert (first != assign(images, n_folds=5, seed=2)["fold"]).any()


def test_argument_is_not_changed_and_test_rows_are_left_out():
    images = manifest(10).assign(split="train")
    images.loc[::3, "split"] = "test"
    before = images.copy()
    folds = assign(images, n_folds=2, seed=0)
    assert images.equals(before)
    assert set(folds["image_id"]) == set(images.loc[images["split"] == "train", "image_id"])


def test_images_without_objects_are_no_trouble():
    images = manifest(10).assign(n_objects=0)
    assert set(assign(images, n_folds=3, seed=0)["fold"]) == {0, 1, 2}


def test_no_fold_is_empty_however_unequal_the_groups():
    images = pd.DataFrame(
        {
            "image_id": list("abcdefgh"),
            "group": ["x"] * 6 + ["y", "z"],
            "modality": "a",
            "n_objects": [50] * 6 + [0, 0],
        }
    )
    assert set(assign(images, n_folds=3, seed=0)["fold"]) == {0, 1, 2}


@pytest.mark.parametrize("n_folds", [0, 1, 11])
def test_impossible_numbers_of_folds_are_refused(n_folds):
    with pytest.raises(ValueError, match=f"n_folds is {n_folds}; .* number of groups, 10"):
        assign(manifest(10), n_folds=n_folds, seed=0)
