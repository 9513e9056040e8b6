"""The Makefile's graph, on the tiny generated data set: one whole run, then what is stale."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from checkouts import COMMAND, checkout, environment
from runs import contents
from segline.base import files
from segline.base.checksums import sha256
from segline.synthetic import dsb2018, jobs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return checkout(tmp_path_factory.mktemp("checkout"))


def make(folder, *arguments):
    command = [*COMMAND, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment())


@pytest.fixture(scope="module")
def submitted(folder):
    answer = make(folder, "submit", "config=tiny", "-j2")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return folder


@pytest.fixture(scope="module")
def continued(submitted):
    """`next` starts from tiny's weights and moves them hardly; what make printed is in train.log."""
    (submitted / "configs/next.toml").write_text(
        'extends = "tiny"\n[model]\nweights = "tiny"\n[train]\nlearning_rate = 1e-9\n'
    )
    assert planned(submitted, "train", "config=next") == ["train"]
    answer = make(submitted, "train", "config=next")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    (submitted / "train.log").write_text(answer.stdout)
    return submitted


@pytest.fixture(scope="module")
def packed(submitted):
    """The run's weights are in data/pretrained, where those of an earlier run lay before."""
    files.write_text(submitted / "data/pretrained/tiny/fold_7.h5", "of an earlier run")
    answer = make(submitted, "pack", "config=tiny")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return submitted


def planned(folder, *arguments):
    """The stages `make -n` would run."""
    answer = make(folder, "-n", *arguments)
    assert answer.returncode == 0, answer.stderr
    lines = [line for line in answer.stdout.splitlines() if "-m segline " in line]
    return [line.split("-m segline ")[1].split()[0] for line in lines]


def test_one_command_goes_from_raw_files_to_a_submission(submitted):
    run = submitted / "data/runs/tiny"
    for name in ("fold_0/model.keras", "fold_0/history.csv", "fold_0/oof.h5", "fold_0/test.h5"):
        assert (run / name).exists(), name
    for name in ("thresholds.json", "scores.csv", "cv.json", "provenance.json", "report.html"):
        assert (run / name).exists(), name
    rows = pd.read_csv(submitted / "submissions/tiny.csv")
    sample = pd.read_csv(submitted / "data/interim/tiny/sample_submission.csv")
    assert rows["ImageId"].drop_duplicates().tolist() == sample["ImageId"].tolist()


def test_scores_csv_adds_up_to_cv_json(submitted):
    run = submitted / "data/runs/tiny"
    scores = pd.read_csv(run / "scores.csv")
    mean = pd.read_json(run / "cv.json", typ="series")["mean"]
    counts = scores[["tp_50", "fp_50", "fn_50"]].to_numpy()
    assert scores["ap"].mean() == pytest.approx(mean)
    assert np.array_equal(counts[:, 0] + counts[:, 1], scores["n_pred"])
    assert np.array_equal(counts[:, 0] + counts[:, 2], scores["n_true"])


def test_touching_nothing_rebuilds_nothing(submitted):
    assert planned(submitted, "submit", "config=tiny") == []
    again = make(submitted, "submit", "config=tiny")
    assert "Nothing to be done" in again.stdout or "up to date" in again.stdout


def test_a_training_setting_under_a_finished_model_is_refused(submitted):
    config = submitted / "configs/tiny.toml"
    text = config.read_text()
    config.write_text(text.replace("epochs = 2", "epochs = 3"))
    answer = make(submitted, "train", "config=tiny")
    config.write_text(text)
    assert answer.returncode != 0
    assert "train.epochs 2 -> 3" in answer.stderr
    assert "fresh=1" in answer.stderr


def test_settings_make_a_run_of_their_own_on_the_same_data(submitted):
    stages = planned(submitted, "submit", "config=tiny", "set=weights.w0=5 train.epochs=1")
    assert stages == ["train", "predict", "tune", "predict", "cv", "submit", "report"]
    assert stages.count("data") == 0


