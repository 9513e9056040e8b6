"""The range test on a small generated data set, in the folder of a run."""

import numpy as np
import pandas as pd
import pytest

import runs
from segline.base.errors import UserError
from segline.base.files import read_image
from segline.config.tables import Config, Data
from segline.nets import rate_search, schedules
from segline.stages import data, folds, lr
from segline.synthetic import dsb2018


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of a net of one level, and its data set."""
    root = tmp_path_factory.mktemp("root")
    dsb2018.write(root / "raw", size="tiny", seed=0)
    made = runs.write(
        root,
        Config.model_validate(
            {
                "data": {"n_folds": 2},
                "model": {"width": 4, "depth": 1, "stem": 2},
                "train": {"crop_px": 32, "batch_size": 8, "precision": "auto", "ema": 0.99},
            }
        ),
    )
    data.ingest(root / "raw", made.data, made.settings(Data))
    folds.run(made)
    return made


def test_the_curve_is_written_and_the_run_left_alone(run, capsys):
    out, before = run.folder, set(run.folder.rglob("*"))
    lr.run(run, fold=0, steps=30)
    table = pd.read_csv(out / "lr.csv")
    assert list(table) == ["learning_rate", "loss", "smoothed_loss"]
    assert table["learning_rate"].to_numpy() == pytest.approx(
        schedules.range_test_rates(30)[: len(table)]
    )
    assert table["smoothed_loss"].to_numpy() == pytest.approx(schedules.smoothed(table["loss"]))
    assert table["loss"].nunique() == len(table)  # of each batch alone, not a running mean
    assert set(out.rglob("*")) - before == {out / "lr.csv", out / "lr.png"}
    assert read_image(out / "lr.png").shape == (480, 720, 3)
    said = " ".join(capsys.readouterr().out.split())
    assert "suggested train.learning_rate" in said
    assert "config has 2.0e-03" in said


class Diverging:
    """Stands for a net whose loss is not finite from the fifth batch on."""

    class optimizer:
        learning_rate = 0.0

    def __init__(self):
        self.seen = []

    def reset_metrics(self):
        pass

    def train_on_batch(self, batch, return_dict):
        self.seen.append(self.optimizer.learning_rate)
        return {"loss": 1.0 if batch < 5 else np.nan}


def test_the_test_ends_where_the_loss_diverges():
    model, rates = Diverging(), schedules.range_test_rates(20)
    found = rate_search.losses(model, ((n,) for n in range(20)), rates)
    assert len(found) == 6
    assert model.seen == list(rates[:6])


def test_a_loss_that_does_not_fall_is_one_line(tmp_path):
    with pytest.raises(UserError, match="does not fall .*make preview") as caught:
        lr.write_report(schedules.range_test_rates(6), [1.0, 2.0, np.nan], 1e-3, tmp_path)
    assert "\n" not in str(caught.value)
    assert len(pd.read_csv(tmp_path / "lr.csv")) == 3
