import numpy as np
import pandas as pd
import pytest

from segline.data.folds import assign, strata


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


def test_folds_by_source_keep_whole_sources():
    images = manifest()
    images["source"] = "s" + (images["group"].str[1:].astype(int) % 7).astype(str)
    folds = assign(images, n_folds=5, seed=0, by="source")
    assert (folds.groupby(images["source"])["fold"].nunique() == 1).all()
    assert set(folds["fold"]) == set(range(5))
    with pytest.raises(ValueError, match="from 2 to the number of sources, 7"):
        assign(images, n_folds=8, seed=0, by="source")


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


def semantic(shares, *, names, seed=0):
    """A manifest whose images have the given share of each class."""
    pixels = np.rint(np.asarray(shares) * 10_000).astype(int)
    ids = [f"{i:03d}" for i in range(len(pixels))]
    table = pd.DataFrame({"image_id": ids, "group": ids, "modality": "all"})
    return table.assign(n_objects=(pixels[:, 1:] > 0).sum(axis=1), stratum=strata(pixels, names))


def test_binary_sets_are_balanced_by_foreground_share():
    share = np.random.default_rng(0).lognormal(-3, 0.8, 100).clip(0, 0.5)
    share[:10] = 0
    images = semantic(np.stack([1 - share, share], axis=1), names=("background", "iris"))
    assert sorted(images["stratum"].value_counts().to_dict().items()) == [
        ("empty", 10),
        *((f"share{n}", 18) for n in range(1, 6)),
    ]
    table = images.assign(share=share).merge(assign(images, n_folds=5, seed=0))
    counts = table.groupby(["stratum", "fold"]).size().unstack()
    assert (counts.max(axis=1) - counts.min(axis=1) <= 1).all()
    means = table.groupby("fold")["share"].mean()
    assert means.max() / means.min() < 1.35
    dealt = np.random.default_rng(1).permutation(np.arange(100) % 5)
    by_chance = table.groupby(dealt)["share"].mean()
    assert means.std() < by_chance.std()


def test_rare_classes_are_spread_evenly():
    rng = np.random.default_rng(0)
    present = rng.random((120, 3)) < (0.9, 0.4, 0.085)
    images = semantic(np.hstack([np.full((120, 1), 0.7), 0.1 * present]), names=list("bxyz"))
    table = images.merge(assign(images, n_folds=5, seed=0))
    for number, name in enumerate("xyz"):
        has = table["stratum"].str.split().map(lambda words, name=name: name in words)
        counts = table[has].groupby("fold").size()
        assert counts.sum() == present[:, number].sum()
        assert counts.max() - counts.min() <= 1, name
    assert (table["fold"].value_counts() == 24).all()


def test_a_fixed_validation_set_is_fold_0_with_its_groups():
    images = manifest(40).assign(validation=0)
    images.loc[images["group"].isin(["g3", "g4"]), "validation"] = 1
    images.loc[images.index[images["group"] == "g3"][0], "validation"] = 1
    images.loc[images.index[images["group"] == "g5"][-1], "validation"] = 1
    fixed = images["group"].isin(["g3", "g4", "g5"])
    for n_folds in (2, 4):
        fold = assign(images, n_folds=n_folds, seed=0)["fold"]
        assert (fold[fixed] == 0).all()
        assert set(fold[~fixed]) == set(range(1, n_folds))
    plain = assign(images.drop(columns="validation"), n_folds=4, seed=0)
    assert assign(images.assign(validation=0), n_folds=4, seed=0).equals(plain)
    with pytest.raises(ValueError, match="n_folds is 39; .* number of groups, 38"):
        assign(images, n_folds=39, seed=0)
