from pathlib import Path

import pytest

from segline import config, files
from segline.errors import UserError
from segline.sources import generated, synthetic

CONFIGS = Path(__file__).parents[1] / "configs"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "base.toml").write_text("[train]\nepochs = 7\n[weights]\nw0 = 3.0\n")
    (tmp_path / "child.toml").write_text('extends = "base"\n[train]\nfolds = [0]\n')
    (tmp_path / "grandchild.toml").write_text('extends = "child"\n')
    return tmp_path


def test_a_child_changes_only_what_it_names(folder):
    loaded = config.load(folder / "child.toml")
    assert (loaded.train.epochs, loaded.weights.w0, loaded.folds) == (7, 3.0, (0,))


def test_a_lineage_has_parents_and_starts_each_once(folder):
    (folder / "first.toml").write_text('extends = "base"\n[train]\nseed = 1\n')
    (folder / "second.toml").write_text('extends = "base"\n[model]\nweights = "first"\n')
    found = config.lineage(folder / "second.toml")
    assert [path.stem for path in found] == ["second", "base", "first"]


@pytest.mark.parametrize(
    ("setting", "read"),
    [
        ("train.epochs=3", lambda c: c.train.epochs == 3),
        ("weights.w0=5", lambda c: c.weights.w0 == 5.0),
        ("train.folds=0,2", lambda c: c.folds == (0, 2)),
        ("train.precision=float32", lambda c: c.train.precision == "float32"),
        ("loss.terms.dice=0.25", lambda c: c.loss.terms["dice"] == 0.25),
        ("loss.terms.iou=1", lambda c: c.loss.terms == {"cross_entropy": 1, "dice": 0.5, "iou": 1}),
        ("loss.dice_over=pooled", lambda c: c.loss.dice_over == "pooled"),
        ("train.schedule=plateau", lambda c: c.train.schedule == "plateau"),
        ("tune.fill_holes=false", lambda c: c.tune.fill_holes is False),
        ("train.without=a,b", lambda c: c.train.without == ("a", "b")),
    ],
)
def test_settings_override_the_file(folder, setting, read):
    assert read(config.load(folder / "base.toml", [setting]))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("train.epoch=3", "unknown key train.epoch; did you mean train.epochs?"),
        ("train.epochs=0", "train.epochs: .* found 0"),
        ("train.epochs=many", "train.epochs: .* found 'many'"),
        ("train.folds=7", r"train.folds names \[7\], but data.n_folds is 5"),
        ("train.crop_px=250", "must be a multiple of 16"),
        ("epochs", "expected key=value"),
        ("tune.surface=distance", "tune.surface=distance needs target.distance=true"),
        ("data.source=folder", "source folder does not hold instances data; one of dsb2018 does"),
        ("data.generate=iris", "generate=iris makes the layout folders, but source is dsb2018"),
        ("data.classes=a,b", "classes, colours and exclusive go with task=semantic or two_stage"),
        ("data.exclusive=false", "exclusive go with task=semantic"),
        ("loss.beta=2", "loss.beta: .* found 2"),
        ("loss.iou_over=sum", "loss.iou_over: .* found 'sum'"),
        ("train.schedule=plato", "train.schedule: .* found 'plato'"),
        ("train.plateau_factor=1", "train.plateau_factor: .* found 1"),
        ("loss.terms.dicee=1", "unknown loss term dicee; did you mean dice?"),
    ],
)
def test_a_bad_setting_is_one_clear_line(folder, setting, message):
    with pytest.raises(UserError, match=message) as caught:
        config.load(folder / "base.toml", [setting])
    assert "\n" not in str(caught.value)


def test_inheritance_is_one_level(folder):
    with pytest.raises(UserError, match="one level only"):
        config.load(folder / "grandchild.toml")


def test_a_missing_config_lists_those_there_are(folder):
    with pytest.raises(UserError, match="configs here: base, child, grandchild"):
        config.load(folder / "other.toml")