@pytest.mark.slow
def test_class_masks_go_through_the_same_chain(folder):
    answer = make(folder, "submit", "config=tiny_classes")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "lesion" in answer.stdout
    run = folder / "data/runs/tiny_classes"
    assert files.read_json(run / "fold_0/model.json")["task"]["classes"] == ["background", "lesion"]
    summary, scores = files.read_json(run / "cv.json"), pd.read_csv(run / "scores.csv")
    assert scores["dice"].mean() == pytest.approx(summary["mean"])
    rows = files.read_csv(folder / "submissions/tiny_classes.csv")
    sample = files.read_csv(folder / "data/interim/tiny_classes/sample_submission.csv")
    assert list(rows) == list(sample)
    assert rows["ImageId"].tolist() == sample["ImageId"].tolist()
    assert planned(folder, "submit", "config=tiny_classes") == []
    images = folder / "data/interim/tiny_classes/images"
    answer = make(folder, "segment", "config=tiny_classes", f"images={images}", "out=segmented")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    table = pd.read_csv(folder / "segmented/classes.csv")
    assert (table["background_px"] + table["lesion_px"] == table["height"] * table["width"]).all()
    labels = files.read_labels(folder / "segmented" / f"{Path(table['image'][0]).stem}.png")
    assert np.count_nonzero(labels) == table["lesion_px"][0]


def test_two_stages_have_a_classifier_between_thresholds_and_scores(folder):
    stages = planned(folder, "submit", "config=two_stage")
    assert stages[:4] == ["synthesize", "data", "folds", "train"]
    assert sorted(stages[4:-2]) == sorted(
        ["predict", "predict", "tune", "classifier", "classify", "classify", "cv"]
    )
    assert max(stages.index(s) for s in ("tune", "classifier")) < stages.index("classify")
    assert stages[-2:] == ["submit", "report"]


@pytest.mark.slow
def test_a_net_may_start_from_another_configs(continued):
    assert "fold 0: from data/runs/tiny/fold_0/model.keras" in (continued / "train.log").read_text()
    losses = [
        files.read_csv(continued / f"data/runs/{name}/fold_0/history.csv")["val_loss"].iloc[-1]
        for name in ("tiny", "next")
    ]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    nothing = make(continued, "train", "config=tiny", "set=model.weights=missing")
    assert "model.weights=missing: no configs/missing.toml" in nothing.stderr


@pytest.mark.slow
def test_a_fold_is_copied_only_from_one_with_the_same_start(continued):
    start = continued / "data/runs/tiny/fold_0/model.keras"
    record = continued / "data/runs/next/fold_0/model.json"
    assert files.read_json(record)["start"] == sha256(start)
    answer = make(continued, "train", "config=next", "run=again")
    assert "data/runs/again/fold_0: the same settings as data/runs/next/fold_0" in answer.stdout
    files.write_json(record, files.read_json(record) | {"start": "weights of long ago"})
    shutil.rmtree(continued / "data/runs/again/fold_0")
    answer = make(continued, "train", "config=next", "run=again")
    assert "data/runs/again/fold_0: the same settings" not in answer.stdout
    assert "fold 0: from data/runs/tiny/fold_0/model.keras" in answer.stdout


@pytest.mark.slow
def test_shipped_weights_make_the_same_csv(packed):
    shipped = packed / "data/pretrained/tiny"
    assert [path.name for path in shipped.glob("fold_*.h5")] == ["fold_0.h5"]
    assert "0.5" in (shipped / "README.md").read_text()
    assert planned(packed, "submit", "config=tiny", "pretrained=1") == [
        *("unpack-file", "unpack", "predict", "unpack-file", "submit"),
    ]
    trained = (packed / "submissions/tiny.csv").read_bytes()
    (packed / "submissions/tiny.csv").unlink()
    answer = make(packed, "submit", "config=tiny", "pretrained=1")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert (packed / "submissions/tiny.csv").read_bytes() == trained


@pytest.mark.slow
def test_weights_of_other_settings_are_refused(packed):
    (packed / "configs/wider.toml").write_text('extends = "tiny"\n[model]\nwidth = 6\n')
    shutil.copytree(packed / "data/pretrained/tiny", packed / "data/pretrained/wider")
    answer = make(packed, "submit", "config=wider", "pretrained=1")
    assert "trained with other settings than the config's (model)" in answer.stderr
    answer = make(packed, "submit", "config=none", "pretrained=1")
    assert "no weights in data/pretrained/none; shipped are: tiny wider" in answer.stderr


@pytest.mark.slow
def test_a_blend_tunes_once_and_copies_what_is_trained(submitted):
    (submitted / "configs/eight.toml").write_text(
        'extends = "tiny"\n[predict]\nsymmetries = 8\n[tune]\nsecond_stage = true\n'
    )
    answer = make(submitted, "blend", "configs=eight tiny")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "data/runs/eight/fold_0: the same settings as data/runs/tiny/fold_0" in answer.stdout
    run = submitted / "data/runs/eight+tiny"
    assert (run / "second.h5").exists()
    assert not (run / "fold_0").exists()
    assert "<h2>The worst images</h2>" in (run / "report.html").read_text()
    assert (submitted / "submissions/eight+tiny.csv").exists()


