"""Extreme values of every key: what is read gets through `settings` to a first training batch."""

import math
from pathlib import Path

import numpy as np
import pytest

from segline.base import files
from segline.base.errors import UserError
from segline.config import read
from segline.config.places import RunFiles
from segline.config.stages import TrainStage
from segline.config.tables import Config, tables
from segline.data import folds
from segline.data.tables import read_images
from segline.samples.fold import samplers
from segline.stages import data, settings
from segline.synthetic import dsb2018, jobs

TINY = """
[data]
dataset = "tiny"
n_folds = 2
[model]
width = 4
depth = 2
stem = 2
[train]
crop_px = 64
batch_size = 2
epochs = 1
crops_per_epoch = 4
validation_crops = 2
precision = "float32"
"""
CLASSES = """
[data]
dataset = "tiny"
n_folds = 2
source = "folders"
task = "semantic"
classes = ["background", "lesion"]
[input]
mode = "rgb"
size = [48, 48]
[model]
width = 4
depth = 2
[train]
crop_px = 48
batch_size = 2
epochs = 1
crops_per_epoch = 4
validation_crops = 2
precision = "float32"
"""
NUMBERS = (-1, 0, 1, 2, 3, 16, 31, 2**31, 10**12)
SHARES = (-0.5, 1e-300, 1e-9, 0.05, 0.5, 1.0, 1.5, 50.0, 1e5, 1e300, math.inf, -math.inf, math.nan)
WORDS = (
    "",
    "none",
    "x" * 300,
    "unet",
    "classifier",
    "dice",
    "max",
    "tiny",
    "median",
    "plateau",
    "muon",
)
LISTS = ([], [0], [0, 0], [1, 2], [2, 1], [0.05, 0.05], [0.05, 20.0], [1e-9, 1e9], [-1, 1], [1.5])
TEXTS = ([""], ["tissue_purple"], ["a", "a"], ["tiny"])
VALUES = (*NUMBERS, *SHARES, True, False, *WORDS, *LISTS, *TEXTS, [0.0, 0.0], [math.nan, 1])
KEYS = [
    f"{name}.{key}"
    for name, table in tables().items()
    for key in table.model_fields
    if f"{name}.{key}" not in ("data.dialect", "regions.model", "loss.terms")
] + [f"regions.model.{key}" for key in tables()["model"].model_fields]
KEYS += [f"loss.terms.{name}" for name in ("cross_entropy", "dice", "focal", "iou")]


