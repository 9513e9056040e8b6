"""The generated sets of the semantic jobs: what they promise, and that the data stage takes them."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from segline.base import files
from segline.base.errors import UserError
from segline.config import read
from segline.config.places import DataFiles
from segline.data import tables
from segline.data.layouts import open_semantic
from segline.masks import rle
from segline.masks.classes import Classes
from segline.stages import data, synthesize
from segline.synthetic import jobs
from segline.synthetic.scenes import eyes, lesions, scans, smears, streets

CONFIGS = Path(__file__).parents[2] / "configs"


def rngs(n: int):
    return (np.random.default_rng([5, number]) for number in range(n))


def shares(scenes, n_classes: int) -> np.ndarray:
    counts = sum(np.bincount(scene.mask.ravel(), minlength=n_classes) for scene in scenes)
    return counts / counts.sum()


@pytest.fixture
def small(monkeypatch):
    """The same writers with a tenth of the pictures."""
    painted = jobs.painted

    def fewer(name, n_train, n_test, seed, paint):
        return painted(name, max(8, n_train // 10), max(2, n_test // 10), seed, paint)

    monkeypatch.setattr(jobs, "painted", fewer)


def digest(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", list(jobs.SETS))
def test_the_same_seed_gives_the_same_bytes_and_the_data_stage_takes_them(name, small, tmp_path):
    counts = jobs.write(tmp_path / "raw", name=name, seed=3)
    assert jobs.write(tmp_path / "again", name=name, seed=3) == counts
    assert digest(tmp_path / "raw") == digest(tmp_path / "again")
    jobs.write(tmp_path / "other", name=name, seed=4)
    assert files.read_csv(tmp_path / "raw/solution.csv")["EncodedPixels"].tolist() != (
        files.read_csv(tmp_path / "other/solution.csv")["EncodedPixels"].tolist()
    )

    made = DataFiles(tmp_path / "out")
    data.ingest(tmp_path / "raw", made, read.load(CONFIGS / f"{name}.toml").data, root=tmp_path)
    images = tables.read_images(made.images)
    assert images["split"].value_counts().to_dict() == counts
    assert (images.loc[images["split"] == "train", "n_objects"] > 0).all()
    assert (images["group"].value_counts() <= 2).all()
    solution = files.read_csv(made.solution, dtype=str)
    sample = files.read_csv(made.sample, dtype=str)
    keys = [column for column in sample.columns if column != "EncodedPixels"]
    assert solution[keys].equals(sample[keys])
    for row in solution.itertuples():
        rle.decode(row.EncodedPixels, (int(row.Height), int(row.Width)))


def test_labels_of_every_mask_encoding_are_the_painted_masks(small, tmp_path):
    jobs.write(tmp_path, name="multiclass", seed=0)
    assert {path.suffix for path in (tmp_path / "masks").iterdir()} == {".png", ".npz"}
    source = open_semantic(
        "folders", tmp_path, Classes(streets.CLASSES, colours=jobs.STREET_COLOURS)
    )
    keys = source.keys()
    for number, key in enumerate(key for key in keys if key.split == "train"):
        rng = np.random.default_rng([0, False, number])
        scene = streets.paint(rng, shape=jobs.street_shape(rng, number))
        assert (source.load(key).labels == scene.mask).all(), key


def test_the_traps_of_the_npz_set(small, tmp_path):
    jobs.write(tmp_path, name="npz", seed=0)
    with np.load(tmp_path / "train.npz") as train, np.load(tmp_path / "validation.npz") as held_out:
        assert 0.9 < train["arr_0"].max() <= 1
        assert held_out["arr_0"].max() > 200
        assert train["arr_1"].ndim == 3
        assert held_out["arr_1"].shape[3] == 1


def test_unknown_sets_are_refused(tmp_path):
    with pytest.raises(UserError, match="'iri' is not one of demo, tiny, iris, multiclass"):
        synthesize.run(out=tmp_path, size="iri", seed=0)


def test_an_iris_is_one_ring_of_about_5_percent_under_every_sensor():
    brightness = {}
    for sensor in eyes.SENSORS:
        scenes = [eyes.paint(rng, sensor=sensor) for rng in rngs(12)]
        assert 0.04 < shares(scenes, 2)[1] < 0.06
        for scene in scenes:
            assert scene.image.shape == scene.mask.shape == eyes.SENSORS[sensor].shape
            assert ndimage.label(scene.mask)[1] == 1
        brightness[sensor] = np.median([scene.image.mean() for scene in scenes])
    assert brightness["near_infrared"] > 3 * brightness["dim"]


def test_vehicles_are_rare_and_only_on_roads():
    scenes = [streets.paint(rng, shape=(300, 340)) for rng in rngs(12)]
    assert 0.002 < shares(scenes, 4)[streets.VEHICLE] < 0.01
    for scene in scenes:
        around = ndimage.binary_dilation(scene.mask == streets.VEHICLE)
        on = np.bincount(scene.mask[around & (scene.mask != streets.VEHICLE)], minlength=4)
        assert on[streets.ROAD] > 0.75 * on.sum()


def test_colour_alone_does_not_tell_vehicles():
    rng = np.random.default_rng(0)
    scene = streets.paint(rng, shape=(600, 600))
    vehicle = scene.image[scene.mask == streets.VEHICLE].astype(float)
    colours = {tuple(c) for c in (vehicle // 24).astype(int)}
    ground = (scene.image[scene.mask == 0] // 24).astype(int)
    lookalikes = sum(tuple(c) in colours for c in ground.tolist())
    assert lookalikes > 3 * len(vehicle)


def test_layers_lie_in_order_and_fluid_inside_the_middle():
    scenes = [scans.paint(rng) for rng in rngs(12)]
    assert 0.01 < shares(scenes, 5)[scans.FLUID] < 0.06
    for scene in scenes:
        assert scene.mask.shape == scans.SHAPE
        rows = [np.argwhere(scene.mask == layer)[:, 0].mean() for layer in (1, 2, 3)]
        assert rows == sorted(rows)
        touching = ndimage.binary_dilation(scene.mask == scans.FLUID)
        assert set(np.unique(scene.mask[touching])) <= {1, 2, 3, scans.FLUID}


def test_a_lesion_is_darker_than_the_skin_around():
    for scene in (lesions.paint(rng) for rng in rngs(12)):
        assert 0.01 < scene.mask.mean() < 0.35
        grey = scene.image.mean(axis=2)
        assert grey[scene.mask == 1].mean() < grey[scene.mask == 0].mean()


def test_white_cells_are_regions_apart_and_eosinophils_rare():
    scenes = [smears.paint(rng) for rng in rngs(60)]
    assert 0.001 < shares(scenes, 4)[3] < 0.01
    cells = np.zeros(4, int)
    for scene in scenes:
        regions, n = ndimage.label(scene.mask > 0)
        for region in range(1, n + 1):
            kinds = np.unique(scene.mask[regions == region])
            assert len(kinds) == 1
            cells[kinds[0]] += 1
    assert 0.02 < cells[3] / cells.sum() < 0.12
