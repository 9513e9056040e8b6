import numpy as np
import pytest

import runs
from segline.base import files
from segline.base.errors import UserError
from segline.config.places import DataFiles
from segline.config.tables import Config, Data
from segline.data import tables
from segline.stages import data, folds

SETTINGS = {
    "task": "semantic",
    "classes": ["background", "road", "car"],
    "exclusive": True,
    "colours": [],
}
OUT = "data/interim/set"
MASK = np.zeros((40, 48), np.uint8)
MASK[:, 10:20], MASK[5:9, 12:15] = 1, 2


def picture(seed: int, high: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, high, (40, 48, 3)).astype(np.uint8)


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    for number in range(6):
        files.write_image(folder / f"images/a{number}.png", picture(number))
        files.write_image(folder / f"masks/a{number}.png", MASK * (number < 4) % (3 - number % 2))
    files.write_image(folder / "test_images/b.png", picture(9))
    return folder


def ingest(raw, tmp_path, source="folders", **settings):
    out = DataFiles(tmp_path / OUT)
    data.ingest(raw, out, Data(source=source, **(SETTINGS | settings)), root=tmp_path)
    return tables.read_images(out.images), files.read_json(out.summary)


def fold(tmp_path):
    """The folds of two that the stage makes of what was read."""
    data = Data(dataset="set", source="folders", n_folds=2, **SETTINGS)
    run = runs.write(tmp_path, Config(data=data, input={"mode": "rgb"}))
    folds.run(run)
    return files.read_csv(run.data.folds)


def test_manifest_labels_and_summary(raw, tmp_path):
    images, summary = ingest(raw, tmp_path)
    columns = [*tables.IMAGE_COLUMNS, *tables.SEMANTIC_COLUMNS]
    assert list(images.columns) == columns
    assert images["n_objects"].tolist() == [2, 1, 2, 1, 0, 0, 0]
    assert images["stratum"].tolist() == [
        "road car",
        "road",
        "road car",
        "road",
        *["empty"] * 2,
        "",
    ]
    assert set(images["modality"]) == {"all"}
    assert set(images["validation"]) == {0}
    for row in images[images["split"] == "train"].itertuples():
        stored = files.read_labels(tmp_path / row.labels)
        assert (stored == files.read_labels(raw / f"masks/{row.image_id}.png")).all()
        assert files.read_image(tmp_path / row.image).shape == (row.height, row.width, 3)
    assert summary["classes"]["car"] == {"pixels": 24 / (6 * 40 * 48), "images": 2, "colour": ""}
    assert sum(part["pixels"] for part in summary["classes"].values()) == pytest.approx(1)
    found = summary["files"][str(raw / "images")]
    assert (found["images"], found["dtypes"], found["channels"]) == (6, ["uint8"], [3])
    assert (found["low"], found["high"], found["scale"]) == (0, 255, "0-255")
    assert "instances" not in summary


def test_what_is_found_is_printed(raw, tmp_path, capsys):
    ingest(raw, tmp_path)
    printed = capsys.readouterr().out
    assert "images: 6 images, uint8, 3 channels" in printed
    assert "0 to 255 (scale 0-255)" in printed
    assert "car: 0.21% of the pixels" in printed


def test_folds_of_classes_are_printed_and_written(raw, tmp_path, capsys):
    ingest(raw, tmp_path)
    capsys.readouterr()
    table = fold(tmp_path)
    assert "car" in capsys.readouterr().out
    assert sorted(table["fold"]) == [0] * 3 + [1] * 3
    assert table["fold"][0] != table["fold"][2]  # the two with a car


@pytest.mark.parametrize(
    ("names", "rows"), [(["b", "road"], ["b,"]), (["b", "r", "c"], ["b,1,", "b,2,"])]
)
def test_a_sample_submission_is_written(raw, tmp_path, names, rows):
    for number in range(6):
        files.write_image(raw / f"masks/a{number}.png", MASK % 2)
    ingest(raw, tmp_path, classes=names)
    header, *found = (tmp_path / OUT / "sample_submission.csv").read_text().splitlines()
    assert header == (
        "ImageId,EncodedPixels" if len(names) == 2 else "ImageId,ClassId,EncodedPixels"
    )
    assert found == rows


def test_the_given_sample_is_kept_and_must_have_class_ids(raw, tmp_path):
    (raw / "sample_submission.csv").write_text("ImageId,ClassId,EncodedPixels\nb,1,\n")
    ingest(raw, tmp_path)
    assert (tmp_path / OUT / "sample_submission.csv").read_text().endswith("\nb,1,\n")
    (raw / "sample_submission.csv").write_text("ImageId,EncodedPixels\nb,\n")
    before = (tmp_path / OUT / "images.csv").read_bytes()
    with pytest.raises(UserError, match="sample_submission.csv: expected the columns .*ClassId"):
        ingest(raw, tmp_path)
    assert (tmp_path / OUT / "images.csv").read_bytes() == before