def test_a_missing_extra_set_is_named(submitted):
    answer = make(submitted, "train", "config=tiny", "set=train.extra=more")
    assert answer.returncode != 0
    assert "train.extra: no data set data/interim/more; make one with: make data" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "fold=9"), "no such fold; the folds of config tiny are 0 1"),
        (("submit", "fold=0"), "fold= goes with train and lr alone"),
        (("train", "set=train.epoch=1"), "unknown key train.epoch; did you mean train.epochs?"),
        (("train", "set=train.epochs=none"), "train.epochs"),
    ],
)
def test_a_wrong_variable_is_one_clear_line(submitted, arguments, message):
    answer = make(submitted, *arguments, "config=tiny")
    assert answer.returncode != 0
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "config=nope"), "segline: configs/nope.toml: no such config; configs here: "),
        (("submit", "config=npz", "set=a.b=1", "-n"), "segline: configs/npz.toml: unknown key a"),
        (("data", "config=npz", "raw=/nowhere", "-j2"), "segline: raw=/nowhere: no such folder; "),
    ],
)
def test_what_the_settings_refuse_is_one_line_and_makes_own(folder, arguments, message):
    """Make went on to say that run.mk is not there, or that there is no rule for it."""
    answer = make(folder, *arguments)
    said, stopped = answer.stderr.splitlines()
    assert said.startswith(message)
    assert stopped.endswith("*** nothing is made.  Stop.")
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert not (folder / "data/runs" / arguments[1].removeprefix("config=")).exists()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("confg=tiny", "confg=: no such variable; did you mean config=?"),
        ("flod=0", "flod=: no such variable; did you mean fold=?"),
        ("config=$(shell touch hole)", "expected a name of letters, digits, _ - . and +"),
        ("config=../tiny", "expected a name"),
        ("run=-rf", "which begins with neither - nor ."),
        ("run=.", "which begins with neither - nor ."),
        ("fresh=no", "fresh=no: expected 0 or 1"),
        ("given=$(shell touch hole)", "given=: no such variable"),
        ("run=a b;touch hole", "expected a name"),
        ("set=train.epochs=$(shell touch hole)", "train.epochs"),
        ("set=train.epochs='`touch hole`", "train.epochs"),
        ("raw=it's $(touch hole)", "raw=it's $(touch hole): no such folder"),
        ("raw=$(shell touch hole)", "raw=$(shell touch hole): no such folder"),
        ("raw=a\ntouch hole", "raw=: expected one line"),
    ],
)
def test_what_a_user_types_is_never_run(submitted, argument, message):
    answer = make(submitted, "train", "config=tiny", argument)
    assert answer.returncode != 0
    assert message in answer.stderr
    assert not (submitted / "hole").exists()


def test_the_python_of_setup_is_a_name_and_nothing_more(submitted):
    planned(submitted, "train", "config=tiny", "python=/bin/echo$(shell touch hole)")
    assert not (submitted / "hole").exists()


def test_nought_means_no(submitted):
    assert planned(submitted, "submit", "config=tiny", "fresh=0", "pretrained=0") == []


def test_a_name_in_a_config_is_never_run(submitted):
    for line in ('dataset = "$(shell touch hole)"', 'dataset = "a b"', 'dataset = "../x"'):
        (submitted / "configs/foreign.toml").write_text(f"[data]\n{line}\n")
        answer = make(submitted, "data", "config=foreign")
        assert answer.returncode != 0
        assert "data.dataset: " in answer.stderr
    assert not (submitted / "hole").exists()


def test_the_last_of_two_settings_holds_and_names_the_run(submitted):
    def run_of(settings):
        (line,) = (
            line
            for line in make(submitted, "-n", "train", "config=tiny", settings).stdout.splitlines()
            if "segline train" in line
        )
        return Path(line.split("--run ")[1].split()[0])

    runs = [
        run_of(f"set={words}")
        for words in (
            "train.epochs=7 train.epochs=9",
            "train.epochs=9 train.epochs=7",
            "train.epochs=9",
            "train.epochs=9 weights.w0=5",
            "weights.w0=5 train.epochs=9",
        )
    ]
    assert runs[0] == runs[2] != runs[1]
    assert runs[3] == runs[4]
    epochs = [
        files.read_json(submitted / run / "params/train.json")["train"]["epochs"] for run in runs
    ]
    assert epochs == [9, 7, 9, 9, 9]