def test_every_stage_depends_on_its_own_settings_only(folder):
    before = config.load(folder / "base.toml").stage_settings()
    for setting, stage in [
        ("tune.min_size_px=[5]", "tune"),
        ("predict.symmetries=8", "predict"),
        ("model.width=9", "train"),
        ("data.fold_seed=4", "data"),
    ]:
        after = config.load(folder / "base.toml", [setting]).stage_settings()
        assert [name for name in before if before[name] != after[name]] == [stage]


def test_folds_and_threads_make_no_model_stale(folder):
    plain = config.load(folder / "base.toml").stage_settings()
    other = config.load(folder / "base.toml", ["train.folds=1", "train.threads=8"]).stage_settings()
    assert plain == other


def test_settings_of_an_older_version_get_the_defaults_of_keys_added_since(tmp_path):
    old = config.Config().stage_settings()["train"]
    del old["model"]["max_width"]
    old["model"]["width"] = 20
    files.write_json(tmp_path / "train.json", old)
    found = config.read_stage(tmp_path / "train.json")
    assert found["model"]["max_width"] == config.Model().max_width
    assert found["model"]["width"] == 20


SEMANTIC = [
    "data.task=semantic",
    "data.source=folders",
    "data.classes=background,road,car",
    "input.mode=rgb",
]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("data.source=dsb2018", "does not hold semantic data; one of folders, npz, rle_csv does"),
        ("data.classes=[]", "two or more different names, the background first, for task=semantic"),
        ("data.classes=a,b,a", "two or more different names"),
        ('data.classes=["a","a car"]', "classes has 'a car'; names have no spaces and no commas"),
        ("data.colours=#000000,#ff0000", "colours needs 3 different ones, one for each of classes"),
        ("data.colours=red,green,blue", "data.colours.0: String should match pattern"),
        ("input.mode=nuclei", "input.mode=nuclei is for instances; task=semantic has grey or rgb"),
        ("tune.second_stage=true", "tune.second_stage go with task=instances"),
        ("weights.class_weights=1,2", "has 2 numbers for the classes background, road, car"),
        ("data.task=two_stage", None),
    ],
)
def test_settings_of_masks_must_fit_together(folder, setting, message):
    if message is None:
        config.load(folder / "base.toml", [*SEMANTIC, setting])
        message, setting = "goes with task=semantic alone", "data.exclusive=false"
        settings = [*SEMANTIC, "data.task=two_stage", setting]
    else:
        settings = [*SEMANTIC, setting]
    with pytest.raises(UserError, match=message) as caught:
        config.load(folder / "base.toml", settings)
    assert "\n" not in str(caught.value)


def test_settings_of_masks_reach_the_stages(folder):
    changes = [*SEMANTIC, "input.size=224,240", "weights.class_weights=1,2,9.5"]
    stages = config.load(folder / "base.toml", changes).stage_settings()
    task = {"name": "semantic", "classes": ["background", "road", "car"], "exclusive": True}
    assert stages["train"]["task"] == stages["tune"]["task"] == task
    assert stages["train"]["input"]["size"] == [224, 240]
    assert stages["train"]["weights"]["class_weights"] == [1, 2, 9.5]
    with pytest.raises(UserError, match="input.size goes with task=semantic or two_stage"):
        config.load(folder / "base.toml", ["input.size=224,240"])


def test_overlapping_classes_have_a_bit_each(folder):
    names = ",".join(f"c{n}" for n in range(18))
    config.load(folder / "base.toml", [*SEMANTIC, f"data.classes={names}"])
    with pytest.raises(UserError, match="exclusive=false allows 17 classes"):
        config.load(
            folder / "base.toml", [*SEMANTIC, f"data.classes={names}", "data.exclusive=false"]
        )


def test_generated_sets_are_those_that_writers_know():
    known = dict.fromkeys(synthetic.SIZES, "dsb2018")
    for name in generated.SETS:
        made = config.load(CONFIGS / f"{name}.toml").data
        assert made.generate == name
        assert len(made.classes) == generated.SETS[name][0]
        known[name] = made.source
    assert known == config.GENERATED


def test_every_config_loads():
    for path in CONFIGS.glob("*.toml"):
        config.load(path)
