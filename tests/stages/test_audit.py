import numpy as np
import pytest

import runs
from segline.base import files
from segline.base.errors import UserError
from segline.objects import decoders
from segline.results import figures
from segline.stages import audit

IMAGES = [(4, 4), (1, 4), (4, 4), (4, 1), (2, 4), (4, 4), (4, 4), (4, 4)]  # labelled and found


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run whose second stage promises .9 of any object."""
    monkeypatch.setattr(audit, "pooled", runs.in_process)
    made = runs.judged(tmp_path, IMAGES)
    plain = decoders.load(made.thresholds)
    forests = (runs.promising(0.9),)
    judging = {name: decoder._replace(forests=forests) for name, decoder in plain.items()}
    decoders.write_second(made.second, judging)
    return made


def test_images_whose_labels_contradict_the_promises_are_listed(run, capsys):
    audit.run(run)
    table = files.read_csv(run.folder / "audit.csv").set_index("image_id")
    assert table["ap"].is_monotonic_increasing
    assert table["ap"].to_dict() == {
        f"i{n}": min(pair) / max(pair) for n, pair in enumerate(IMAGES)
    }
    assert table["n_found"].to_dict() == {f"i{n}": shown for n, (_, shown) in enumerate(IMAGES)}
    assert table["promised"].to_numpy() == pytest.approx(0.9)
    assert table["passed"].drop(["i1", "i4"]).to_numpy() == pytest.approx(1)
    assert table["passed"][["i1", "i4"]].tolist() == pytest.approx([0.25, 0.5])
    suspects = run.folder / "suspects.csv"
    assert suspects.read_text() == "image_id\ni1\ni4\n"
    said = " ".join(capsys.readouterr().out.split())
    assert f'2 of 8 images; leave them out of training with set="train.skip={suspects}"' in said


def test_the_picture_shows_the_worst_suspects_then_the_worst_others(run):
    audit.run(run)
    page = files.read_image(run.folder / "audit.png")
    rows = np.split(page[6:], len(IMAGES))
    outlines = [(row == figures.TRUE_COLOUR).all(axis=2).sum() for row in rows]
    square = outlines[0]  # the suspect i1 has one label
    assert [n / square for n in outlines[:3]] == [1, 2, 4]


def test_a_run_without_a_second_stage_is_refused(tmp_path):
    with pytest.raises(UserError, match="audit needs a run with tune.second_stage = true"):
        audit.run(runs.write(tmp_path))
