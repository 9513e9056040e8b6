import numpy as np
import pytest

from segline.base import files
from segline.config.places import DataFiles
from segline.config.tables import Data
from segline.data import fields, neighbours, tables
from segline.stages import data
from segline.synthetic import nuclei
from segline.synthetic.scenes import eyes, lesions, scans


def film(n, *, step, seed=0):
    """Frames of one scene that drifts by `step` px a frame, each with noise of its own."""
    rng = np.random.default_rng(seed)
    scene = nuclei.paint("fluorescence", (180, 120 + step * n), rng=rng)[0].astype(float)
    frames = (scene[20:140, step * k : step * k + 120] for k in range(n))
    noisy = (frame + rng.normal(0, 6, frame.shape) for frame in frames)
    return [np.clip(frame, 0, 255).astype(np.uint8) for frame in noisy]


def strangers(name, n):
    """Pictures that have nothing in common but what they show, however alike that is."""
    paint = {
        "eyes": lambda rng: eyes.paint(rng, sensor=next(iter(eyes.SENSORS))),
        "lesions": lesions.paint,
        "scans": scans.paint,
        "nuclei": lambda rng: nuclei.paint("fluorescence", (120, 120), rng=rng),
    }[name]
    found = [paint(np.random.default_rng([3, k])) for k in range(n)]
    images = [each[0] for each in found]
    return [np.dstack([image] * 3) if image.ndim == 2 else image for image in images]


def seams(images, ids=None):
    ids = ids or [f"x_{k:03d}" for k in range(len(images))]
    smalls = [neighbours.small(image) for image in images]
    found = neighbours.seams(ids, [image.shape[:2] for image in images], smalls)
    return {(ids[a], ids[b]) for a, b, _ in found}


@pytest.mark.parametrize("step", [0, 1, 3, 8])
def test_frames_of_a_drifting_film_are_found(step):
    found = seams(film(16, step=step))
    assert found == {(f"x_{k:03d}", f"x_{k + 1:03d}") for k in range(15)}


@pytest.mark.parametrize("name", ["eyes", "lesions", "scans", "nuclei"])
def test_running_numbers_alone_are_no_film(name):
    assert seams(strangers(name, 30)) == set()


def test_numbers_sort_as_numbers_and_each_film_is_its_own():
    ids = [f"cell{c}_t{t}_raw" for c in (1, 2) for t in range(1, 12)]
    images = [*film(11, step=3, seed=1), *film(11, step=3, seed=2)]
    order = np.random.default_rng(0).permutation(len(ids))
    found = seams([images[i] for i in order], [ids[i] for i in order])
    assert found == {
        (f"cell{c}_t{t}_raw", f"cell{c}_t{t + 1}_raw") for c in (1, 2) for t in range(1, 11)
    }


def test_without_running_numbers_frames_are_no_film_but_near_duplicates():
    images = film(8, step=1)
    ids = [f"{letter}{letter}" for letter in "qwertzui"]
    assert seams(images, ids) == set()
    smalls = [neighbours.small(image) for image in images]
    pairs = neighbours.near_duplicates([(120, 120)] * 8, smalls)
    assert {(k, k + 1) for k in range(7)} <= {pair[:2] for pair in pairs}


def test_another_gain_is_a_near_duplicate_and_an_even_image_is_none():
    (image,) = strangers("nuclei", 1)
    darker = (image // 2 + 20).astype(np.uint8)
    even = [np.full((120, 120, 3), level, np.uint8) for level in (0, 7)]
    smalls = [neighbours.small(each) for each in (image, darker, *even)]
    ((first, second, like),) = neighbours.near_duplicates([(120, 120)] * 4, smalls)
    assert (first, second) == (0, 1)
    assert like > 0.98


def read(tmp_path, images, ids, n_folds=2):
    for image, name in zip(images, ids, strict=True):
        files.write_image(tmp_path / f"raw/images/{name}.png", image)
        files.write_image(tmp_path / f"raw/masks/{name}.png", (image[..., 0] > 90).astype(np.uint8))
    settings = Data(
        dataset="x", source="folders", task="semantic", classes=("b", "c"), n_folds=n_folds
    )
    out = DataFiles(tmp_path / "x")
    data.ingest(tmp_path / "raw", out, settings, root=tmp_path)
    groups = tables.read_images(out.images).set_index("image_id")["group"]
    return groups, files.read_csv(out.problems)


def test_a_film_is_one_group_and_other_images_are_their_own(tmp_path):
    ids = [f"film_{k:02d}" for k in range(12)] + [f"other_{k}" for k in range(4)]
    images = [*film(12, step=3), *strangers("nuclei", 4)]
    groups, problems = read(tmp_path, images, ids)
    assert groups.tolist() == ["film_00"] * 12 + [f"other_{k}" for k in range(4)]
    assert problems.empty


def test_a_film_alone_is_cut_into_blocks_and_the_leaks_are_listed(tmp_path):
    ids = [f"z{k}" for k in range(1, 13)]
    groups, problems = read(tmp_path, film(12, step=3), ids, n_folds=3)
    assert groups.tolist() == ["z1"] * 4 + ["z5"] * 4 + ["z10"] * 4
    apart = problems[problems["kind"] == "neighbours in two groups"]
    assert apart["image_id"].tolist() == ["z5", "z9"]
    assert apart["detail"].tolist() == [
        "next to z4 in a film or stack",
        "next to z8 in a film or stack",
    ]


def test_groups_of_a_file_that_part_a_film_are_listed(tmp_path):
    ids = [f"z{k:02d}" for k in range(12)]
    (tmp_path / "raw").mkdir()
    rows = [f"{name},{'odd' if k % 2 else 'even'}\n" for k, name in enumerate(ids)]
    (tmp_path / "raw/groups.csv").write_text("image_id,group\n" + "".join(rows))
    groups, problems = read(tmp_path, film(12, step=3), ids)
    assert set(groups) == {"odd", "even"}
    assert (problems["kind"] == "neighbours in two groups").sum() == 11


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_one_side_that_is_grey_in_all_images_is_compared_too(side):
    rng = np.random.default_rng(5)
    images = [rng.integers(0, 256, (24, 24, 3)).astype(np.uint8) for _ in range(14)]
    for image in images:
        edge = {
            "left": image[:, :4],
            "right": image[:, -4:],
            "top": image[:4],
            "bottom": image[-4:],
        }
        edge[side][:] = edge[side][..., :1]
    found = fields.assign([fields.borders(image) for image in images])
    assert sorted(found) == list(range(14))
