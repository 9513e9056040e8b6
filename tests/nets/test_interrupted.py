"""A training that is stopped or killed anywhere ends bit for bit as one that was not."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

HERE = Path(__file__).parent
STOPS = """
import json, signal, sys
from pathlib import Path
from interrupted import at, train

root, moments = Path(sys.argv[1]), {
    "SIGTERM": {"hurt": at((1, 3), signal.SIGTERM)},
    "SIGINT": {"hurt_held_out": at((0, 1), signal.SIGINT)},
    "SIGHUP": {"hurt": at((2, 0), signal.SIGHUP)},
}
for name in ("whole", "parts"):
    (root / name).mkdir()
found = {"whole": [train(root / "whole", [], every_s=1e9)]}
for name, moment in moments.items():
    status = train(root / "parts", [], every_s=1e9, **moment)
    found[name] = [status, (root / "parts/said").read_text()]
found["parts"] = [train(root / "parts", [], every_s=1e9)]
print(json.dumps(found))
"""
KILLS = """
import json, random, sys
from pathlib import Path
from interrupted import train

root, changes, n_kills = Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
for name in ("whole", "parts"):
    (root / name).mkdir()
draw, statuses = random.Random(0), []
whole = train(root / "whole", changes)
while len(statuses) < n_kills and 0 not in statuses:
    statuses.append(train(root / "parts", changes, n_call=draw.randint(1, 12)))
statuses.append(train(root / "parts", changes))
print(json.dumps([whole, statuses]))
"""


def run(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=HERE)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])


def results(folder):
    """What must be the same: the last state, the net, the history but for its times."""
    with h5py.File(folder / "checkpoint/last.h5") as file:
        state = {name: file[name][()] for name in file}
    with zipfile.ZipFile(folder / "model.keras") as model:
        weights = model.read("model.weights.h5")
    history = pd.read_csv(folder / "history.csv").drop(columns="seconds")
    return state, weights, history


def assert_same(root):
    (state, weights, history), expected = results(root / "parts"), results(root / "whole")
    assert state.keys() == expected[0].keys()
    assert all(np.array_equal(state[name], expected[0][name]) for name in state)
    assert weights == expected[1]
    pd.testing.assert_frame_equal(history, expected[2], check_exact=True)
    return history


def assert_both_rules_acted(history):
    assert len(history) < 7  # it stopped early
    assert history["learning_rate"].nunique() > 1


def names(folder):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "logs" not in path.parts
    )


@pytest.mark.slow
def test_signals_save_the_step_and_the_end_is_the_same(tmp_path):
    found = run(STOPS, tmp_path)
    assert found["whole"] == found["parts"] == [0]
    said = {
        "SIGTERM": (143, "after step"),
        "SIGINT": (130, "step 3 of epoch 1"),
        "SIGHUP": (129, "of epoch"),
    }
    for name, (status, where) in said.items():
        assert found[name][0] == status, found[name]
        last = found[name][1].splitlines()[-1]
        assert last.startswith(f"segline: stopped by {name}: ")
        assert last.endswith("; the same command goes on from there")
        assert "holds fold 0 after " in last
        assert where in last
        assert "Traceback" not in found[name][1]
    assert "resuming after step" in (tmp_path / "parts/said").read_text()
    assert_both_rules_acted(assert_same(tmp_path))
    assert names(tmp_path / "parts") == names(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("changes", [[], ["train.optimizer=muon", "train.keep=best"]])
def test_a_kill_in_any_write_changes_nothing(tmp_path, changes):
    """SIGKILL before and after a file is flushed or renamed, checkpoints after every step included."""
    n_kills = int(os.environ.get("SEGLINE_KILLS", 4))
    whole, statuses = run(KILLS, tmp_path, json.dumps(changes), n_kills)
    assert whole == 0
    assert statuses[0] == -9
    assert statuses[-1] == 0
    assert set(statuses) == {-9, 0}
    history = assert_same(tmp_path)
    if not changes:
        assert_both_rules_acted(history)
    assert names(tmp_path / "parts") == names(tmp_path / "whole")
