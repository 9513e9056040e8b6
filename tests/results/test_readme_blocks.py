import json

import pytest

from segline.base.checksums import sha256
from segline.base.errors import UserError
from segline.results import readme_blocks, standings

CV = {
    "dataset": "dsb2018",
    "mean": 0.5,
    "standard_error": 0.02,
    "n_images": 4,
    "folds": [0],
    "per_modality": {
        "fluorescence": {"mean": 0.6, "n_images": 2},
        "tissue_light": {"mean": 0.2, "n_images": 1},
        "tissue_purple": {"mean": 0.4, "n_images": 1},
    },
}


def test_results_stand_beside_the_public_scores(tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps(CV))
    (tmp_path / "demo.json").write_text(json.dumps(CV | {"dataset": "demo"}))
    lines = readme_blocks.results_table(tmp_path).splitlines()
    assert "`config=mine`" in lines[-1]
    assert "**0.500** ± 0.020 | 0.600 | 0.300 | - |" in lines[-1]
    assert len(lines) == 2 + len(standings.PUBLIC_STAGE1) + 3 + 1


def test_official_scores_stand_among_the_public_ones_while_their_csv_is_the_same(tmp_path):
    (tmp_path / "mine.csv").write_text("ImageId,EncodedPixels\n")
    digest = sha256(tmp_path / "mine.csv")
    (tmp_path / "official.toml").write_text(
        f'[mine]\nsha256 = "{digest}"\nmAP = 0.4999\nfluorescence = 0.625\n'
    )
    lines = readme_blocks.results_table(tmp_path).splitlines()
    row = lines.index("| **segline `config=mine`** | 0.500 | 0.62 |  |")
    beside = [line.split(" | ")[1] for line in (lines[row - 1], lines[row + 1])]
    assert beside == ["0.481", "0.549"]
    (tmp_path / "mine.csv").write_text("ImageId,EncodedPixels\na,1 1\n")
    assert "config=mine" not in readme_blocks.results_table(tmp_path)


def test_a_block_is_replaced_between_its_markers():
    text = "before\n<!-- x -->\nold\n<!-- /x -->\nafter\n"
    new = readme_blocks.with_block(text, "x", {"x": "new"}, where="README.md")
    assert new == "before\n<!-- x -->\nnew\n<!-- /x -->\nafter\n"
    assert readme_blocks.with_block(new, "x", {"x": "new"}, where="README.md") == new


def test_a_missing_marker_is_named():
    with pytest.raises(UserError, match=r"README.md: expected the markers <!-- x -->"):
        readme_blocks.with_block("no markers", "x", {"x": "new"}, where="README.md")


def test_a_block_without_content_is_named():
    text = "<!-- x -->\n<!-- /x -->\n<!-- yy -->\n<!-- /yy -->\n"
    assert readme_blocks.names(text) == ["x", "yy"]
    with pytest.raises(UserError, match="README.md: no content for the block yy; known: x"):
        readme_blocks.with_block(text, "yy", {"x": "new"}, where="README.md")
