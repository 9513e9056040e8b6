import json

import pytest

from segline.base.errors import UserError
from segline.stages import docs

CV = {
    **{"dataset": "dsb2018", "mean": 0.5, "standard_error": None, "n_images": 4, "folds": [0]},
    "per_modality": {"fluorescence": {"mean": 0.5, "n_images": 4}},
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "README.md").write_text("# A\n<!-- results -->\nold\n<!-- /results -->\nend\n")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/kernels.md").write_text("<!-- speed -->\n<!-- /speed -->\n")
    (tmp_path / "docs/plain.md").write_text("no block\n")
    (tmp_path / "submissions").mkdir()
    (tmp_path / "submissions/mine.json").write_text(json.dumps(CV))
    (tmp_path / "blocks").mkdir()
    (tmp_path / "blocks/speed.md").write_text("| fast |\n\n")
    return tmp_path


def run(folder, capsys):
    docs.run(folder, submissions=folder / "submissions", blocks=folder / "blocks")
    return " ".join(capsys.readouterr().out.split())


def test_blocks_are_filled_and_the_settings_written(folder, capsys):
    said = run(folder, capsys)
    names = [folder / name for name in ("README.md", "docs/kernels.md", "docs/settings.md")]
    assert said == f"rewritten: {', '.join(map(str, names))}"
    readme = (folder / "README.md").read_text()
    assert readme.startswith("# A\n<!-- results -->\n|")
    assert "| **segline `config=mine`** | 4, fold 0 | **0.500**  | 0.500 | - | - |" in readme
    assert readme.endswith("\n<!-- /results -->\nend\n")
    kernels = (folder / "docs/kernels.md").read_text()
    assert kernels == "<!-- speed -->\n| fast |\n<!-- /speed -->\n"
    settings = (folder / "docs/settings.md").read_text()
    assert "## tune\n\nThe grids on which thresholds are searched" in settings
    assert "| `crop_px` | `256` | Side of the training crops. |" in settings
    assert "One of `cosine`, `plateau`." in settings
    assert run(folder, capsys) == "README and docs are up to date"


def test_a_block_without_content_is_refused(folder, capsys):
    (folder / "blocks/speed.md").unlink()
    with pytest.raises(UserError, match=r"docs/kernels.md: no content for the block speed"):
        run(folder, capsys)