def test_groups_of_a_file_replace_those_found(raw, tmp_path):
    ids = [f"a{n}" for n in range(6)]
    lines = [f"{name},{'left' if n < 3 else 'right'},dim" for n, name in enumerate(ids)]
    (raw / "groups.csv").write_text("\n".join(["image_id,group,modality", *lines]))
    images, _ = ingest(raw, tmp_path)
    assert images["group"].tolist() == ["left"] * 3 + ["right"] * 3 + ["b"]
    assert images["modality"].tolist() == ["dim"] * 6 + ["all"]


def test_a_refusal_leaves_the_data_set_as_it_was(raw, tmp_path):
    ingest(raw, tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / OUT).rglob("*") if path.is_file()}
    files.write_image(raw / "images/a1.png", picture(77))
    files.write_image(raw / "masks/a5.png", MASK + 1)
    with pytest.raises(UserError, match="masks/a5.png: value 3"):
        ingest(raw, tmp_path)
    after = {path: path.read_bytes() for path in (tmp_path / OUT).rglob("*") if path.is_file()}
    del after[tmp_path / OUT / "faults.csv"]
    assert after == before
    assert not list((tmp_path / OUT).glob(".*"))


def test_constant_images_are_noted_and_left_out_of_training(raw, tmp_path):
    files.write_image(raw / "images/a1.png", np.full((40, 48, 3), 7, np.uint8))
    images, summary = ingest(raw, tmp_path)
    assert "a1" not in set(images["image_id"])
    assert summary["problems"] == {"constant image": 1}


def all_alike(raw):
    for path in (raw / "images").iterdir():
        files.write_image(path, np.full((40, 48, 3), 7, np.uint8))


def blank_test(raw):
    files.write_image(raw / "test_images/b.png", np.zeros((40, 48, 3), np.uint8))


def no_foreground(raw):
    for path in (raw / "masks").iterdir():
        files.write_image(path, MASK * 0)


def scaled_away(raw):
    for number, path in enumerate(sorted((raw / "images").iterdir())):
        files.write_image(path, picture(number, high=2))


def mixed_depth(raw):
    files.write_image(raw / "images/a3.png", picture(3)[..., 0].astype(np.uint16) * 200)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (all_alike, r"raw: every train image is constant \(first a0\); export"),
        (blank_test, r"raw: every test image is constant \(first b\); export"),
        (no_foreground, "raw: no mask has a foreground pixel in any of 6 images; export"),
        (scaled_away, "images: values 0..1 in whole numbers: cast after scaling"),
        (
            mixed_depth,
            r"images: images on several scales: .*16 bit \(first a3\).*; save all of them",
        ),
    ],
)
def test_faults_of_the_whole_are_refused(raw, tmp_path, damage, message):
    damage(raw)
    with pytest.raises(UserError, match=message) as caught:
        ingest(raw, tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / OUT / "images.csv").exists()
    assert not (tmp_path / OUT / "images").exists()


def test_files_on_different_scales_end_up_alike_and_are_named(tmp_path):
    images = np.stack([picture(n) for n in range(6)])
    masks = np.repeat(MASK[None] % 2, 6, axis=0)
    (tmp_path / "raw").mkdir()
    np.savez(tmp_path / "raw/train.npz", images[:4] / 255, masks[:4])
    np.savez(
        tmp_path / "raw/validation.npz", images[4:].astype(np.float32), masks[4:, ..., None] * 255
    )
    found, summary = ingest(tmp_path / "raw", tmp_path, "npz", classes=["b", "road"])
    assert found["validation"].tolist() == [0] * 4 + [1] * 2
    assert summary["validation"] == 2
    for row, image in zip(found.itertuples(), images, strict=True):
        assert (files.read_image(tmp_path / row.image) == image).all()
    problems = files.read_csv(tmp_path / OUT / "problems.csv")
    assert problems["kind"].tolist() == ["files on different scales"]
    assert problems["detail"][0].startswith(
        "train.npz 0-1, validation.npz 0-255; each is brought to"
    )
    assert fold(tmp_path)["fold"].tolist() == [1] * 4 + [0] * 2


def test_files_of_different_brightness_are_named(raw, tmp_path):
    files.write_image(raw / "test_images/b.png", picture(9, high=60))
    _, summary = ingest(raw, tmp_path)
    assert summary["problems"] == {"files of different brightness": 1}
