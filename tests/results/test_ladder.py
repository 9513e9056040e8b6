from pathlib import Path

import pandas as pd
import pytest

from segline.base import files
from segline.base.errors import UserError
from segline.config import read
from segline.results import ladder
from segline.stages import ladder as stage

STEPS = """
config = "quick"
[[rung]]
name = "plain"
change = "nothing"
set = ["train.epochs=2", "predict.symmetries=1"]
[[rung]]
name = "more"
change = "more of it"
set = ["predict.symmetries=8"]
[[try]]
name = "else"
on = "plain"
change = "something else"
set = ["weights.w0=0"]
"""


@pytest.fixture
def steps(tmp_path):
    path = tmp_path / "ladder.toml"
    path.write_text(STEPS)
    return path


def finished(runs, name, aps):
    """A run's figures, one group an image, half of them tissue."""
    table = pd.DataFrame({"ap": aps, "image_id": range(len(aps)), "group": range(len(aps))})
    files.write_csv(runs / f"ladder-{name}/scores.csv", table.assign(modality="m"))
    tissue, light = aps[::2], aps[1::2]
    part = {"standard_error": 0.1, "per_threshold": [0.5] * 10}
    files.write_json(
        runs / f"ladder-{name}/cv.json",
        {
            **part,
            "mean": sum(aps) / len(aps),
            "folds": [0],
            "data_hash": "h",
            "per_modality": {
                "tissue_light": part | {"mean": sum(tissue) / len(tissue), "n_images": len(tissue)},
                "fluorescence": part | {"mean": sum(light) / len(light), "n_images": len(light)},
            },
        },
    )


def test_a_rung_has_the_settings_of_all_before_it_and_a_try_those_of_its_rung(steps):
    name, found = ladder.steps(steps)
    assert name == "quick"
    assert [step.run for step in found] == ["ladder-plain", "ladder-more", "ladder-else"]
    assert found[1].settings == ("train.epochs=2", "predict.symmetries=8")
    assert found[2].settings == ("train.epochs=2", "predict.symmetries=1", "weights.w0=0")
    assert [step.base for step in found] == [None, "plain", "plain"]


def test_two_steps_of_one_name_are_refused(steps):
    steps.write_text(STEPS.replace('name = "else"', 'name = "more"'))
    with pytest.raises(UserError, match="2 steps are named more"):
        ladder.steps(steps)


def test_a_try_on_no_rung_is_refused(steps):
    steps.write_text(STEPS.replace('on = "plain"', 'on = "plane"'))
    with pytest.raises(UserError, match="stands on plane, which is no row above it"):
        ladder.steps(steps)


def test_the_table_has_figures_and_gains_of_what_is_measured(steps, tmp_path):
    runs, out = tmp_path / "runs", tmp_path / "out"
    finished(runs, "plain", [0.2, 0.4, 0.2, 0.4])
    finished(runs, "more", [0.3, 0.5, 0.3, 0.5])
    stage.run(steps=steps, runs=runs, out=out)
    text = (out / "ladder.md").read_text()
    assert "| nothing | 0.300 |  | 0.400 | 0.200 | - | 0.500 |" in text
    assert "| more of it | 0.400 | **+0.100 (+0.100 to +0.100)** | 0.500 | 0.300 | - |" in text
    assert "something else" not in text


def test_a_row_outlives_its_run_but_not_its_settings(steps, tmp_path):
    runs, out = tmp_path / "runs", tmp_path / "out"
    finished(runs, "plain", [0.2, 0.4])
    stage.run(steps=steps, runs=runs, out=out)
    (runs / "ladder-plain/cv.json").unlink()
    stage.run(steps=steps, runs=runs, out=out)
    assert "| nothing | 0.300 |" in (out / "ladder.md").read_text()
    steps.write_text(STEPS.replace("train.epochs=2", "train.epochs=3"))
    stage.run(steps=steps, runs=runs, out=out)
    assert "nothing" not in (out / "ladder.md").read_text()


def test_the_plan_has_a_line_of_config_run_and_settings_a_step(steps, tmp_path, capsys):
    stage.run(steps=steps, runs=tmp_path, out=tmp_path / "out", plan=True)
    assert capsys.readouterr().out.splitlines() == [
        "quick\tladder-plain\ttrain.epochs=2 predict.symmetries=1",
        "quick\tladder-more\ttrain.epochs=2 predict.symmetries=8",
        "quick\tladder-else\ttrain.epochs=2 predict.symmetries=1 weights.w0=0",
    ]
    assert not (tmp_path / "out").exists()


def test_every_step_of_the_project_s_ladder_is_a_valid_config():
    root = Path(__file__).parents[2]
    name, found = ladder.steps(root / "benchmarks/ladder.toml")
    for step in found:
        read.load(root / f"configs/{name}.toml", list(step.settings))