@pytest.mark.parametrize("command", ["validate", "upload", "compare base=tiny", "segment images=."])
def test_a_check_says_what_it_lacks_and_what_that_costs(submitted, command):
    assert planned(submitted, *command.split(), "config=tiny", "set=train.seed=5") == [
        command.split()[0]
    ]
    answer = make(submitted, *command.split(), "config=tiny", "set=train.seed=5")
    assert answer.returncode != 0
    assert "trains fold 0: 80 crops" in answer.stderr or "no images there" in answer.stderr
    assert not list(submitted.glob("data/runs/tiny-*/fold_0/model.keras"))


@pytest.mark.parametrize("command", ["segment", "compare", "blend", "new", "new name=x"])
def test_a_missing_argument_is_said_at_once(submitted, command):
    answer = make(submitted, *command.split(), "config=tiny")
    assert answer.returncode != 0
    assert f"{command.split()[0]} needs " in answer.stderr


def test_a_new_config_and_its_folder_are_what_submit_takes(folder):
    raw = folder / "it's $(touch hole) raw"
    jobs.write(raw, name="tiny_classes", seed=1)
    answer = make(folder, "new", "name=fresh", f"raw={raw}")
    assert answer.returncode == 0, answer.stderr
    assert "next: make data config=fresh" in answer.stdout
    again = make(folder, "new", "name=fresh", f"raw={raw}")
    assert again.returncode != 0
    assert "configs/fresh.toml: is there already" in again.stderr
    answer = make(folder, "data", "config=fresh")
    assert answer.returncode == 0, answer.stderr
    assert planned(folder, "submit", "config=fresh")[0] == "train"
    assert not (folder / "hole").exists()


@pytest.mark.parametrize("name", ["../x", "a b", "$(shell touch hole)"])
def test_the_name_of_a_new_config_is_a_name(folder, name):
    answer = make(folder, "new", f"name={name}", "raw=.")
    assert answer.returncode != 0
    assert "name=" in answer.stderr
    assert "letters, digits" in answer.stderr
    assert not (folder / "hole").exists()


@pytest.mark.slow
def test_upload_hands_in_where_the_config_says(folder):
    for line, slug in (
        ('dataset = "ships"\ndialect = "airbus-ship-detection"', "airbus-ship-detection"),
        ('competition = "other"\ndialect = "airbus-ship-detection"', "other"),
        ('competition = "own_one"', "own_one"),
        ("", "data-science-bowl-2018"),
    ):
        (folder / "configs/hands.toml").write_text(f"[data]\n{line}\n")
        answer = make(folder, "-n", "upload", "config=hands", "fresh=1")
        assert f"--competition {slug}\n" in answer.stdout, answer.stderr
    (folder / "configs/hands.toml").write_text('[data]\ndataset = "mine"\n')
    assert "--competition" not in make(folder, "-n", "upload", "config=hands").stdout
    (folder / "configs/hands.toml").write_text('[data]\ncompetition = "--x; y"\n')
    assert "data.competition" in make(folder, "-n", "upload", "config=hands").stderr


def test_the_choice_of_a_page_reaches_python_as_text(folder):
    odd = ("page=$(touch pwned)", "channels=0'; touch pwned;", "project=$(shell touch pwned)")
    answer = make(folder, "-n", "segment", "config=tiny", "images=a b.tif", *odd)
    assert answer.returncode == 0, answer.stderr
    for words in (
        "--images 'a b.tif'",
        "--page '$(touch pwned)'",
        r"--channels '0'\''; touch pwned;'",
        "--project '$(shell touch pwned)'",
    ):
        assert words in answer.stdout
    assert not (folder / "pwned").exists()


@pytest.mark.slow
def test_a_touched_file_under_a_path_with_a_space_is_noticed(submitted):
    raw = submitted / "my raw"
    shutil.copytree(submitted / "data/generated/tiny", raw)
    (submitted / "configs/spaced.toml").write_text(
        (submitted / "configs/tiny.toml")
        .read_text()
        .replace('dataset = "tiny"\ngenerate = "tiny"', 'dataset = "spaced"')
    )
    (raw / "broken").mkdir()
    failed = make(submitted, "data", "config=spaced", f"raw={raw / 'broken'}")
    assert failed.returncode != 0
    again = make(submitted, "data", "config=spaced")
    assert "data/raw/spaced: missing" in again.stderr  # the folder that failed is not remembered
    answer = make(submitted, "data", "config=spaced", f"raw={raw}")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert planned(submitted, "data", "config=spaced") == []
    os.utime(raw / "stage1_train.zip")
    assert planned(submitted, "data", "config=spaced") == []
    with (raw / "stage1_train_labels.csv").open("a") as table:
        table.write("nobody,1 1\n")
    assert planned(submitted, "data", "config=spaced") == ["data", "folds"]
    refused = make(submitted, "data", "config=spaced")
    assert refused.returncode != 0
    assert "nobody: labels without image: 1 rows in stage1_train_labels.csv" in refused.stderr
    assert "strict=0" in refused.stderr
    lenient = make(submitted, "data", "config=spaced", "strict=0")
    assert lenient.returncode == 0, lenient.stdout + lenient.stderr
    assert planned(submitted, "data", "config=spaced") == []