@pytest.fixture(scope="module")
def checkouts(tmp_path_factory):
    """A folder for each task with its configs and the data set read."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, text in (("instances", TINY), ("semantic", CLASSES)):
            root = tmp_path_factory.mktemp(name)
            patch.chdir(root)
            files.write_text(Path("configs/x.toml"), text)
            if name == "instances":
                dsb2018.write(Path("data/raw/tiny"), size="tiny", seed=0)
            else:
                jobs.write(Path("data/raw/tiny"), name="tiny_classes", seed=0)
            run = RunFiles(Path("data/runs/x"))
            settings.run(run, Path("configs/x.toml"))
            data.run(run)
            found[name] = root
    return found


def changed(path, key, value):
    """The config at `path` with another value of one key."""
    *names, last = key.split(".")
    tree = read._read_toml(path)
    table = tree
    for name in names:
        table = table.setdefault(name, {})
    table[last] = value
    base = Config().model_dump(mode="json")
    return read.validated(Config, read._merged(base, tree), str(path))


def made_samplers(config, run):
    """The samplers of its first fold, as training makes them; UserError if it refuses."""
    files.write_text(run.params(TrainStage), settings.stages.text(settings.stages.of(config)[1]))
    table = read_images(run.data.images)
    try:
        made = folds.assign(table, n_folds=config.data.n_folds, seed=config.data.fold_seed)
    except ValueError as error:
        raise UserError(str(error)) from None
    train = table[table["split"] == "train"].merge(made, on="image_id")
    return samplers(train, config.folds[0], run.settings(TrainStage))


def first_batch(config, run):
    return [sampler(0, index) for sampler in made_samplers(config, run) for index in range(2)]


def configs_read(path, key):
    """The configs that the values of a key give, but for those that are refused, in a line."""
    found = []
    for value in VALUES:
        try:
            config = changed(path, key, value)
        except UserError as error:
            found.append(str(error))
        else:
            found.append(config)
    refused = [each for each in found if isinstance(each, str)]
    assert not any("\n" in line for line in refused)
    return [each for each in found if not isinstance(each, str)]


def taught(config):
    """What of a config a sample depends on."""
    train = config.train.model_dump(
        include={"crop_px", "seed", "modality_power", "without", "folds"}
    )
    return config.data, config.input, config.target, config.weights, config.augment, train


def check(samples, config):
    for sample in samples:
        assert np.isfinite(sample.image).all()
        assert np.isfinite(sample.weight).all()
        assert sample.weight.min() >= 0
        assert sample.image.shape[:2] == (config.train.crop_px,) * 2


@pytest.mark.parametrize(
    ("task", "key"),
    [
        *(("instances", key) for key in KEYS if key != "train.skip"),
        *(("semantic", key) for key in KEYS if key.startswith(("data", "input", "weights"))),
    ],
)
def test_a_value_is_refused_when_read_or_gets_to_a_first_batch(task, key, checkouts, monkeypatch):
    monkeypatch.chdir(checkouts[task])
    run, path = RunFiles(Path("data/runs/x")), Path("configs/x.toml")
    done = [taught(read.load(path))]
    for config in configs_read(path, key):
        if taught(config) in done:
            continue
        done.append(taught(config))
        try:
            samples = first_batch(config, run)
        except UserError:  # of the data: too few groups for the folds, an unknown modality
            if key not in ("data.n_folds", "train.without"):
                raise
        else:
            check(samples, config)


@pytest.mark.slow
@pytest.mark.parametrize(
    "key",
    [
        key
        for key in KEYS
        if key.split(".")[0] in ("model", "loss", "train") and key != "train.skip"
    ],
)
def test_a_value_is_refused_when_read_or_trains_a_batch(key, checkouts, monkeypatch):
    from segline.nets import batches, compiled

    monkeypatch.chdir(checkouts["instances"])
    run, path = RunFiles(Path("data/runs/x")), Path("configs/x.toml")
    configs = [each for each in configs_read(path, key) if each.model.weights == "none"]
    stages = {str(each): each for each in configs if not each.train.without}.values()
    fitting, _ = made_samplers(read.load(path), run)
    batch = next(
        iter(batches.fixed_batches(fitting, batch_size=2, n_samples=2).as_numpy_iterator())
    )
    for config in [*stages][-1:]:  # each net takes seconds
        stage = settings.stages.of(config)[1]
        loss = compiled.net(stage, "float32").train_on_batch(*batch)
        assert np.isfinite(np.asarray(loss)).all(), stage


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "train.without=fluorescence,tissue_purple,tissue_light,brightfield",
            "names every modality, so",
        ),
        ("train.extra=tiny", "train.extra names tiny, the data set itself"),
        ("train.folds=0,0", r"train.folds names \[0\] more than once"),
        ("train.seed=-1", "train.seed: .* found -1"),
        ("augment.scale=1.6,0.6", "scale is smallest and largest, found 1.6 and 0.6"),
        ("augment.scale=0.05,1 train.crop_px=4096", "cuts 81920 px, above 16384"),
        ("weights.sigma=1e-300", "weights.sigma: "),
        ("weights.w0=inf", "weights.w0: .* found inf"),
        ("train.learning_rate=nan", "train.learning_rate: .* found nan"),
        ("tune.seed_threshold=[]", "tune.seed_threshold: .* found ()"),
        ("predict.scales=[]", "predict.scales: .* found ()"),
        ("target.border_area_px=2000,300", "border_area_px must ascend"),
        ("model.name=unett", "model.name: .* found 'unett'"),
        ("model.name=efficientnet_unet", "needs depth=5 and stem=1"),
        (
            "model.name=efficientnet_lite_unet",
            "needs depth=4 and stem=2 or depth=5 and stem=1, found 2 and 2",
        ),
        ("model.weights=imagenet", "weights=imagenet goes with name=efficientnet_unet"),
        ("regions.model.name=unet", "regions have model.name=classifier"),
        ("regions.size_px=16 regions.model.depth=5", "size_px=16 is less than 32"),
        ("regions.class_weights=0,0", "regions.class_weights: all of the weights are 0"),
        ("weights.class_weights=0,0", "weights.class_weights: all of the weights are 0"),
        (
            "train.schedule=plateau train.plateau_floor=1",
            "plateau_floor=1.0 is above learning_rate",
        ),
        ("data.n_folds=1000000000", "data.n_folds: .* found 1000000000"),
    ],
)
def test_what_would_fail_later_is_one_line_at_once(words, message, checkouts):
    with pytest.raises(UserError, match=message) as caught:
        read.load(checkouts["instances"] / "configs/x.toml", words.split())
    assert "\n" not in str(caught.value)


def test_every_modality_that_is_there_is_not_left_out(checkouts, monkeypatch):
    monkeypatch.chdir(checkouts["semantic"])
    run = RunFiles(Path("data/runs/y"))
    with pytest.raises(UserError, match="train.without names every modality of .*images.csv .all."):
        settings.run(run, Path("configs/x.toml"), settings="train.without=all")


def test_nets_that_start_from_each_other_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, other in (("a", "b"), ("b", "a"), ("self", "self")):
        files.write_text(Path(f"configs/{name}.toml"), f'[model]\nweights = "{other}"\n')
    for name, said in (("a", "a starts from b starts from a"), ("self", "self starts from self")):
        with pytest.raises(UserError, match=f"model.weights: {said}, in a circle"):
            settings.run(RunFiles(Path("data/runs") / name), Path(f"configs/{name}.toml"))
