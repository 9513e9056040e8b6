import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from segline.base import files, locks
from segline.base.errors import UserError
from segline.config import read, stages
from segline.config.places import RunFiles
from segline.config.stages import RunStage, TrainStage, TuneStage
from segline.config.tables import Data, Predict
from segline.data import raw_files
from segline.stages import data, settings

CONFIG = """
data = { dataset = "cells", n_folds = 3 }
train = { folds = [0, 2], epochs = 5 }
predict = { symmetries = 4 }
"""
RUN, RAW = RunFiles(Path("data/runs/mine")), Path("my raw")


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    """The config `mine`, in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = Path("configs/mine.toml")
    files.write_text(path, CONFIG)
    return path


@pytest.fixture
def raw(config):
    """A folder with a space in its name, whose files are in the layout `folders`."""
    files.write_text(
        config,
        'data = { dataset = "cells", task = "semantic", source = "folders", classes = ["b", "c"] }\n'
        'input = { mode = "grey" }\n',
    )
    rng = np.random.default_rng(0)
    for name in "abc":
        image = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        files.write_image(RAW / f"images/{name}.png", image)
        files.write_image(RAW / f"masks/{name}.png", (image[..., 0] > 200).astype(np.uint8))
    files.write_image(RAW / "test_images/t.png", rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
    return RAW


def variables(run=RUN):
    """What run.mk tells Make."""
    lines = [line.split(" :=") for line in run.makefile.read_text().splitlines()]
    return {name: value.strip() for name, value in lines}


def test_settings_of_each_stage_are_written(config):
    settings.run(RUN, config, settings="tune.fill_holes=false predict.symmetries=2")
    made = read.load(config, ["tune.fill_holes=false", "predict.symmetries=2"])
    for stage in stages.of(made):
        assert RUN.settings(type(stage)) == stage
    assert RUN.settings(TuneStage).fill_holes is False
    assert RUN.settings(RunStage) == RunStage(folds={"mine": (0, 2)})
    assert stages.read(RUN.data.settings, Data) == made.data


def test_run_mk_has_what_make_must_know(config):
    settings.run(RUN, config)
    found = variables()
    assert (found["task"], found["folds"], found["all_folds"]) == ("instances", "0 2", "0 1 2")
    assert found["model"] == "data/runs/mine/fold_%/model.keras"
    assert found["judged_oof"] == "data/runs/mine/fold_0/oof.h5 data/runs/mine/fold_2/oof.h5"
    assert found["images_csv"] == "data/interim/cells/images.csv"
    assert found["train_settings"] == "data/runs/mine/params/train.json"
    assert (found["fitted"], found["start"], found["data_changed"]) == ("", "", "")
    settings.run(RUN, config, settings="tune.second_stage=true")
    assert variables()["fitted"] == "data/runs/mine/second.h5"


def test_files_keep_their_time_unless_a_setting_changes(config):
    settings.run(RUN, config)
    written = [path for path in RUN.folder.rglob("[!.]*.*") if path.suffix != ".sum"]
    before = {path: path.stat().st_mtime_ns for path in written}
    settings.run(RUN, config, settings="predict.symmetries=8")
    after = {path: path.stat().st_mtime_ns for path in before}
    assert [path for path in before if after[path] != before[path]] == [RUN.params(Predict)]


def test_of_a_setting_that_is_given_twice_the_last_holds(config):
    settings.run(RUN, config, settings="train.epochs=3 weights.w0=1 train.epochs=7")
    assert RUN.settings(TrainStage).train.epochs == 7


def test_a_training_setting_under_a_finished_model_is_refused(config):
    settings.run(RUN, config)
    files.write_text(RUN.fold(2).model, "a net")
    before = RUN.params(TrainStage).read_bytes()
    settings.run(RUN, config, settings="predict.symmetries=1")
    with pytest.raises(UserError, match=r"run mine is trained .*\(train.epochs 5 -> 6\)") as caught:
        settings.run(RUN, config, settings="train.epochs=6")
    assert "fresh=1" in str(caught.value)
    assert RUN.params(TrainStage).read_bytes() == before
    settings.run(RUN, config, settings="train.epochs=6", fresh=True)
    assert RUN.settings(TrainStage).train.epochs == 6


def test_settings_of_a_data_set_that_is_made_are_refused(config):
    settings.run(RUN, config)
    files.write_text(RUN.data.images, "")
    with pytest.raises(UserError, match="data set cells is made .*fold_seed 0 -> 1"):
        settings.run(RunFiles(RUN.folder.with_name("other")), config, settings="data.fold_seed=1")


def test_folds_by_source_are_a_file_of_their_own_beside_the_same_data_set(config):
    settings.run(RUN, config)
    files.write_text(RUN.data.images, "")
    before = RUN.data.settings.read_bytes()
    files.write_text(
        config.with_stem("sources"),
        'extends = "mine"\ndata = { fold_by = "source", n_folds = 4 }\n',
    )
    other = RunFiles(RUN.folder.with_name("sources"))
    settings.run(other, config.with_stem("sources"))
    assert RUN.data.settings.read_bytes() == before
    assert other.settings(Data).fold_by == "source"
    assert variables()["folds_csv"] == "data/interim/cells/folds.csv"
    assert variables(other)["folds_csv"] == "data/interim/cells/folds_source_4_0.csv"
    assert other.data.folds == Path(variables(other)["folds_csv"])
    assert other.data.images == RUN.data.images


def test_the_folds_of_a_trained_run_are_not_cut_again(config):
    settings.run(RUN, config)
    files.write_text(RUN.fold(0).model, "")
    with pytest.raises(UserError, match="run mine is trained .*fold_by 'group' -> 'source'"):
        settings.run(RUN, config, settings="data.fold_by=source")


def test_a_blend_has_the_folds_of_its_members(config):
    files.write_text(config.with_stem("more"), 'extends = "mine"\n[train]\nfolds = [1]\n')
    blend = RunFiles(RUN.folder.with_name("mine+more"))
    settings.run(blend, config, with_=["more"])
    assert blend.settings(RunStage) == RunStage(folds={"mine": (0, 2), "more": (1,)})
    found = variables(blend)
    assert found["folds"] == ""
    assert found["test_maps"].split() == [
        *("data/runs/mine/fold_0/test.h5", "data/runs/mine/fold_2/test.h5"),
        "data/runs/more/fold_1/test.h5",
    ]


def test_a_run_of_shipped_weights_has_their_folds(config):
    run = RunFiles(RUN.folder.with_name("mine-pretrained"))
    files.write_text(Path("data/pretrained/other/SHA256SUMS"), "")
    with pytest.raises(UserError, match="no weights in data/pretrained/mine; shipped are: other"):
        settings.run(run, config)
    for fold in (0, 1):
        files.write_text(Path(f"data/pretrained/mine/fold_{fold}.h5"), "")
    settings.run(run, config)
    assert run.settings(RunStage) == RunStage(folds={"mine-pretrained": (0, 1)})
    assert (variables(run)["folds"], variables(run)["report"]) == ("0 1", "")


def test_the_net_that_a_run_starts_from(config):
    first = 'data = { dataset = "cells", n_folds = 3 }\ntrain = { folds = [0, 1] }\n'
    files.write_text(config.with_stem("first"), first)
    settings.run(RUN, config, settings="model.weights=first")
    assert variables()["start_model"] == "data/runs/first/fold_%/model.keras"
    assert variables()["start_options"] == "pretrained="
    for name in ("SHA256SUMS", "fold_0.h5"):
        files.write_text(Path("data/pretrained/first") / name, "")
    with pytest.raises(UserError, match="model.weights=first: data/pretrained/first has no fold 2"):
        settings.run(RUN, config, settings="model.weights=first")
    settings.run(RUN, config, settings="model.weights=first train.folds=0")
    assert variables()["start_model"] == "data/runs/first-pretrained/fold_%/model.keras"
    assert variables()["start_options"] == "pretrained=1"
    with pytest.raises(UserError, match="model.weights=frist: no configs/frist.toml"):
        settings.run(RUN, config, settings="model.weights=frist")


def test_a_generator_fills_a_folder_of_its_own(config):
    settings.run(RUN, config, settings="data.generate=demo")
    assert variables()["generate"] == "demo"
    assert variables()["generated"] == "data/generated/demo/stage1_solution.csv"
    assert RUN.raw.read_text() == "data/generated/demo\n"
    settings.run(RUN, config, settings="data.generate=demo", raw=Path("data/generated/demo"))
    assert variables()["generate"] == "demo"
    RAW.mkdir()
    settings.run(RUN, config, settings="data.generate=demo", raw=RAW)
    assert (variables()["generate"], variables()["generated"]) == ("", "")
    files.write_text(Path("data/raw/cells/stage1_train.zip"), "the user's")
    settings.run(RUN, config, settings="data.generate=demo")
    assert (variables()["generate"], RUN.raw.read_text()) == ("", "data/raw/cells\n")


def test_a_raw_folder_that_does_not_exist_is_refused(config):
    with pytest.raises(UserError, match="raw=my raw: no such folder"):
        settings.run(RUN, config, raw=RAW)
    assert not RUN.makefile.exists()


@pytest.mark.parametrize("kept", [b"", b"\n", b"a\0b\n", b"\xff\xfe\n"])
def test_a_damaged_memory_of_the_raw_folder_is_one_line(config, kept):
    files.write_bytes(Path("data/raw/cells.path"), kept)
    with pytest.raises(UserError, match=r"\Adata/raw/cells.path: [^\n]* remove it\Z"):
        settings.run(RUN, config)


@pytest.mark.parametrize("where", ["data/interim/cells", "data/interim/cells/images", "data", "."])
def test_raw_files_in_or_around_the_folder_that_is_filled_are_refused(config, where):
    Path(where).mkdir(parents=True, exist_ok=True)
    with pytest.raises(UserError, match=f"raw={where}: make data writes into data/interim/cells"):
        settings.run(RUN, config, raw=Path(where))


def test_a_touched_file_is_read_once_and_nothing_is_stale(config, raw, monkeypatch):
    settings.run(RUN, config, raw=raw)
    data.run(RUN)
    for path in raw.rglob("*"):
        os.utime(path, ns=(1, 1))
    settings.run(RUN, config)
    assert variables()["data_changed"] == ""
    monkeypatch.setattr(raw_files, "sha256", lambda path: pytest.fail(f"{path} is read again"))
    settings.run(RUN, config)
    assert variables()["data_changed"] == ""


def test_another_copy_of_the_raw_files_is_the_same_and_remembered(config, raw):
    settings.run(RUN, config, raw=raw)
    data.run(RUN)
    shutil.copytree(raw, "a copy")
    shutil.rmtree(raw)
    settings.run(RUN, config, raw=Path("a copy"))
    assert variables()["data_changed"] == ""
    settings.run(RUN, config)
    assert RUN.raw.read_text() == "a copy\n"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda raw: (raw / "masks/a.png").write_bytes(b"other"), "masks/a.png changed"),
        (lambda raw: (raw / "masks/a.png").unlink(), "masks/a.png changed"),
        (lambda raw: (raw / "masks/z.png").write_bytes(b"new"), "masks/z.png changed"),
    ],
)
def test_another_content_is_noticed_and_named(config, raw, change, said):
    settings.run(RUN, config, raw=raw)
    data.run(RUN)
    times = (raw / "masks/a.png").stat()
    change(raw)
    if (raw / "masks/a.png").exists():
        os.utime(raw / "masks/a.png", ns=(times.st_atime_ns, times.st_mtime_ns))
    settings.run(RUN, config)
    assert variables()["data_changed"] == "1"
    assert raw_files.changes(raw, RUN.data, RUN.settings(Data)) == f"my raw: {said}"


@pytest.mark.parametrize(
    "change",
    [
        lambda: shutil.copy(RUN.data.folder / "images/b.png", RUN.data.folder / "images/a.png"),
        lambda: (RUN.data.folder / "labels/a.png").unlink(),
        lambda: RUN.data.summary.write_text("{}"),
        lambda: RUN.data.sample.unlink(),
    ],
    ids=["images/a.png", "labels/a.png", "summary.json", "sample_submission.csv"],
)
def test_what_was_made_of_them_is_made_again_if_it_changes(config, raw, change, request):
    settings.run(RUN, config, raw=raw)
    data.run(RUN)
    kept = RUN.data.images.read_bytes()
    change()
    settings.run(RUN, config)
    assert variables()["data_changed"] == "1"
    name = request.node.callspec.id
    assert (
        raw_files.changes(raw, RUN.data, RUN.settings(Data)) == f"{RUN.data.folder}: {name} changed"
    )
    data.run(RUN)
    settings.run(RUN, config)
    assert variables()["data_changed"] == ""
    assert RUN.data.images.read_bytes() == kept


def test_a_file_that_has_lost_the_one_beside_it_is_stale(config):
    net = RUN.fold(2)
    for path in (net.model, RUN.cv, RUN.scores):
        files.write_text(path, "made")
    settings.run(RUN, config)
    assert [path.stat().st_mtime_ns == 0 for path in (net.model, RUN.cv)] == [True, False]
    RUN.scores.unlink()
    settings.run(RUN, config)
    assert RUN.cv.stat().st_mtime_ns == 0


def test_a_new_version_of_the_reader_makes_the_data_again_and_says_so(
    config, raw, monkeypatch, capsys
):
    settings.run(RUN, config, raw=raw)
    data.run(RUN)
    before = RUN.data.images.stat().st_mtime_ns
    monkeypatch.setattr(raw_files, "DATA_VERSION", raw_files.DATA_VERSION + 1)
    settings.run(RUN, config)
    assert variables()["data_changed"] == "1"
    data.run(RUN)
    assert "reads raw files otherwise" in " ".join(capsys.readouterr().out.split())
    assert RUN.data.images.stat().st_mtime_ns > before
    settings.run(RUN, config)
    assert variables()["data_changed"] == ""


def test_data_that_come_out_as_they_were_make_nothing_stale(config, raw):
    settings.run(RUN, config, raw=raw)
    data.run(RUN)
    before = RUN.data.images.stat().st_mtime_ns
    (raw / "notes.txt").write_text("not read")
    settings.run(RUN, config)
    data.run(RUN)
    assert RUN.data.images.stat().st_mtime_ns == before
    image = files.read_image(raw / "images/a.png")
    files.write_image(raw / "images/a.png", 255 - image)
    data.run(RUN)
    assert RUN.data.images.stat().st_mtime_ns > before


def test_strict_is_remembered_as_raw_is(config, raw):
    (raw / "masks/b.png").unlink()
    settings.run(RUN, config, raw=raw, strict="0")
    data.run(RUN)
    for given in ({}, {"strict": "0"}):
        settings.run(RUN, config, **given)
        assert RUN.settings(Data).strict is False
        assert variables()["data_changed"] == ""
    settings.run(RUN, config, strict="1")
    assert variables()["data_changed"] == "1"
    with pytest.raises(UserError, match="strict=no: expected 0 or 1"):
        settings.run(RUN, config, strict="no")


def test_a_change_in_a_remembered_raw_folder_is_noticed(config, raw):
    settings.run(RUN, config, raw=raw)
    assert RUN.raw.read_text() == "my raw\n"
    data.run(RUN)
    settings.run(RUN, config)
    assert RUN.raw.read_text() == "my raw\n"
    assert variables()["data_changed"] == ""
    mask = files.read_image(raw / "masks/a.png")[..., 0]
    files.write_image(raw / "masks/a.png", mask[::-1])
    settings.run(RUN, config)
    assert "data_changed := 1\n" in RUN.makefile.read_text()
    data.run(RUN)
    settings.run(RUN, config)
    assert variables()["data_changed"] == ""


def test_a_folder_that_failed_to_be_read_is_not_remembered(config, raw):
    (raw / "masks/b.png").unlink()
    settings.run(RUN, config, raw=raw)
    with pytest.raises(UserError, match="b: image without mask: my raw/images/b.png"):
        data.run(RUN)
    settings.run(RUN, config)
    assert RUN.raw.read_text() == "data/raw/cells\n"


def test_settings_stay_as_they_are_below_a_stage_at_work(config):
    settings.run(RUN, config)
    before = RUN.params(Predict).read_text()
    with locks.held(RUN.makefile, shared=True):
        settings.run(RUN, config)
        with pytest.raises(UserError, match=r"run.mk: in the hands of"):
            settings.run(RUN, config, settings="predict.symmetries=8")
    assert RUN.params(Predict).read_text() == before
    with (
        locks.held(RUN.data.images, shared=True),
        pytest.raises(UserError, match=r"images.csv: in the hands of"),
    ):
        settings.run(RUN, config, settings="data.fold_seed=8")
