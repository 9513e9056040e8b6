import pandas as pd
import pytest

import runs
from segline.base import files
from segline.config.tables import Config
from segline.stages import report

CONFIG = Config.model_validate(
    {
        "data": {"dataset": "squares", "n_folds": 2},
        "train": {"epochs": 3, "without": ["z"]},
        "tune": {"fill_holes": False},
    }
)


@pytest.fixture
def run(tmp_path):
    return runs.judged(tmp_path, [(4, 4), (4, 2)] * 4, config=CONFIG)


def test_the_page_has_figures_curves_choices_pictures_and_settings(run):
    history = {"epoch": [1, 2, 3], "loss": [1.0, 0.5, 0.25], "val_loss": [0.9, 0.4, 0.6]}
    files.write_csv(run.fold(0).history, pd.DataFrame(history | {"seconds": [60.0] * 3}))
    files.write_json(run.provenance, {"git": "abc<1>", "packages": {"numpy": "2.0"}})
    report.run(run)
    html = run.report.read_text()
    assert "<h1>segline: run</h1>" in html
    for words in (
        "mAP 0.750 ± 0.000, data set squares (hash h), 8 images of fold(s) 0, 1, whole groups",
        "<th>fold_0</th><td>3 epochs in 3.0 min; last loss 0.2500, validation 0.6000 "
        "(best 0.4000 in epoch 2)</td>",
        "<th>fold 1</th><td>foreground_threshold 0.5, min_size_px 1, seed_threshold 0.5</td>",
        "<th>train.epochs</th><td>3</td>",
        "<th>train.without</th><td>[&#39;z&#39;]</td>",
        "<th>tune.fill_holes</th><td>False</td>",
        "<th>data.dataset</th><td>squares</td>",
        "<th>git</th><td>abc&lt;1&gt;</td>",
        "<th>numpy</th><td>2.0</td>",
    ):
        assert words in html
    assert "tune.unseen" not in html  # follows from train.without
    assert html.count("<img ") == 3


def test_a_run_that_trained_nothing_has_neither_curves_nor_versions(run):
    report.run(run)
    html = run.report.read_text()
    assert "<h2>Training</h2>" not in html
    assert "<h2>Made with</h2>" not in html
    assert html.count("<img ") == 2
