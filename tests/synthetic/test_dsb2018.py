import zipfile

import cv2
import numpy as np
import pytest
from scipy import ndimage

from segline.base import files
from segline.base.errors import UserError
from segline.masks import rle
from segline.synthetic import crowds, dsb2018, nuclei

NAMES = [
    "stage1_sample_submission.csv",
    "stage1_solution.csv",
    "stage1_test.zip",
    "stage1_train.zip",
    "stage1_train_labels.csv",
]


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    counts = dsb2018.write(folder, size="tiny", seed=3)
    assert counts == {"train": 20, "test": 4}
    return folder


def test_the_same_seed_gives_the_same_bytes(raw, tmp_path):
    dsb2018.write(tmp_path, size="tiny", seed=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == NAMES
    for name in NAMES:
        assert (raw / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_another_seed_gives_other_pictures(raw, tmp_path):
    dsb2018.write(tmp_path, size="tiny", seed=4)
    ids = [set(files.read_csv(f / "stage1_sample_submission.csv").ImageId) for f in (raw, tmp_path)]
    assert not ids[0] & ids[1]


def test_rle_and_png_masks_of_the_training_zip_agree(raw):
    table = files.read_csv(raw / "stage1_train_labels.csv", ("ImageId", "EncodedPixels"))
    n_masks = 0
    with zipfile.ZipFile(raw / "stage1_train.zip") as archive:
        for image_id, rows in table.groupby("ImageId"):
            masks = [
                cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_UNCHANGED)
                for name in archive.namelist()
                if name.startswith(f"{image_id}/masks/")
            ]
            assert sorted(rle.encode(mask) for mask in masks) == sorted(rows.EncodedPixels)
            n_masks += len(masks)
    assert n_masks == len(table) > 100


def test_images_are_rgba_and_solution_knows_their_sizes(raw):
    solution = files.read_csv(raw / "stage1_solution.csv")
    assert list(solution.columns) == ["ImageId", "EncodedPixels", "Height", "Width", "Usage"]
    sample = files.read_csv(raw / "stage1_sample_submission.csv")
    assert set(sample.EncodedPixels) == {"1 1"}
    with zipfile.ZipFile(raw / "stage1_test.zip") as archive:
        assert len(archive.namelist()) == len(sample) == 4
        for name in archive.namelist():
            data = np.frombuffer(archive.read(name), np.uint8)
            image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
            rows = solution[solution.ImageId == name.split("/")[0]]
            assert image.shape == (rows.Height.iloc[0], rows.Width.iloc[0], 4)
            assert len(rows) >= dsb2018.MIN_OBJECTS


def test_tiles_of_a_field_continue_each_other():
    recipe = (dsb2018.Fields("tissue_light", 1, (2, 2), (96, 96)),)
    tiles = list(dsb2018.pictures("train", recipe, seed=0))
    again = np.random.default_rng([0, False, 0])
    again.integers(96, 97, 2)
    field, _ = nuclei.paint("tissue_light", (192, 192), rng=again)
    rows = [np.hstack([tiles[i].image for i in pair]) for pair in ((0, 1), (2, 3))]
    assert (np.vstack(rows) == field).all()


def test_unknown_size_is_refused(tmp_path):
    with pytest.raises(UserError, match="'huge' is not one of demo, tiny"):
        dsb2018.write(tmp_path, size="huge", seed=0)


@pytest.mark.parametrize("modality", list(nuclei.PAINTERS))
def test_nuclei_are_whole_sized_and_often_touch(modality):
    image, labels = nuclei.paint(modality, (200, 240), rng=np.random.default_rng(5))
    assert image.shape == (200, 240, 3)
    assert image.dtype == np.uint8
    areas = np.bincount(labels.ravel())[1:]
    assert areas.min() >= crowds.MIN_AREA_PX
    assert areas.max() <= crowds.MAX_AREA_PX
    pieces = [ndimage.label(labels == k)[1] for k in range(1, labels.max() + 1)]
    assert set(pieces) == {1}
    # a third or more would be lost to connected components of the true foreground
    assert ndimage.label(labels > 0)[1] < 0.7 * labels.max()


def test_fluorescence_shows_bright_nuclei_on_dark_and_brightfield_the_reverse():
    for modality, sign in (("fluorescence", 1), ("brightfield", -1)):
        image, labels = nuclei.paint(modality, (200, 200), rng=np.random.default_rng(6))
        grey = image[..., 0].astype(float)
        assert sign * (grey[labels > 0].mean() - grey[labels == 0].mean()) > 10


def test_unknown_modality_is_refused():
    with pytest.raises(ValueError, match="'xray' is not one of fluorescence"):
        nuclei.paint("xray", (64, 64), rng=np.random.default_rng(0))
