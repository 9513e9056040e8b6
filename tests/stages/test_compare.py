import pytest

import runs
from segline.base.errors import UserError
from segline.config.places import RunFiles
from segline.stages import compare

KINDS = ("a", "b")


@pytest.fixture
def base(tmp_path):
    return runs.judged(tmp_path, [(4, 2)] * 8, name="base", modalities=KINDS)


def said(run, base, capsys):
    capsys.readouterr()
    compare.run(run, base)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_gain_is_told_in_all_and_by_modality(base, tmp_path, capsys):
    better = runs.judged(tmp_path, [(4, 4), (4, 3)] * 4, name="better", modalities=KINDS)
    assert said(better, base, capsys) == [
        "better against base, mAP, paired over images",
        "all +0.3750 95 % interval +0.3750 to +0.3750: better (8 images, 4 groups)",
        "a +0.5000 95 % interval +0.5000 to +0.5000: better (4 images, 4 groups)",
        "b +0.2500 95 % interval +0.2500 to +0.2500: better (4 images, 4 groups)",
    ]
    assert said(base, better, capsys)[1].startswith(
        "all -0.3750 95 % interval -0.3750 to -0.3750: worse"
    )


def test_a_gain_of_one_group_alone_is_not_shown(base, tmp_path, capsys):
    mixed = runs.judged(
        tmp_path, [(4, 3)] * 2 + [(4, 1)] * 2 + [(4, 2)] * 4, name="mixed", modalities=KINDS
    )
    (line,) = [line for line in said(mixed, base, capsys) if line.startswith("all")]
    assert line.startswith("all +0.0000")
    assert "no difference shown" in line


def test_a_base_without_scores_lists_those_there_are(base):
    with pytest.raises(UserError, match=r"bas/scores.csv: not there; scored runs here: base$"):
        compare.run(base, RunFiles(base.folder.with_name("bas")))


def test_a_run_without_scores_says_what_they_cost(base, tmp_path):
    fresh = runs.write(tmp_path, runs.CONFIG, name="fresh")
    with pytest.raises(
        UserError, match=r"scores.csv: not there; make score makes it \(trains folds"
    ):
        compare.run(fresh, base)
