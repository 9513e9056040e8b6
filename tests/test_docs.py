"""The documents: examples do what they say, links lead somewhere, the settings are those there are."""

import re
import sys
import textwrap
import types
from pathlib import Path

import numpy as np
import pytest

from segline.base.files import read_image, read_labels, write_image
from segline.config.names import SEMANTIC
from segline.config.places import DataFiles
from segline.config.tables import Data
from segline.data import tables
from segline.nets import losses
from segline.nets.losses.overlap import Dice
from segline.results import settings_page
from segline.stages import data

CHECKOUT = Path(__file__).parents[1]
DOCS = CHECKOUT / "docs"
PAGES = [CHECKOUT / "README.md", *sorted(DOCS.glob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")


def example(title):
    """The names that the first indented block of Python in section `title` of docs/extending.md defines."""
    text = (DOCS / "extending.md").read_text()
    block = re.search(rf"^## {title}\n.*?\n\n((?:    [^\n]*\n|\n)+)", text, re.S | re.M)
    names = {"__name__": "example"}
    exec(textwrap.dedent(block.group(1)), names)
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
    settings = Data(source="side_by_side", task="semantic", classes=("background", "spot"))
    data.ingest(tmp_path / "raw", DataFiles(tmp_path / "out"), settings, root=tmp_path)
    table = tables.read_images(tmp_path / "out/images.csv").set_index("image_id")
    assert table["split"].to_dict() == {"a": "train", "b": "train", "c": "train", "d": "test"}
    assert np.array_equal(read_image(tmp_path / table["image"]["c"]), images[2])
    assert np.array_equal(read_labels(tmp_path / table["labels"]["c"]), mask[..., 0] > 0)


def test_readme_is_short():
    assert len((CHECKOUT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_to_files_and_headings(page):
    for target, heading in LINK.findall(page.read_text()):
        if not target.startswith(("http:", "https:", "mailto:")):
            linked = page.parent / target if target else page
            assert linked.exists(), target
            assert not heading or heading in anchors(linked), f"{target}#{heading}"


def anchors(page):
    """The headings of a page as links name them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_settings_page_is_that_of_the_tables():
    assert (DOCS / "settings.md").read_text() == settings_page.markdown()
