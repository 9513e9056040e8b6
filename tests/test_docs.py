"""The README's examples of what can be added do what it says."""

import json
import re
import sys
import textwrap
import types
from pathlib import Path

import numpy as np
import pytest

from segline.base.files import read_image, read_labels, write_image
from segline.data import tables
from segline.data.layouts import SEMANTIC
from segline.nets import losses
from segline.nets.losses.overlap import Dice
from segline.stages import data

README = (Path(__file__).parents[1] / "README.md").read_text()


def example(title):
    """The names that the first indented block of paragraph `title` defines."""
    code = re.search(rf"^\*\*{title}\*\*.*?\n\n((?:    [^\n]*\n|\n)+)", README, re.S | re.M).group(
        1
    )
    names = {"__name__": "example"}
    exec(textwrap.dedent(code), names)
    return names


def test_the_model():
    net = example("A model")["dilated"](channels=1, outputs={"classes": 3}, width=4, depth=2)
    image = np.zeros((2, 24, 40, 1), np.float32)
    assert net(image)["classes"].shape == (2, 24, 40, 3)


def test_the_loss(monkeypatch):
    monkeypatch.setitem(losses.TERMS, "log_cosh_dice", example("A loss term")["LogCoshDice"])
    rng = np.random.default_rng(0)
    truth, logits = rng.integers(0, 3, (2, 8, 8)), rng.normal(size=(2, 8, 8, 3)).astype(np.float32)
    weight = rng.random((2, 8, 8)).astype(np.float32)
    found = losses.Total({"log_cosh_dice": 0.5})(truth, logits, weight)
    dice = float(Dice()(truth, logits, weight))
    assert float(found) == pytest.approx(0.5 * np.log(np.cosh(dice)), rel=1e-5)


def test_the_source(tmp_path, monkeypatch):
    module = types.ModuleType("side_by_side")
    vars(module).update(example("A data source"))
    monkeypatch.setitem(sys.modules, "side_by_side", module)
    monkeypatch.setitem(SEMANTIC, "side_by_side", "side_by_side")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 20, 30, 3), dtype=np.uint8)
    mask = np.zeros((20, 30, 3), np.uint8)
    mask[5:9, 3:8] = 255
    for name, image in zip("abc", images, strict=False):
        write_image(tmp_path / f"raw/train/{name}.png", np.hstack([image, mask]))
    write_image(tmp_path / "raw/test/d.png", images[3])
    settings = {
        "task": "semantic",
        "classes": ["background", "spot"],
        "exclusive": True,
        "colours": [],
    }
    (tmp_path / "data.json").write_text(json.dumps(settings))
    data.run(
        raw=tmp_path / "raw",
        out=tmp_path / "out",
        source="side_by_side",
        params=tmp_path / "data.json",
        root=tmp_path,
    )
    table = tables.read_images(tmp_path / "out/images.csv").set_index("image_id")
    assert table["split"].to_dict() == {"a": "train", "b": "train", "c": "train", "d": "test"}
    assert np.array_equal(read_image(tmp_path / table["image"]["c"]), images[2])
    assert np.array_equal(read_labels(tmp_path / table["labels"]["c"]), mask[..., 0] > 0)
