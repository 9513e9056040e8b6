"""Objects one by one from folders, archives and tables of RLE."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from segline.base import files
from segline.base.errors import UserError
from segline.config.places import DataFiles
from segline.config.tables import Data
from segline.data import folds, tables
from segline.data.layouts import Fault, Key, Reading, open_raw
from segline.masks import rle
from segline.stages import data

SHAPE = (20, 24)
LABELS = np.zeros(SHAPE, np.uint8)
LABELS[2:8, 2:8], LABELS[2:8, 8:14], LABELS[12:18, 4:10] = 1, 2, 3  # the first two touch
OTHER = np.rot90(LABELS, 2)


def picture(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*SHAPE, 3)).astype(np.uint8)


def one_line(message):
    return pytest.raises(UserError, match=r"(?s)\A[^\n]*" + message + r"[^\n]*\Z")


@pytest.fixture
def raw(tmp_path):
    """Two training pictures without masks, and a test picture."""
    for number, name in enumerate(("a", "a_1")):
        files.write_image(tmp_path / f"raw/images/{name}.png", picture(number))
    files.write_image(tmp_path / "raw/test_images/c.png", picture(9))
    (tmp_path / "raw/masks").mkdir()
    return tmp_path / "raw"


def opened(raw, source="folders", *, label_masks=False):
    return open_raw(source, raw, Reading(label_masks=label_masks))


def labels(raw, image_id="a", source="folders", **reading):
    return opened(raw, source, **reading).load(Key("train", image_id)).labels


def table(raw, rows):
    files.write_csv(raw / "train.csv", pd.DataFrame(rows, columns=["ImageId", "EncodedPixels"]))


def codes(image_id, found):
    return [(image_id, code) for code in rle.encode_labels(found)]


# --- folders -------------------------------------------------------------------------------------


def save_label(path):
    files.write_image(path, (LABELS * 7).astype(np.uint16))


def save_palette(path):
    stored = Image.fromarray(LABELS)
    stored.putpalette([0, 0, 0, 9, 9, 9, 9, 9, 9, 200, 0, 0])  # two objects of one colour
    stored.save(path)


def save_colours(path):
    files.write_image(path, np.uint8([(0, 0, 0), (0, 0, 255), (255, 0, 0), (0, 255, 0)])[LABELS])


@pytest.mark.parametrize("save", [save_label, save_palette, save_colours])
def test_a_label_image_holds_an_object_a_value(raw, save):
    for name in ("a", "a_1"):
        save(raw / f"masks/{name}.png")
    source = opened(raw, label_masks=True)
    found = source.load(Key("train", "a")).labels
    assert found.max() == 3
    assert len(np.unique(found * 4 + LABELS)) == 4  # one number for each of 0, 1, 2, 3
    assert source.reading == "masks: each value above 0 is an object (data.label_masks)"
    assert source.load(Key("test", "c")).labels is None


def test_connected_pieces_of_a_binary_mask_are_objects(raw):
    for name in ("a", "a_1"):
        files.write_image(raw / f"masks/{name}_mask.png", np.uint8(255) * (LABELS > 0))
    source = opened(raw)
    found = source.load(Key("train", "a")).labels
    assert source.reading.startswith("masks: connected pieces are objects")
    expected = np.select([LABELS == 3, LABELS > 0], [2, 1])
    assert (found == expected).all()


def test_several_values_without_label_masks_are_refused(raw):
    for name in ("a", "a_1"):
        files.write_image(raw / f"masks/{name}.png", LABELS * 60)
    with one_line("masks/a.png: 4 values .* data.label_masks=true"):
        labels(raw)


@pytest.mark.parametrize("place", ["masks/{0}_{1}.png", "masks/{0}/{1}.png"])
def test_several_mask_files_of_an_image_are_an_object_each(raw, place):
    for name, found in (("a", LABELS), ("a_1", OTHER)):
        for number in (1, 2, 3):
            grown = np.uint8(255) * (found == number)
            if number == 3:
                grown[2:8, 6:9] = 255  # in two pieces; laps over the first two
            files.write_image(raw / place.format(name, f"x{number}"), grown)
    source = opened(raw)
    assert source.reading == "masks: each file is an object"
    record = source.load(Key("train", "a"))
    assert record.labels.max() == 3
    assert (record.labels == LABELS).all()  # each of the first two is the smaller one
    assert [problem.kind for problem in record.problems] == ["overlapping masks"]
    assert (source.load(Key("train", "a_1")).labels > 0).sum() > (OTHER > 0).sum()


def test_an_empty_folder_is_an_image_without_objects(raw):
    (raw / "masks/a").mkdir()
    files.write_image(raw / "masks/a_1/0.png", np.uint8(255) * (LABELS == 1))
    assert not labels(raw).any()
    assert labels(raw, "a_1").max() == 1


def faults(source):
    assert all(isinstance(fault, Fault) for fault in source.problems)
    return [(fault.image_id, fault.kind) for fault in source.problems]


def test_files_without_partner_are_faults(raw):
    with one_line("no mask belongs to any image .first .*a.png, first mask none"):
        opened(raw)
    files.write_image(raw / "masks/b_2.png", LABELS)
    with one_line("no mask belongs to any image .* first mask .*b_2.png: no image"):
        opened(raw)
    files.write_image(raw / "masks/a.png", LABELS)
    source = opened(raw)
    assert faults(source) == [("b_2", "mask without image"), ("a_1", "image without mask")]
    keys = source.keys()
    assert [key.image_id for key in keys if key.split == "train"] == ["a"]


def test_a_whole_mask_beside_single_objects_is_a_fault(raw):
    for name in ("a", "a_1", "a_2"):
        files.write_image(raw / f"masks/{name}.png", np.uint8(255) * (LABELS == 1))
    source = opened(raw)
    assert faults(source) == [("a", "two kinds of masks")]
    assert "masks/a.png: beside it there is a_2.png" in source.problems[0].detail
    keys = source.keys()
    assert [key.image_id for key in keys if key.split == "train"] == ["a_1"]


def test_a_mask_of_another_size_is_refused_and_an_unreadable_one_leaves_its_image_out(raw):
    files.write_image(raw / "masks/a.png", np.uint8(255) * (LABELS[:-1] > 0))
    (raw / "masks/a_1.png").write_bytes(b"no picture")
    with one_line("masks/a.png: the mask is 19x24, its image 20x24"):
        labels(raw)
    record = opened(raw).load(Key("train", "a_1"))
    assert record.image is None
    assert [problem.kind for problem in record.problems] == ["mask unreadable"]


def test_an_unreadable_image_is_refused(raw):
    for name in ("a", "a_1"):
        files.write_image(raw / f"masks/{name}.png", LABELS)
    (raw / "images/a.png").write_bytes(b"no picture")
    with one_line("images/a.png: not a readable image"):
        opened(raw, label_masks=True).load(Key("train", "a"))


# --- rle_csv -------------------------------------------------------------------------------------


def test_a_row_is_an_object(raw):
    big = np.uint8(LABELS == 2)
    big[2:8, 6:] = 1  # laps over object 1, and is larger
    rows = [*codes("a.png", LABELS * (LABELS == 1)), *codes("a.png", big), ("a_1", "")]
    table(raw, rows)
    source = opened(raw, "rle_csv")
    found = source.load(Key("train", "a")).labels
    assert (found == np.select([LABELS == 1, big > 0], [1, 2])).all()
    assert not source.load(Key("train", "a_1")).labels.any()
    assert source.reading == "train.csv: each row is an object"


def test_a_malformed_row_and_an_image_without_row_are_faults(raw):
    table(raw, [*codes("a", LABELS), ("a", "3 4 5"), ("a_1", "")])
    record = opened(raw, "rle_csv").load(Key("train", "a"))
    assert record.image is None
    assert [problem.kind for problem in record.problems] == ["invalid RLE"]
    table(raw, [*codes("a", LABELS), ("b", "")])
    source = opened(raw, "rle_csv")
    assert faults(source) == [("b", "row without image"), ("a_1", "image without row")]
    assert source.load(Key("train", "a_1")).image is None


# --- npz -----------------------------------------------------------------------------------------


def archives(folder, masks):
    folder.mkdir(exist_ok=True)
    images = np.stack([picture(number) for number in range(4)])
    np.savez(folder / "train.npz", images=images, masks=masks)
    np.savez(folder / "val.npz", images=np.stack([picture(7), picture(8)]), masks=masks[:2])
    np.savez(folder / "test.npz", images=picture(9)[None])
    return folder


def test_label_arrays_and_binary_ones(tmp_path):
    numbered = np.stack([LABELS, OTHER, 0 * LABELS, LABELS])
    raw = archives(tmp_path / "raw", numbered)
    source = opened(raw, "npz", label_masks=True)
    assert (source.load(Key("train", "train-0001")).labels == OTHER).all()
    assert source.load(Key("train", "val-0001")).validation
    with one_line("mask: 4 values .* data.label_masks=true"):
        labels(raw, "train-0000", "npz")
    raw = archives(tmp_path / "raw", (numbered > 0)[..., None])
    assert labels(raw, "train-0000", "npz").max() == 2
    raw = archives(tmp_path / "raw", np.zeros((4, *SHAPE, 2), np.uint8))
    with one_line("masks of shape .4, 20, 24, 2."):
        opened(raw, "npz")


# --- the stage -----------------------------------------------------------------------------------


def ingest(raw, tmp_path, source, **settings):
    out = DataFiles(tmp_path / "out")
    data.ingest(raw, out, Data(source=source, **settings), root=tmp_path)
    return tables.read_images(out.images).set_index("image_id"), files.read_csv(out.sample)


def test_the_stage_writes_the_manifest_and_says_how_masks_were_read(raw, tmp_path, capsys):
    for name in ("a", "a_1"):
        files.write_image(raw / f"masks/{name}.png", LABELS)
    files.write_csv(
        raw / "groups.csv",
        pd.DataFrame({"image_id": ["a", "a_1"], "group": "p", "modality": ["m", "n"]}),
    )
    images, sample = ingest(raw, tmp_path, "folders", label_masks=True)
    assert images["n_objects"].tolist() == [3, 3, 0]
    assert images["modality"][:2].tolist() == ["m", "n"]
    assert images["group"].tolist() == ["p", "p", "c"]
    assert sample.to_numpy().tolist() == [["c", "1 1"]]
    assert "each value above 0 is an object" in capsys.readouterr().out
    assert (files.read_labels(tmp_path / images["labels"]["a"]) == LABELS).all()


def test_a_validation_file_of_objects_is_fold_0(tmp_path):
    raw = archives(tmp_path / "raw", np.stack([LABELS, OTHER, LABELS, OTHER]))
    images, sample = ingest(raw, tmp_path, "npz", label_masks=True)
    dealt = folds.assign(images.reset_index(), n_folds=2, seed=0).set_index("image_id")["fold"]
    assert dealt[dealt == 0].index.tolist() == ["val-0000", "val-0001"]
    assert sample["ImageId"].tolist() == ["test-0000"]
