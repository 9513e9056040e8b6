"""One fold's net through its stages: trained, predicting, packed for the repository and unpacked."""

import os
import re
import shutil

import numpy as np
import pytest

import runs
from segline import shipped
from segline.base import checksums, files, locks, seals
from segline.base.errors import UserError
from segline.config import read, stages
from segline.config.places import RunFiles, ShippedFiles
from segline.config.stages import TrainedStage, TrainStage
from segline.config.tables import Data, Model, Predict
from segline.data import identity, raw_files
from segline.objects import maps
from segline.stages import pack, predict, train, tune, unpack, unpack_file
from segline.tasks import segmenter

CONFIG = """
data = { dataset = "squares", n_folds = 2 }
model = { width = 4, depth = 1, stem = 2 }
predict = { symmetries = 2 }
[train]
folds = [0]
crop_px = 32
batch_size = 2
epochs = 2
crops_per_epoch = 4
validation_crops = 2
precision = "float32"
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("configs") / "small.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    """A run of one fold that is trained; its maps and figures are made up."""
    root = tmp_path_factory.mktemp("root")
    made = runs.judged(root, [(4, 4)] * 8, name="small", config=read.load(config))
    train.run(made, fold=0)
    return made


@pytest.fixture(scope="module")
def packed(run, config):
    out = ShippedFiles(run.root / "pretrained/small")
    files.write_text(out.weights(7), "of an earlier run")
    pack.run(run, config, out.folder)
    return out


def test_what_training_leaves(run):
    fold = run.fold(0)
    trained = stages.read(fold.settings, TrainedStage)
    settings = run.settings(TrainStage)
    assert trained == TrainedStage(**dict(settings), precision="float32", start=None)
    assert files.read_csv(fold.history)["epoch"].tolist() == [1, 2]
    assert fold.model.exists()
    record = files.read_json(run.provenance)
    assert (record["data_hash"], record["precision"]) == ("h", "float32")


def test_a_fold_that_another_process_trains_is_refused(run):
    before = run.fold(0).model.read_bytes()
    with locks.held(run.fold(0).model), pytest.raises(UserError, match="model.keras: in the hands"):
        train.run(run, fold=0, fresh=True)
    with locks.held(run.makefile, shared=True), pytest.raises(UserError, match="run.mk: in the"):
        locks.held(run.makefile).__enter__()
    assert run.fold(0).model.read_bytes() == before


def test_a_fold_that_is_not_there_is_refused(run):
    with pytest.raises(UserError, match=r"folds.csv: no fold 7; folds here: 0, 1"):
        train.run(run, fold=7)


def test_maps_of_the_held_out_and_of_the_test_images(run):
    for split, ids in (("oof", ["i0", "i1", "i4", "i5"]), ("test", ["t"])):
        predict.run(run, fold=0, split=split)
        path = run.fold(0).maps(split)
        assert maps.ids(path) == ids
        probs = maps.read(path, ids[0])
        assert probs.shape == (runs.SIDE, runs.SIDE, 3)
        assert np.abs(probs.sum(axis=-1, dtype=int) - 255).max() <= 2


def test_what_a_run_with_the_same_settings_has_made_is_copied(run, config, capsys):
    predict.run(run, fold=0, split="oof")
    again = runs.write(run.root.parent, read.load(config), name="again")
    capsys.readouterr()
    train.run(again, fold=0)
    predict.run(again, fold=0, split="oof")
    said = " ".join(capsys.readouterr().out.split())
    assert f"{again.fold(0).folder}: the same settings as {run.fold(0).folder}, copied" in said
    assert "the same model and settings as" in said
    for ours, theirs in (
        (again.fold(0).model, run.fold(0).model),
        (again.fold(0).maps("oof"), run.fold(0).maps("oof")),
    ):
        assert ours.read_bytes() == theirs.read_bytes()
    old = files.read_json(run.provenance)
    try:  # as a version left it that drew other samples
        files.write_json(run.provenance, old | {"draws": 1})
        files.write_json(again.provenance, old | {"draws": 1})
        assert not train._taken_from_another_run(again, 0, old["data_hash"], None)
    finally:
        files.write_json(run.provenance, old)
    runs.change(again, Predict, symmetries=1)
    predict.run(again, fold=0, split="oof")
    assert "copied" not in capsys.readouterr().out


@pytest.fixture
def replaced(run, tmp_path):
    """A copy of the trained run whose raw data were replaced after training."""
    shutil.copytree(run.root, tmp_path / "data")
    copy = RunFiles(tmp_path / "data/runs" / run.name)
    predict.run(copy, fold=0, split="oof")
    files.write_json(copy.data.summary, {"data_hash": "n", "train_hash": "new"})
    return copy


def test_a_net_of_other_data_is_not_kept_as_if_it_were_of_these(replaced):
    before = runs.contents(replaced.folder)
    with pytest.raises(
        UserError, match=r"trained on other data \(training data h -> new\); fresh=1"
    ):
        train.run(replaced, fold=0)
    assert runs.contents(replaced.folder) == before
    train.run(replaced, fold=0, fresh=True)
    assert files.read_json(replaced.provenance)["data_hash"] == "n"
    assert identity.read(replaced.fold(0)).train_hash == "new"
    assert replaced.fold(0).model.read_bytes() != before[replaced.fold(0).model]


def slowly(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"train_hash": "new"}, "training data h -> new"),
        slowly({"folds": 1}, "folds [0-9a-f]{16} -> [0-9a-f]{16}"),
        slowly({"version": 7}, "version of the reader"),
    ],
)
def test_a_checkpoint_of_other_data_is_not_gone_on_from(run, tmp_path, capsys, change, said):
    shutil.copytree(run.root, tmp_path / "data")
    copy = RunFiles(tmp_path / "data/runs" / run.name)
    copy.fold(0).model.unlink()
    if "folds" in change:
        table = files.read_csv(copy.data.folds)
        files.write_csv(copy.data.folds, table.assign(fold=1 - table["fold"]))
    elif "version" in change:
        made = raw_files.Origin(version=7, settings=copy.settings(Data), files={})
        raw_files.remember_origin(copy.data, made)
    else:
        files.write_json(copy.data.summary, {"data_hash": "h"} | change)
    shutil.rmtree(copy.folder.with_name("again"), ignore_errors=True)
    capsys.readouterr()
    train.run(copy, fold=0)
    printed = " ".join(capsys.readouterr().out.split())
    if "version" in change:
        assert "of other data (not known which); starting anew" in printed
    else:
        assert re.search(rf"of other data \({said}\); starting anew", printed)
    assert "fold 0: starting;" in printed


def test_maps_of_other_data_are_not_made_and_not_tuned_on(replaced):
    with pytest.raises(
        UserError, match=r"model.keras: trained on other data .*h -> new.*held out now"
    ):
        predict.run(replaced, fold=0, split="oof")
    with pytest.raises(UserError, match=r"fold_0/oof.h5: of other images or folds .*make predict"):
        tune.run(replaced)


@pytest.mark.slow
def test_a_fold_of_other_data_is_not_copied(run, tmp_path, config, capsys):
    shutil.copytree(run.root, tmp_path / "data")
    other = RunFiles(tmp_path / "data/runs" / run.name)
    again = runs.write(tmp_path, read.load(config), name="fresh")
    files.write_json(again.data.summary, {"data_hash": "n", "train_hash": "new"})
    capsys.readouterr()
    train.run(again, fold=0)
    assert "copied" not in capsys.readouterr().out
    assert identity.read(other.fold(0)).train_hash == "h"


def test_what_is_made_of_the_same_is_kept_whatever_its_time(run, tmp_path, capsys):
    shutil.copytree(run.root, tmp_path / "data")
    copy = RunFiles(tmp_path / "data/runs" / run.name)
    predict.run(copy, fold=0, split="oof")
    before = copy.fold(0).model.read_bytes(), copy.fold(0).maps("oof").read_bytes()
    for path in (copy.fold(0).model, copy.fold(0).maps("oof")):
        os.utime(path, ns=(1, 1))
    copy.fold(0).last.unlink()
    capsys.readouterr()
    train.run(copy, fold=0)
    predict.run(copy, fold=0, split="oof")
    printed = " ".join(capsys.readouterr().out.split())
    assert "is trained with these settings on this data" in printed
    assert "oof.h5 is of this net, these settings and images" in printed
    assert (copy.fold(0).model.read_bytes(), copy.fold(0).maps("oof").read_bytes()) == before
    assert copy.fold(0).model.stat().st_mtime_ns > copy.data.images.stat().st_mtime_ns


def test_a_packed_run_has_weights_figures_and_a_card(run, packed):
    assert sorted(path.name for path in packed.folder.iterdir()) == [
        *("README.md", "SHA256SUMS", "cv.json", "fold_0.h5"),
        *("predict.json", "scores.csv", "thresholds.json"),
    ]
    checksums.check_sums(packed.sums)
    assert stages.read(packed.predict, Predict) == run.settings(Predict)
    card = packed.card.read_text()
    for words in (
        "# Weights of `config=small`",
        "| all | 1.000 ± 0.000 | 4 |",
        'data = { dataset = "squares", n_folds = 2 }',
        f"{checksums.sha256(packed.weights(0))}  fold_0.h5",
    ):
        assert words in card


def test_a_run_that_is_not_finished_is_not_packed(run, config, tmp_path):
    with pytest.raises(UserError, match="no finished run; make submit config=small first"):
        pack.run(runs.write(tmp_path, read.load(config)), config, tmp_path / "out")


def test_an_unpacked_net_predicts_the_same(run, packed, config):
    pretrained = runs.write(run.root.parent, read.load(config), name="small-pretrained")
    unpack.run(pretrained, fold=0, shipped=packed.folder)
    for each in (run, pretrained):
        predict.run(each, fold=0, split="oof")
    found, expected = (maps.read(each.fold(0).maps("oof"), "i4") for each in (pretrained, run))
    assert np.array_equal(found, expected)


def test_a_file_beside_the_shipped_weights_is_checked(run, packed, config, tmp_path):
    pretrained = runs.write(run.root.parent, read.load(config), name="small-pretrained")
    unpack_file.run(pretrained, packed.folder, "thresholds.json")
    assert pretrained.thresholds.read_bytes() == run.thresholds.read_bytes()
    assert seals.of(pretrained.thresholds)
    copy = shutil.copytree(packed.folder, tmp_path / "small")
    files.write_text(copy / "thresholds.json", "{}")
    with pytest.raises(UserError, match=r"thresholds.json: differs from .*SHA256SUMS"):
        unpack_file.run(pretrained, copy, "thresholds.json")
    assert pretrained.thresholds.read_bytes() == run.thresholds.read_bytes()


def test_a_net_without_its_settings_is_not_kept(replaced):
    replaced.fold(0).settings.unlink()
    with pytest.raises(UserError, match=r"model.json: no such file, .*; fresh=1 trains it again"):
        train.run(replaced, fold=0)


def test_weights_of_other_settings_are_refused(run, packed, config):
    wider = runs.write(run.root.parent, read.load(config), name="wider-pretrained")
    runs.change(wider, TrainStage, model=Model(width=6, depth=1, stem=2))
    with pytest.raises(UserError, match=r"trained with other settings than the config's \(model\)"):
        unpack.run(wider, fold=0, shipped=packed.folder)


def test_a_model_segments_alike_from_its_run_and_as_packed(run, packed):
    image = runs.PALETTE[runs.squares(4)]
    expected = segmenter.of_run(run).segment(image)
    assert np.array_equal(shipped.load(packed.folder).segment(image), expected)
    files.write_text(run.makefile, "")
    assert np.array_equal(shipped.load(run.folder).segment(image), expected)


def test_a_name_of_no_weights_lists_those_there_are(packed, tmp_path, monkeypatch):
    there = ShippedFiles(tmp_path / "data/pretrained/small")
    shutil.copytree(packed.folder, there.folder)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"smal: neither shipped weights \(there are .*small"):
        shipped.load("smal")
    there.weights(0).write_bytes(b"changed")
    with pytest.raises(UserError, match=r"fold_0\.h5: differs from"):
        shipped.load("small")


@pytest.mark.fault("torn, flipped or foreign file")
@pytest.mark.parametrize("sealed", [True, False])
def test_a_damaged_net_is_one_line(run, counted, sealed):
    path = run.fold(0).model
    data, seal = path.read_bytes(), seals.beside(path).read_text()
    weights = data.index(b"model.weights.h5") + len(data) // 3
    damages = [data[: len(data) // 2], b"", b"{}", bytes(len(data))]
    damages.append(data[:weights] + bytes([data[weights] ^ 1]) + data[weights + 1 :])
    try:
        for damaged in damages:
            path.write_bytes(damaged)
            if not sealed:
                seals.beside(path).unlink(missing_ok=True)
            with pytest.raises(
                UserError, match=r"\A[^\n]+/model\.keras: [^\n]+make train makes it again"
            ):
                predict.run(run, fold=0, split="oof")
            counted()
    finally:
        files.write_bytes(path, data)
        files.write_text(seals.beside(path), seal)
