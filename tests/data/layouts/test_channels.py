"""Images of two, four, five channels: stains and bands."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from segline.base import files
from segline.base.errors import UserError
from segline.config.places import DataFiles
from segline.config.tables import Data
from segline.data import levels, reader, tables
from segline.data.stacks import Choice
from segline.stages import data

ALL = (0, 1, 2, 3, 4)
RANGES = (60000, 400, 12, 4000, 255)  # of the five channels: none may drown beside another


def stains(seed=0, dtype=np.uint16):
    """(C, H, W), each channel with its own range."""
    share = np.random.default_rng(seed).random((5, 30, 34))
    share[:, 0, 0], share[:, 0, 1] = 0, 1
    return (share * np.array(RANGES)[:, None, None]).astype(dtype)


def test_each_channel_is_stretched_by_its_own_percentiles_and_8_bits_are_kept():
    found = levels.each_channel8(np.moveaxis(stains(), 0, -1))
    assert found.shape == (30, 34, 5)
    assert found.min(axis=(0, 1)).tolist() == [0] * 5
    assert found.max(axis=(0, 1)).tolist() == [255] * 5
    assert len(np.unique(found[..., 2])) == 12  # 0 to 11; the one pixel of 12 is beyond
    small = np.moveaxis(stains(), 0, -1).astype(np.uint8)
    assert (levels.each_channel8(small) == small).all()
    with pytest.raises(ValueError, match="NaN or infinite at pixel"):
        levels.each_channel8(np.full((2, 2, 4), np.nan))


def as_tiff(path, image):
    tifffile.imwrite(path.with_suffix(".tif"), image, imagej=True, metadata={"axes": "CYX"})


def as_float_tiff(path, image):
    bands = np.moveaxis(image, 0, -1).astype(np.float32) / 1000 - 1
    tifffile.imwrite(
        path.with_suffix(".tif"), bands, photometric="minisblack", planarconfig="contig"
    )


def as_array(path, image):
    np.save(path.with_suffix(".npy"), np.moveaxis(image, 0, -1))


def as_planes(path, image):
    np.save(path.with_suffix(".npy"), image)


@pytest.mark.parametrize("write", [as_tiff, as_float_tiff, as_array, as_planes])
def test_every_way_of_storing_gives_the_same_channels(tmp_path, write):
    write(tmp_path / "a", stains())
    (path,) = tmp_path.iterdir()
    found, _ = reader.rgb8(path, Choice(channels=ALL))
    expected = levels.each_channel8(np.moveaxis(stains(), 0, -1))
    assert np.abs(found.astype(int) - expected).max() <= 1
    some, _ = reader.rgb8(path, Choice(channels=(3, 0)))
    assert (some == found[..., [3, 0]]).all()
    with pytest.raises(UserError, match="no channel 5 among 5"):
        reader.rgb8(path, Choice(channels=(5, 0)))
    with pytest.raises(UserError, match="5 channels, neither grey .* with input.mode=5 as many"):
        reader.rgb8(path)


def test_the_fourth_channel_of_a_png_can_be_a_band(tmp_path):
    bands = np.random.default_rng(0).integers(0, 256, (9, 8, 4), dtype=np.uint8)
    Image.fromarray(bands, "RGBA").save(tmp_path / "a.png")
    found, _ = reader.rgb8(tmp_path / "a.png", Choice(channels=(0, 1, 2, 3)))
    assert (found == bands).all()
    assert (reader.rgb8(tmp_path / "a.png", Choice(channels=(2, 3)))[0] == bands[..., 2:]).all()
    assert (reader.rgb8(tmp_path / "a.png")[0] == bands[..., :3]).all()


@pytest.mark.parametrize("source", ["folders", "npz"])
@pytest.mark.parametrize("task", ["instances", "semantic"])
def test_the_stage_keeps_all_channels(tmp_path, source, task):
    mask = np.zeros((30, 34), np.uint8)
    mask[5:10, 5:12] = 1
    raw = tmp_path / "raw"
    images = [stains(number) for number in range(3)]
    if source == "npz":
        raw.mkdir()
        last = [np.moveaxis(image, 0, -1) for image in images]
        np.savez(raw / "train.npz", images=last[:2], masks=np.stack([mask] * 2))
        np.savez(raw / "test.npz", images=last[2:])
    else:
        for number, name in enumerate(("images/a", "images/b", "test_images/c")):
            (raw / name).parent.mkdir(parents=True, exist_ok=True)
            as_tiff(raw / name, images[number])
        for name in "ab":
            files.write_image(raw / f"masks/{name}.png", mask)
    classes = {"classes": ("background", "cell")} if task == "semantic" else {}
    settings = Data(source=source, task=task, channels=ALL, **classes)
    out = DataFiles(tmp_path / "out")
    data.ingest(raw, out, settings, root=tmp_path)
    table = tables.read_images(out.images)
    assert table["split"].tolist() == ["train", "train", "test"]
    for image, path in zip(images, table["image"], strict=True):
        stored = files.read_image(tmp_path / path)
        assert stored.dtype == np.uint8
        assert (stored == levels.each_channel8(np.moveaxis(image, 0, -1))).all()
    assert (files.read_labels(tmp_path / table["labels"][0]) == mask).all()
