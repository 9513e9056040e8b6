"""One draw must not tell of another: images, crops, warps, symmetries and photometry, by joint counts."""

import itertools

import numpy as np
import pandas as pd
import pytest
from albumentations.core.transforms_interface import BasicTransform
from scipy.stats import chi2_contingency

from segline.config.tables import Augment
from segline.samples import streams
from segline.samples.augment import Augmenter
from segline.samples.heads import Taught
from segline.samples.sampler import Sampler, rows_of_pass, sampling_shares
from segline.samples.streams import Purpose

N_IMAGES, SIDE_PX = 12, 96
CHANCE = 1e-5  # of a chi-square as large; there are about a hundred tables
AUGMENT = Augment(
    scale=(0.8, 1.25), rotate=0.6, intensity=0.6, colour=0.5, blur=0.5, noise=0.5, invert=0.3
)
FAMILIES = {
    "warp": ("Affine",),
    "symmetry": ("D4",),
    "grey": ("ToGray",),
    "tint": ("HueSaturationValue", "RGBShift", "ChannelShuffle"),
    "level": ("RandomBrightnessContrast", "RandomGamma", "CLAHE"),
    "blur": ("GaussianBlur", "MotionBlur", "Sharpen"),
    "noise": ("GaussNoise", "MultiplicativeNoise"),
    "invert": ("InvertImg",),
}
STRENGTH = {
    "HueSaturationValue": lambda p: p["hue_shift"] > 0,
    "RGBShift": lambda p: p["noise_map"][0] > 0,
    "RandomBrightnessContrast": lambda p: p["beta"] > 0,
    "RandomGamma": lambda p: p["gamma"] > 1.1,
    "GaussianBlur": lambda p: len(p["kernel"]) > 9,
    "GaussNoise": lambda p: np.std(p["noise_map"]) > 8.5,
    "D4": lambda p: p["group_element"],
    "Affine": lambda p: (
        abs(p["rotate"]) > 1e-9,
        p["scale"]["x"] > 1,
        p["rotate"] > 0,
    ),
}


def spy_on(drawn, monkeypatch):
    """Note in `drawn` what each transform does, by family."""
    family_of = {name: family for family, names in FAMILIES.items() for name in names}
    apply = BasicTransform.apply_with_params

    def spy(self, params, *args, **kwargs):
        name = type(self).__name__
        if "place" not in drawn:  # nothing has been moved yet
            middle = kwargs["mask"].shape[0] // 2
            row, column = divmod(int(kwargs["mask"][middle, middle]) - 1, 1000)
            drawn["place"] = f"{row > SIDE_PX // 2} {column > SIDE_PX // 2}"
        if name in family_of:
            strength = STRENGTH.get(name, lambda p: "")
            drawn[family_of[name]] = f"{name} {strength(params)}"
        return apply(self, params, *args, **kwargs)

    monkeypatch.setattr(BasicTransform, "apply_with_params", spy)


def draws(epoch, seed, n_draws):
    """One row a sample: image, quadrant of the crop, and what each family did."""
    place = np.arange(SIDE_PX, dtype=np.int32)
    labels = place[:, None] * 1000 + place + 1
    image = np.random.default_rng(5).integers(0, 256, (SIDE_PX, SIDE_PX, 3), np.uint8)
    drawn, rows = {}, []

    def read(row):
        drawn.clear()
        drawn["image"] = row
        return image, labels

    sampler = Sampler(
        pd.DataFrame({"modality": ["a"] * N_IMAGES}),
        read,
        mode="nuclei",
        crop_px=8,
        augmenter=Augmenter(AUGMENT, crop_px=8),
        teach=lambda truth: Taught(truth, truth),
        per_epoch=1200,
        seed=seed,
    )
    with pytest.MonkeyPatch.context() as patched:
        spy_on(drawn, patched)
        for index in range(n_draws):
            sampler(epoch, index)
            rows.append(dict.fromkeys(FAMILIES, "none") | drawn)
    return pd.DataFrame(rows).astype(str)


def dependent(first, second):
    """Pairs of columns of which one tells of the other, with Cramer's V."""
    found = {}
    for a, b in itertools.product(first, second):
        counts = pd.crosstab(first[a], second[b])
        result = chi2_contingency(counts)
        if result.pvalue < CHANCE:
            v = np.sqrt(result.statistic / counts.to_numpy().sum() / (min(counts.shape) - 1))
            found[a, b] = round(float(v), 2)
    return found


@pytest.fixture(scope="module")
def drawn():
    return draws(epoch=0, seed=(0, 0), n_draws=1200)


def test_no_draw_of_a_sample_tells_of_another(drawn):
    found = dependent(drawn, drawn)
    assert {pair: v for pair, v in found.items() if pair[0] != pair[1]} == {}


@pytest.mark.parametrize(("epoch", "seed"), [(1, (0, 0)), (0, (1, 0)), (0, (0, 1))])
def test_samples_of_one_number_are_strangers_in_another_epoch_run_or_fold(drawn, epoch, seed):
    assert dependent(drawn[:400], draws(epoch, seed, 400)) == {}


def test_neighbouring_samples_are_strangers(drawn):
    found = dependent(drawn[:-1].reset_index(drop=True), drawn[1:].reset_index(drop=True))
    assert list(found) in ([], [("image", "image")])  # a pass has each image once


def test_photometry_does_not_move_when_geometry_changes():
    window = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    flat = np.full_like(window, 90)
    labels = window[..., 0].astype(np.int32)
    still, turning = (
        Augmenter(AUGMENT.model_copy(update={"rotate": rotate}), crop_px=8) for rotate in (0.0, 0.9)
    )
    for number in range(20):
        (image, _), (other, _) = (each(flat, labels, seed=(number,)) for each in (still, turning))
        assert np.array_equal(image, other)


def test_another_purpose_or_key_is_another_stream():
    keys = itertools.product(Purpose, [(0,), (0, 1), (1, 0), (1, 1), (0, 1, 0, 2)])
    assert len({streams.seed(purpose, *key) for purpose, key in keys}) == 5 * len(Purpose)


POWERS = [("aaaabbbbbb", 1.0), ("aaaaaaaaab", 0.5), ("aaabbbbbbb", 0.0)]


@pytest.mark.parametrize(("modalities", "power"), POWERS)
def test_every_pass_draws_every_image_evenly_and_so_do_all_passes(modalities, power):
    shares = sampling_shares(pd.Series(list(modalities)), power=power)
    passes = [rows_of_pass(shares, number, seed=(3, 0)) for number in range(50)]
    counts = np.array([np.bincount(rows, minlength=10) for rows in passes])
    assert np.abs(counts - 10 * shares).max() < 1
    assert np.abs(counts.cumsum(axis=0) - 10 * shares * np.arange(1, 51)[:, None]).max() < 3
    assert len({rows.tobytes() for rows in passes}) == 50


def test_40_crops_of_20_images_are_two_of_each_whatever_the_epochs_and_the_order():
    seen = []

    def read(row):
        seen.append(row)
        return np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.int32)

    sampler = Sampler(
        pd.DataFrame({"modality": ["a"] * 20}),
        read,
        mode="nuclei",
        crop_px=8,
        augmenter=None,
        teach=lambda truth: Taught(truth, truth),
        per_epoch=5,
    )
    numbers = [divmod(number, 5) for number in range(40)]
    for number in numbers:
        sampler(*number)
    forward = seen[:]
    assert np.bincount(forward[:20]).tolist() == np.bincount(forward[20:]).tolist() == [1] * 20
    seen.clear()
    for number in reversed(numbers):
        sampler(*number)
    assert seen == forward[::-1]
