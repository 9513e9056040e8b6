import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import runs
from segline.base import files
from segline.base.checksums import sha256
from segline.base.errors import UserError
from segline.config.places import DataFiles
from segline.config.tables import Config, Data
from segline.data import fields, raw_files, tables
from segline.masks import rle
from segline.stages import data, folds
from segline.synthetic import dsb2018

REAL = Path(__file__).parents[3] / "shared/data/dsb2018"
SETTINGS = Data(dataset="tiny", n_folds=2)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    dsb2018.write(folder, size="tiny", seed=0)
    return folder


@pytest.fixture(scope="module")
def out(raw, tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    out = root / "data/interim/tiny"
    data.ingest(raw, DataFiles(out), SETTINGS, root=root)
    return out


@pytest.fixture
def unpacked(raw, tmp_path):
    """The same raw data as folders, to be damaged."""
    for name in ("stage1_train", "stage1_test"):
        with zipfile.ZipFile(raw / f"{name}.zip") as archive:
            archive.extractall(tmp_path / "raw" / name)
    for path in raw.glob("*.csv"):
        shutil.copy(path, tmp_path / "raw")
    return tmp_path / "raw"


def ingest(raw, tmp_path, *, strict=False):
    settings = SETTINGS.model_copy(update={"strict": strict})
    data.ingest(raw, DataFiles(tmp_path / "out"), settings, root=tmp_path)
    images = tables.read_images(tmp_path / "out/images.csv").set_index("image_id")
    problems = files.read_csv(tmp_path / "out/problems.csv")
    return images, problems, files.read_json(tmp_path / "out/summary.json")


def test_manifest_has_the_columns_and_paths_from_the_root(out):
    images = tables.read_images(out / "images.csv")
    assert list(images.columns) == list(tables.IMAGE_COLUMNS)
    assert images["split"].value_counts().to_dict() == {"train": 20, "test": 4}
    root = out.parents[2]
    for row in images.itertuples():
        assert row.image == f"data/interim/tiny/images/{row.image_id}.png"
        assert files.read_image(root / row.image).shape == (row.height, row.width, 3)
        assert row.group
        if row.split == "test":
            assert row.labels == ""
            assert row.n_objects == 0
        else:
            assert files.read_labels(root / row.labels).max() == row.n_objects > 0


def test_every_rle_row_is_in_the_label_images(raw, out):
    table = files.read_csv(raw / "stage1_train_labels.csv")
    for image_id, rows in table.groupby("ImageId"):
        labels = files.read_labels(out / "labels" / f"{image_id}.png")
        assert rle.encode_labels(labels) == list(rows["EncodedPixels"])


def test_images_are_copied_byte_by_byte(raw, out):
    with zipfile.ZipFile(raw / "stage1_test.zip") as archive:
        for name in archive.namelist():
            assert archive.read(name) == (out / "images" / Path(name).name).read_bytes()


def test_sample_and_solution_come_along(raw, out):
    assert (out / "solution.csv").read_bytes() == (raw / "stage1_solution.csv").read_bytes()
    sample = files.read_csv(out / "sample_submission.csv")
    assert sample.equals(files.read_csv(raw / "stage1_sample_submission.csv"))


def test_summary_counts(out):
    summary = files.read_json(out / "summary.json")
    assert summary["images"] == {"train": 20, "test": 4}
    assert summary["modalities"]["fluorescence"] == {"train": 12, "test": 1}
    assert summary["groups"]["of_four"] == 2
    assert summary["problems"] == {}
    assert len(summary["data_hash"]) == 16


def test_folders_and_zips_hash_alike_and_content_counts(out, unpacked, tmp_path):
    _, problems, summary = ingest(unpacked, tmp_path)
    assert problems.empty
    before = files.read_json(out / "summary.json")["data_hash"]
    assert summary["data_hash"] == before
    table = files.read_csv(unpacked / "stage1_train_labels.csv")
    table.iloc[1:].to_csv(unpacked / "stage1_train_labels.csv", index=False)
    _, problems, summary = ingest(unpacked, tmp_path)
    assert summary["data_hash"] != before
    assert list(problems["kind"]) == ["CSV and PNG masks differ"]


def test_damage_is_listed_and_left_out(unpacked, tmp_path):
    first, second, third = sorted(path.name for path in (unpacked / "stage1_train").iterdir())[:3]
    (unpacked / f"stage1_train/{first}/images/{first}.png").write_bytes(b"\x89PNG cut off")
    copy = unpacked / f"stage1_train/{third}/images/{third}.png"
    shutil.copy(unpacked / f"stage1_train/{second}/images/{second}.png", copy)
    sample = files.read_csv(unpacked / "stage1_sample_submission.csv")
    sample[1:].to_csv(unpacked / "stage1_sample_submission.csv", index=False)
    images, problems, summary = ingest(unpacked, tmp_path)
    assert first not in images.index
    assert images.loc[second, "group"] == images.loc[third, "group"]
    found = set(zip(problems["image_id"], problems["kind"], strict=True))
    assert (first, "image unreadable") in found
    assert (third, "duplicate image") in found
    assert (sample["ImageId"][0], "missing in sample submission") in found
    assert summary["problems"] == problems["kind"].value_counts().to_dict()


def test_an_image_without_masks_is_refused_or_left_out(unpacked, tmp_path):
    name = sorted(path.name for path in (unpacked / "stage1_train").iterdir())[0]
    shutil.rmtree(unpacked / f"stage1_train/{name}/masks")
    table = files.read_csv(unpacked / "stage1_train_labels.csv")
    table[table["ImageId"] != name].to_csv(unpacked / "stage1_train_labels.csv", index=False)
    with pytest.raises(UserError, match=f"{name}: image without masks: no mask files and no row"):
        ingest(unpacked, tmp_path, strict=True)
    images, problems, _ = ingest(unpacked, tmp_path)
    assert name not in images.index
    assert (problems["image_id"] == name).sum() == 1
    assert problems["kind"].tolist() == ["image without masks"]


def test_an_image_whose_row_is_empty_is_kept_and_listed(unpacked, tmp_path):
    name = sorted(path.name for path in (unpacked / "stage1_train").iterdir())[0]
    shutil.rmtree(unpacked / f"stage1_train/{name}/masks")
    table = files.read_csv(unpacked / "stage1_train_labels.csv")
    table = pd.concat([table[table["ImageId"] != name], pd.DataFrame({"ImageId": [name]})])
    table.to_csv(unpacked / "stage1_train_labels.csv", index=False)
    images, problems, _ = ingest(unpacked, tmp_path, strict=True)
    assert images.loc[name, "n_objects"] == 0
    assert problems["kind"].tolist() == ["image without objects"]


def test_pictures_of_an_earlier_run_are_removed(unpacked, tmp_path):
    images, _, _ = ingest(unpacked, tmp_path)
    gone = images.index[images["split"] == "train"][0]
    shutil.rmtree(unpacked / "stage1_train" / gone)
    images, problems, _ = ingest(unpacked, tmp_path)
    assert gone not in images.index
    assert len(list((tmp_path / "out/images").iterdir())) == len(images)
    assert (problems["kind"] == "labels without image").sum() == 1


def test_a_missing_sample_submission_is_made_from_the_test_images(unpacked, tmp_path):
    (unpacked / "stage1_sample_submission.csv").unlink()
    (unpacked / "stage1_solution.csv").unlink()
    images, _, _ = ingest(unpacked, tmp_path)
    sample = files.read_csv(tmp_path / "out/sample_submission.csv")
    assert list(sample["ImageId"]) == sorted(images.index[images["split"] == "test"])
    assert not (tmp_path / "out/solution.csv").exists()


def test_nothing_left_is_an_error_and_leaves_no_manifest(unpacked, tmp_path):
    for path in (unpacked / "stage1_train").glob("*/images/*.png"):
        path.write_bytes(b"")
    with pytest.raises(UserError, match="no training image can be used; see .*faults.csv"):
        ingest(unpacked, tmp_path)
    assert not (tmp_path / "out/images.csv").exists()


def test_every_image_has_the_source_of_its_group_and_the_summary_counts_them(out):
    images = tables.read_images(out / "images.csv")
    assert (images["source"] != "").all()
    assert (images.groupby("group")["source"].nunique() == 1).all()
    counted = files.read_json(out / "summary.json")["sources"]
    assert set(counted) == set(images["source"])
    for name, rows in images.groupby("source"):
        train = rows["split"] == "train"
        assert (counted[name]["train"], counted[name]["test"]) == (train.sum(), (~train).sum())
        assert counted[name]["groups"] == rows["group"].nunique()
    assert sum(source.get("objects", 0) for source in counted.values()) == images["n_objects"].sum()


def test_folds_stage_writes_every_training_image(out):
    run = runs.write(out.parents[2], Config(data=SETTINGS))
    folds.run(run)
    table = tables.read_folds(tables.read_images(run.data.images), run.data.folds)
    assert table["fold"].value_counts().to_dict() == {0: 10, 1: 10}
    assert (table.groupby("group")["fold"].nunique() == 1).all()
    runs.change(run, Data, fold_by="source")
    run = type(run)(run.folder)  # which reads its settings anew
    folds.run(run)
    table = tables.read_folds(tables.read_images(run.data.images), run.data.folds)
    assert run.data.folds.name == "folds_source_2_0.csv"
    assert (table.groupby("source")["fold"].nunique() == 1).all()
    runs.change(run, Data, n_folds=99)
    with pytest.raises(
        UserError, match="number of sources, .*lower data.n_folds or set data.fold_by"
    ):
        folds.run(run)
    runs.change(run, Data, n_folds=99, fold_by="group")
    with pytest.raises(UserError, match="images.csv: n_folds is 99"):
        folds.run(run)


def test_the_stage_reads_the_folder_of_the_run_and_remembers_it(raw, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = runs.write(Path(), Config(data=SETTINGS))
    run.raw.write_text(f"{raw}\n")
    data.run(run)
    images = tables.read_images(run.data.images)
    assert files.read_image(images["image"][0]).shape[2] == 3
    assert Path("data/raw/tiny.path").read_text() == f"{raw}\n"
    made = raw_files.made_from(run.data)
    assert set(made.files) == {path.name for path in raw.iterdir()}
    assert made.files["stage1_train.zip"].size == (raw / "stage1_train.zip").stat().st_size
    assert made.files["stage1_train.zip"].hash == sha256(raw / "stage1_train.zip")
    assert (made.version, made.settings) == (raw_files.DATA_VERSION, SETTINGS)


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason=f"the real data is not at {REAL}")
def test_real_data(tmp_path):
    images, problems, summary = ingest(REAL, tmp_path)
    assert summary["images"] == {"train": 664, "test": 65}
    assert summary["instances"] == 28_986
    assert summary["modalities"] == {
        "fluorescence": {"train": 541, "test": 53},
        "tissue_purple": {"train": 69, "test": 1},
        "tissue_light": {"train": 38, "test": 11},
        "brightfield": {"train": 16, "test": 0},
    }
    assert problems["kind"].value_counts().to_dict() == {
        "overlapping masks": 6,
        "object with holes": 5,
        "object in several pieces": 2,
        "near duplicate": 5,
    }
    pixels = problems.loc[problems["kind"] == "overlapping masks", "detail"].str.split().str[0]
    assert pixels.astype(int).sum() == 9
    assert summary["groups"]["largest"] <= 60
    assert summary["groups"]["of_four"] >= 115
    assert label_agreement(images[images["split"] == "train"], tmp_path) > 0.8


def label_agreement(images: pd.DataFrame, root: Path) -> float:
    """Dice of true nuclei on both sides of the seams that loops of four assert; by chance 0.1-0.2.

    Groups come from pixels alone, so the labels are an independent witness.
    """
    shared = total = 0
    for _, rows in images.groupby(["height", "width"]):
        tiles = [fields.borders(files.read_image(root / path)) for path in rows["image"]]
        inside = [files.read_labels(root / path) > 0 for path in rows["labels"]]
        lines = {side: np.stack([tile[side] for tile in tiles]) for side in fields.SIDES}
        for loop in (join for join in fields.find_joins(lines) if len(join) == 4):
            a, b, c, d = (inside[i] for i in loop)
            for end, start in ((a.T, b.T), (c.T, d.T), (a, c), (b, d)):
                shared += 2 * int((end[-1] & start[0]).sum())
                total += int(end[-1].sum() + start[0].sum())
    assert total > 10_000
    return shared / total