def pictures_of(raw):
    """Every file of a folder with its time and content."""
    return {
        path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
        for path in [raw, *raw.rglob("*")]
    }


@pytest.mark.parametrize("config", ["npz", pytest.param("iris", marks=pytest.mark.slow)])
def test_nothing_is_generated_or_written_into_the_users_folder(folder, tmp_path, config):
    rng, raw = np.random.default_rng(0), tmp_path / "mine"
    images = rng.integers(0, 256, (8, 24, 20, 3)).astype(np.uint8)
    masks = (images[..., 0] > 200).astype(np.uint8)
    if config == "npz":
        raw.mkdir()
        np.savez(raw / "train.npz", images, masks)
    else:
        for number, pair in enumerate(zip(images, masks, strict=True)):
            for kind, picture in zip(("images", "masks"), pair, strict=True):
                files.write_image(raw / f"{kind}/x{number}.png", picture)
    before = pictures_of(raw)
    names = [f"config={config}", f"set=data.dataset=my{config}"]
    answer = make(folder, "data", *names, f"raw={raw}")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert pictures_of(raw) == before
    assert not (folder / f"data/raw/my{config}").exists()
    assert not (folder / f"data/generated/{config}").exists()
    assert planned(folder, "submit", *names)[0] == "train"


@pytest.mark.slow
def test_replaced_raw_data_are_not_passed_off_as_those_trained_on(submitted):
    raw, run = submitted / "replaced", submitted / "data/runs/kept"
    shutil.copytree(submitted / "data/generated/tiny", raw)
    (submitted / "configs/kept.toml").write_text(
        (submitted / "configs/tiny.toml")
        .read_text()
        .replace('dataset = "tiny"\ngenerate = "tiny"', 'dataset = "kept"')
    )
    answer = make(submitted, "train", "config=kept", f"raw={raw}")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    before = {path: data for path, data in contents(run).items() if path.suffix != ".mk"}
    shutil.rmtree(raw)
    dsb2018.write(raw, size="tiny", seed=5)
    assert planned(submitted, "train", "config=kept") == ["data", "folds", "train"]
    refused = make(submitted, "train", "config=kept")
    assert refused.returncode != 0
    assert "made again: " in refused.stdout
    assert "trained on other data (training data " in refused.stderr
    assert "fresh=1" in refused.stderr
    assert before.items() <= contents(run).items()
    again = make(submitted, "train", "config=kept", "fresh=1")
    assert again.returncode == 0, again.stdout + again.stderr
    assert (run / "fold_0/model.keras").read_bytes() != before[run / "fold_0/model.keras"]
    hashes = files.read_json(submitted / "data/interim/kept/summary.json")
    assert files.read_json(run / "provenance.json")["data_hash"] == hashes["data_hash"]


def test_only_the_folds_of_the_config_are_scored(submitted):
    shutil.copytree(submitted / "data/runs/tiny/fold_0", submitted / "data/runs/tiny/fold_1")
    try:
        assert planned(submitted, "submit", "config=tiny") == []
    finally:
        shutil.rmtree(submitted / "data/runs/tiny/fold_1")


def test_one_fold_is_the_first_command_ever(folder):
    assert not (folder / "data/runs/iris").exists()
    assert planned(folder, "train", "fold=1", "config=iris")[-1] == "train"


def test_missing_raw_data_names_the_three_commands(folder):
    (folder / "configs/none.toml").write_text('[data]\ndataset = "none"\n')
    answer = make(folder, "data", "config=none")
    assert answer.returncode != 0
    for command in ("make download", "source=kaggle", "make data raw="):
        assert command in answer.stderr
    assert not (folder / "data/interim/none/images.csv").exists()


def test_a_tuning_setting_does_not_retrain(submitted):
    """The last test of these: afterwards the run is stale."""
    config = submitted / "configs/tiny.toml"
    config.write_text(config.read_text().replace("0.4, 0.6]", "0.45, 0.6]", 1))
    assert planned(submitted, "submit", "config=tiny") == ["tune", "cv", "submit", "report"]
