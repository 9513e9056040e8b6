"""From out-of-fold maps to thresholds, second stage, score and submission, on made-up maps."""

import json
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from segline import files, maps, recipes, tuning
from segline.errors import UserError
from segline.stages import cv, second, submit, tune

N_IMAGES, SIZE = 16, 72
TUNE = {
    "seed_threshold": [0.3, 0.5, 0.7],
    "foreground_threshold": [0.4, 0.6],
    "min_size_px": [5],
    "fill_holes": True,
    "surface": "body",
    "second_seed_offsets": [0.0, -0.2],
    "second_foreground_offsets": [0.0],
    "second_cutoff": [0.0, 0.2, 0.4],
    "unseen": [],
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


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    rows = []
    for number in range(N_IMAGES):
        truth, _ = scene(number)
        files.write_labels(root / f"{number}.png", truth)
        path = str(root / f"{number}.png")
        rows.append((f"i{number:02d}", "train", path, path, SIZE, SIZE, 4, "m", f"g{number // 2}"))
    rows.append(("t", "test", "", "", SIZE, SIZE, 0, "m", "t"))
    columns = [
        "image_id",
        "split",
        "image",
        "labels",
        "height",
        "width",
        "n_objects",
        "modality",
        "group",
    ]
    files.write_csv(root / "images.csv", pd.DataFrame(rows, columns=columns))
    folds = {
        "image_id": [row[0] for row in rows[:-1]],
        "fold": [n // 2 % 2 for n in range(N_IMAGES)],
    }
    files.write_csv(root / "folds.csv", pd.DataFrame(folds))
    for fold in (0, 1):
        chosen = [n for n in range(N_IMAGES) if n // 2 % 2 == fold]
        maps.write(root / f"oof{fold}.h5", ((f"i{n:02d}", scene(n)[1]) for n in chosen))
    maps.write(root / "test.h5", [("t", scene(99)[1])])
    (root / "tune.json").write_text(json.dumps(TUNE))
    (root / "summary.json").write_text('{"data_hash": "h"}')
    (root / "sample.csv").write_text("ImageId,EncodedPixels\nt,1 1\n")
    tune.run(params=root / "tune.json", out=root / "thresholds.json", **data(root))
    second.run(
        params=root / "tune.json",
        thresholds=root / "thresholds.json",
        out=root / "second.h5",
        **data(root),
    )
    return root


def data(root):
    oof = [root / "oof0.h5", root / "oof1.h5"]
    return {"images": root / "images.csv", "folds": root / "folds.csv", "oof": oof}


def scored(run, fitted):
    out = run / f"cv{fitted is not None}.json"
    cv.run(
        thresholds=run / "thresholds.json",
        second=fitted,
        scores=run / "scores.csv",
        out=out,
        **data(run),
    )
    return json.loads(out.read_text())


def test_every_part_has_thresholds_of_its_own(run):
    tuned = json.loads((run / "thresholds.json").read_text())
    assert sorted(tuned["parts"]) == ["fold 0", "fold 1"]
    assert tuned["n_images"] == N_IMAGES


def test_the_second_stage_drops_what_is_not_there(run):
    plain, fitted = scored(run, None), scored(run, run / "second.h5")
    assert plain["per_threshold"][0] == pytest.approx(4 / 5, abs=0.02)
    assert fitted["per_threshold"][0] == pytest.approx(1.0, abs=0.01)
    assert fitted["mean"] > plain["mean"] + 0.1


def with_two_views(run, root, views):
    """A copy of the run at `root`, each map (H, W, 3) of which `views` has made a pair of."""
    shutil.copytree(run, root)
    for fold in (0, 1):
        path = root / f"oof{fold}.h5"
        pairs = [(i, views(maps.read(path, i) / 255)) for i in maps.ids(path)]
        maps.write(path, ((i, np.concatenate(pair, axis=2)) for i, pair in pairs))
    (root / "tune.json").write_text(json.dumps(TUNE | {"n_views": 2}))
    return root


def test_what_the_first_view_misses_comes_from_another(run, tmp_path):
    def blind_first(probs):
        blind = probs.copy()
        blind[:28, :28] = (1, 0, 0)
        return blind, probs

    root = with_two_views(run, tmp_path / "run", blind_first)
    fitted = {"thresholds": root / "thresholds.json", "out": root / "second.h5"}
    second.run(params=root / "tune.json", **fitted, **data(root))
    plain, found = scored(root, None), scored(root, root / "second.h5")
    assert plain["per_threshold"][0] < 0.7
    assert found["per_threshold"][0] == pytest.approx(1.0, abs=0.01)


def test_outlines_are_chosen_where_no_one_threshold_suits_all(run, tmp_path):
    """Faint pixels are nucleus in every other image, and halo in the rest, whose nuclei are brighter."""
    root = tmp_path / "run"
    shutil.copytree(run, root)

    def halo_or_rim(number):
        true = scene(number)[0] > 0
        sure = true if number % 2 else ndimage.binary_erosion(true, iterations=2)
        faint = ndimage.binary_dilation(sure, iterations=2)
        body = np.where(sure, 0.95 if number % 2 else 0.8, 0.5 * faint)
        return np.stack([1 - body, body, 0 * body], axis=2)

    for fold in (0, 1):
        path = root / f"oof{fold}.h5"
        maps.write(path, [(i, halo_or_rim(int(i[1:]))) for i in maps.ids(path)])
    fitted = {"thresholds": root / "thresholds.json", "out": root / "second.h5"}
    tune.run(params=root / "tune.json", out=root / "thresholds.json", **data(root))
    means = []
    for offsets in ([0.0], [0.0, -0.2, 0.2]):
        (root / "tune.json").write_text(json.dumps(TUNE | {"second_foreground_offsets": offsets}))
        second.run(params=root / "tune.json", **fitted, **data(root))
        means.append(scored(root, root / "second.h5")["mean"])
    assert means[0] < 0.85
    assert means[1] > 0.95


def test_a_second_stage_without_foreground_offsets_is_read(run, tmp_path):
    shutil.copy(run / "second.h5", tmp_path / "second.h5")
    with h5py.File(tmp_path / "second.h5", "r+") as file:
        for group in file.values():
            del group.attrs["foreground_offsets"]
    old = recipes.load(run / "thresholds.json", tmp_path / "second.h5")["final"]
    assert (old.seed_offsets, old.foreground_offsets) == ((0.0, -0.2), (0.0,))


def test_a_view_in_which_nothing_is_found_is_said(run, tmp_path):
    def empty_second(probs):
        return probs, np.broadcast_to(np.eye(1, 3), probs.shape)

    root = with_two_views(run, tmp_path / "run", empty_second)
    with pytest.raises(UserError, match="nothing found in view 1"):
        second.run(
            params=root / "tune.json",
            thresholds=root / "thresholds.json",
            out=tmp_path / "second.h5",
            **data(root),
        )


def test_the_summary_counts_images_groups_and_folds(run):
    summary = scored(run, None)
    assert (summary["n_images"], summary["n_groups"], summary["folds"]) == (16, 8, [0, 1])
    assert summary["data_hash"] == "h"


def test_a_second_stage_of_an_older_version_is_refused_in_a_line(run, tmp_path):
    with h5py.File(tmp_path / "second.h5", "w") as file:
        for name in ("final", "fold 0", "fold 1"):
            file.create_group(name)["roots"] = [0]
    with pytest.raises(UserError, match="nothing for final; .*older.*delete it"):
        recipes.load(run / "thresholds.json", tmp_path / "second.h5")


def test_recipes_without_a_second_stage_are_the_watershed(run):
    made = recipes.load(run / "thresholds.json")["final"]
    probs = maps.read(run / "oof0.h5", "i00")
    expected = tuning.instances(probs, made.thresholds, fill_holes=True)
    assert np.array_equal(made(probs), expected)


def test_a_submission_takes_its_figures_along(run):
    scored(run, run / "second.h5")
    submit.run(
        maps_paths=[run / "test.h5"],
        thresholds=run / "thresholds.json",
        second=run / "second.h5",
        cv=run / "cvTrue.json",
        sample=run / "sample.csv",
        images=run / "images.csv",
        out=run / "submission.csv",
    )
    rows = files.read_csv(run / "submission.csv")
    assert rows["ImageId"].tolist() == ["t"] * 4
    assert json.loads((run / "submission.json").read_text())["n_images"] == 16
