"""From out-of-fold maps to thresholds, second stage, score and submission, on made-up maps."""

import json
import shutil

import h5py
import numpy as np
import pytest
from scipy import ndimage
from threadpoolctl import threadpool_limits

import runs
from segline.base import files
from segline.base.errors import UserError
from segline.config.places import RunFiles
from segline.config.stages import TuneStage
from segline.config.tables import Config
from segline.objects import decoders, maps
from segline.objects import thresholds as tuning
from segline.stages import cv, second, submit, tune
from segline.tasks import instances

N_IMAGES, SIZE = 16, 72
TUNE = {
    "second_stage": True,
    "seed_threshold": [0.3, 0.5, 0.7],
    "foreground_threshold": [0.4, 0.6],
    "min_size_px": [5],
    "fill_holes": True,
    "surface": "body",
    "second_seed_offsets": [0.0, -0.2],
    "second_foreground_offsets": [0.0],
    "second_cutoff": [0.0, 0.2, 0.4],
}


def scene(number):
    """Discs, and a map that knows them but also shows small faint ones that are not there."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:SIZE, :SIZE]
    truth = np.zeros((SIZE, SIZE), np.int32)
    probs = np.zeros((SIZE, SIZE, 3))
    for label, (cy, cx) in enumerate([(14, 14), (14, 50), (50, 14), (50, 50)], start=1):
        distance = np.hypot(y - cy - rng.integers(-3, 4), x - cx - rng.integers(-3, 4))
        truth[distance <= 9] = label
        probs[..., 1] += np.clip(0.95 - 0.5 * np.clip(distance - 7, 0, 2), 0, 1) * (distance <= 9)
        probs[distance <= 9, 2] = 0.05 + 0.9 * (distance[distance <= 9] > 8)
    ghosts = np.hypot(y - 32, x - rng.integers(20, 52)) <= 3
    probs[ghosts, 1] = 0.75
    probs[..., 1] = np.minimum(probs[..., 1], 1 - probs[..., 2])
    probs[..., 0] = 1 - probs[..., 1] - probs[..., 2]
    return truth, probs


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Several would wait for each other on busy cores."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = Config.model_validate({"data": {"n_folds": 2}, "tune": TUNE})
    made = runs.write(tmp_path_factory.mktemp("root"), config)
    scenes = {f"i{number:02d}": scene(number) for number in range(N_IMAGES)}
    truth = {image_id: labels for image_id, (labels, _) in scenes.items()}
    runs.write_data(made.data, truth, {"t": scene(99)[0]})
    probs = {image_id: found for image_id, (_, found) in scenes.items()}
    runs.write_maps(made, probs, {"t": scene(99)[1]})
    tune.run(made)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(second, "pooled", runs.in_process)
        second.run(made)
    return made


@pytest.fixture
def in_process(monkeypatch):
    for module in (instances, second):
        monkeypatch.setattr(module, "pooled", runs.in_process)


def copied(run, root):
    """The same run, and what it needs, in another place."""
    shutil.copytree(run.root, root / "data")
    return RunFiles(root / "data/runs" / run.name)


def scored(run, *, fitted):
    """The figures with the second stage, or without it: those of a run beside it that has none."""
    if not fitted:
        beside = RunFiles(run.folder.with_name("plain"))
        without = shutil.ignore_patterns("second.h5")
        shutil.copytree(run.folder, beside.folder, dirs_exist_ok=True, ignore=without)
        run = beside
    cv.run(run)
    return json.loads(run.cv.read_text())


def test_every_part_has_thresholds_of_its_own(run):
    tuned = json.loads(run.thresholds.read_text())
    assert sorted(tuned["parts"]) == ["fold 0", "fold 1"]
    assert tuned["n_images"] == N_IMAGES


def test_the_second_stage_drops_what_is_not_there(run):
    plain, fitted = scored(run, fitted=False), scored(run, fitted=True)
    assert plain["per_threshold"][0] == pytest.approx(4 / 5, abs=0.02)
    assert fitted["per_threshold"][0] == pytest.approx(1.0, abs=0.01)
    assert fitted["mean"] > plain["mean"] + 0.1


def with_two_views(run, root, views):
    """A copy of the run at `root`, each map (H, W, 3) of which `views` has made a pair of."""
    other = copied(run, root)
    for path in other.maps("oof"):
        pairs = [(i, views(maps.read(path, i) / 255)) for i in maps.ids(path)]
        maps.write(path, ((i, np.concatenate(pair, axis=2)) for i, pair in pairs))
    runs.change(other, TuneStage, n_views=2)
    return other


def test_what_the_first_view_misses_comes_from_another(run, in_process, tmp_path):
    def blind_first(probs):
        blind = probs.copy()
        blind[:28, :28] = (1, 0, 0)
        return blind, probs

    other = with_two_views(run, tmp_path, blind_first)
    second.run(other)
    plain, found = scored(other, fitted=False), scored(other, fitted=True)
    assert plain["per_threshold"][0] < 0.7
    assert found["per_threshold"][0] == pytest.approx(1.0, abs=0.01)


def test_outlines_are_chosen_where_no_one_threshold_suits_all(run, in_process, tmp_path):
    """Faint pixels are nucleus in every other image, and halo in the rest, whose nuclei are brighter."""
    other = copied(run, tmp_path)

    def halo_or_rim(number):
        true = scene(number)[0] > 0
        sure = true if number % 2 else ndimage.binary_erosion(true, iterations=2)
        faint = ndimage.binary_dilation(sure, iterations=2)
        body = np.where(sure, 0.95 if number % 2 else 0.8, 0.5 * faint)
        return np.stack([1 - body, body, 0 * body], axis=2)

    for path in other.maps("oof"):
        maps.write(path, [(i, halo_or_rim(int(i[1:]))) for i in maps.ids(path)])
    tune.run(other)
    means = []
    for offsets in ((0.0,), (0.0, -0.2, 0.2)):
        runs.change(other, TuneStage, second_foreground_offsets=offsets)
        second.run(other)
        means.append(scored(other, fitted=True)["mean"])
    assert means[0] < 0.85
    assert means[1] > 0.95


def test_a_second_stage_without_foreground_offsets_is_read(run, tmp_path):
    shutil.copy(run.second, tmp_path / "second.h5")
    with h5py.File(tmp_path / "second.h5", "r+") as file:
        for group in file.values():
            del group.attrs["foreground_offsets"]
    old = decoders.load(run.thresholds, tmp_path / "second.h5")["final"]
    assert (old.seed_offsets, old.foreground_offsets) == ((0.0, -0.2), (0.0,))


def test_a_view_in_which_nothing_is_found_is_said(run, in_process, tmp_path):
    def empty_second(probs):
        return probs, np.broadcast_to(np.eye(1, 3), probs.shape)

    other = with_two_views(run, tmp_path, empty_second)
    with pytest.raises(UserError, match="nothing found in view 1"):
        second.run(other)


def test_the_summary_counts_images_groups_and_folds(run):
    summary = scored(run, fitted=False)
    assert (summary["n_images"], summary["n_groups"], summary["folds"]) == (16, 8, [0, 1])
    assert summary["data_hash"] == "h"


def test_a_second_stage_of_an_older_version_is_refused_in_a_line(run, tmp_path):
    with h5py.File(tmp_path / "second.h5", "w") as file:
        for name in ("final", "fold 0", "fold 1"):
            file.create_group(name)["roots"] = [0]
    with pytest.raises(UserError, match="nothing for final; .*older.*delete it"):
        decoders.load(run.thresholds, tmp_path / "second.h5")


def test_decoders_without_a_second_stage_are_the_watershed(run):
    made = decoders.load(run.thresholds)["final"]
    probs = maps.read(run.fold(0).maps("oof"), "i00")
    expected = tuning.instances(probs, made.thresholds, fill_holes=True)
    assert np.array_equal(made(probs), expected)


def test_a_submission_takes_its_figures_along(run, tmp_path):
    scored(run, fitted=True)
    out = tmp_path / "mine.csv"
    submit.run(run, out)
    rows = files.read_csv(out)
    assert rows["ImageId"].tolist() == ["t"] * 4
    assert json.loads((tmp_path / "mine.json").read_text())["n_images"] == 16


def test_a_single_group_is_one_line(tmp_path):
    run = runs.write(tmp_path, Config.model_validate({"train": {"folds": [0]}}))
    neighbours = {name: np.ones((8, 8), int) for name in "ab"}
    runs.write_data(run.data, neighbours, {})
    runs.write_maps(run, {name: np.zeros((8, 8, 3), np.uint8) for name in "ab"}, {})
    with pytest.raises(UserError, match=r"all images belong to one group.*train.folds"):
        tune.run(run)


def test_a_ranked_metric_is_scored_by_how_sure_objects_are(run, in_process, tmp_path):
    """Of four true discs and a faint false one, which the second stage trusts least, or nobody does."""
    other = copied(run, tmp_path)
    runs.change(other, TuneStage, metric="ap_iou")
    tune.run(other)
    other.second.unlink()
    cv.run(other)
    plain = json.loads(other.cv.read_text())
    right, predicted, true = 4, 5, 4
    assert plain["metric"] == "ap_iou"
    assert right / predicted * right / true < plain["metric_mean"]  # that of equal confidences
    assert plain["metric_mean"] == pytest.approx(1, abs=0.02)  # the faint ones come last
    assert plain["metric_error"] < 0.05
    assert plain["empty_mean"] == 0
