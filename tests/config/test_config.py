from pathlib import Path

import pytest

from segline.base.errors import UserError
from segline.config import names, read
from segline.config.tables.net import ENCODERS, Model
from segline.synthetic import dsb2018, jobs

CONFIGS = Path(__file__).parents[2] / "configs"
COMMITTED = (
    *("best", "best_start", "demo", "iris", "iris_slim", "multichannel", "multiclass"),
    *("npz", "quick", "tiny", "tiny_classes", "two_stage"),
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "base.toml").write_text("[train]\nepochs = 7\n[weights]\nw0 = 3.0\n")
    (tmp_path / "child.toml").write_text('extends = "base"\n[train]\nfolds = [0]\n')
    (tmp_path / "grandchild.toml").write_text('extends = "child"\n')
    return tmp_path


def test_a_child_changes_only_what_it_names(folder):
    loaded = read.load(folder / "child.toml")
    assert (loaded.train.epochs, loaded.weights.w0, loaded.folds) == (7, 3.0, (0,))


def test_a_lineage_has_parents_and_starts_each_once(folder):
    (folder / "first.toml").write_text('extends = "base"\n[train]\nseed = 1\n')
    (folder / "second.toml").write_text('extends = "base"\n[model]\nweights = "first"\n')
    found = read.lineage(folder / "second.toml")
    assert [path.stem for path in found] == ["second", "base", "first"]


@pytest.mark.parametrize(
    ("setting", "is_read"),
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
        ("train.extra=more", lambda c: c.train.extra == ("more",)),
        ("model.weights=best_start", lambda c: c.model.start == "best_start"),
    ],
)
def test_settings_override_the_file(folder, setting, is_read):
    assert is_read(read.load(folder / "base.toml", [setting]))


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
        (
            "data.source=folder",
            "source folder does not hold instances data; one of dsb2018, folders, npz, rle_csv does",
        ),
        ("data.generate=iris", "generate=iris makes the layout folders, but source is dsb2018"),
        (
            "data.object_classes=a,b",
            "source dsb2018 holds no classes of objects; folders, rle_csv or",
        ),
        (
            "data.source=rle_csv data.object_classes=a,a",
            "object_classes needs two to 255 different names, found 2: a, a",
        ),
        ("data.classes=a,b", "classes, colours and exclusive go with task=semantic or two_stage"),
        ("data.exclusive=false", "exclusive go with task=semantic"),
        ("loss.beta=2", "loss.beta: .* found 2"),
        ("loss.iou_over=sum", "loss.iou_over: .* found 'sum'"),
        ("train.schedule=plato", "train.schedule: .* found 'plato'"),
        ("train.plateau_factor=1", "train.plateau_factor: .* found 1"),
        ("predict.tile_px=64 predict.overlap_px=64", "overlap_px=64 must be less than tile_px=64"),
        ("train.crops_per_epoch=7", "crops_per_epoch=7 is less than batch_size=8"),
        ("weights.class_weights=0,1", r"weights.class_weights=\[0.0, 1.0\] needs numbers above 0"),
        ("data.channels=0,1", "data.channels names 2 channels, which input.mode=2 shows .* found"),
        ("input.mode=5", "input.mode=5 needs data.channels to name those 5, found none"),
        ("data.channels=0,1,2 input.mode=4", "to name those 4, found 3"),
        ("input.mode=1", "input.mode.* found 1"),
        ("data.window=40,0", "data.window.* found"),
        ("data.page=-1", "data.page: .* found -1"),
        ("data.page=1 data.project=max", "page takes one page and project=max all"),
        ("data.project=mean", "data.project: "),
        ("data.ignore=255", "ignore goes with task=semantic or two_stage"),
        ("train.epochs=" + "9" * 5000, "train.epochs: .* found '9+... .5002 characters"),
        ("train.epochs=" + "9" * 4000, "train.epochs: .* found 9+... .4000 characters"),
        ("train.epochs=0x" + "f" * 9000, "train.epochs: .* found what is too long to show"),
        ("train.epochs=" + "[" * 3000, "train.epochs: .* found"),
        ("data.dialect=" + "[" * 300 + "]" * 300, "data.dialect: .* found"),
        *((f"data.dialect={odd}", "data.dialect: .* found") for odd in ("5", "true", "2020-01-01")),
        ("data.dialect=[1,2]", r"data.dialect: .* found \[1, 2\]"),
        (r'train.skip="\u0000"', "train.skip: expected no NUL"),
        ("train.epochs=true", "train.epochs: expected no true or false here, found True"),
        ("train.folds=[0,true]", "train.folds: expected no true or false here"),
        ("loss.terms.dice=false", "loss.terms: expected no true or false here"),
        ("loss.terms.dicee=1", "unknown loss term dicee; did you mean dice?"),
    ],
)
def test_a_bad_setting_is_one_clear_line(folder, setting, message):
    with pytest.raises(UserError, match=message) as caught:
        read.load(folder / "base.toml", setting.split())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["data.dataset", "train.extra", "model.weights"])
@pytest.mark.parametrize("name", ["$(touch x)", "a b", "../x", "a/b", "a;b", "a\nb", "-rf", ""])
def test_names_of_folders_have_no_other_characters(folder, key, name):
    quoted = name.replace("\n", r"\n")
    with pytest.raises(UserError, match=rf"{key}(\.0)?: .* match pattern .* found") as caught:
        read.load(folder / "base.toml", [f'{key}="{quoted}"'])
    assert "\n" not in str(caught.value)


def test_inheritance_goes_any_number_of_levels(folder):
    (folder / "last.toml").write_text('extends = "grandchild"\n[weights]\nw0 = 4.0\n')
    loaded = read.load(folder / "last.toml")
    assert (loaded.train.epochs, loaded.weights.w0, loaded.folds) == (7, 4.0, (0,))
    found = read.lineage(folder / "last.toml")
    assert [path.stem for path in found] == ["last", "grandchild", "child", "base"]


@pytest.mark.parametrize("parent", ["../../configs/tiny", "/etc/x", "x" * 300, r"a\u0000"])
def test_a_parent_lies_in_the_same_folder(folder, parent):
    (folder / "base.toml").write_text(f'extends = "{parent}"\n')
    with pytest.raises(
        UserError, match=r"base.toml: extends: expected the name .* found"
    ) as caught:
        read.load(folder / "base.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("parent", ["base", "grandchild"])
def test_a_circle_of_configs_is_refused(folder, parent):
    (folder / "base.toml").write_text(f'extends = "{parent}"\n')
    with pytest.raises(UserError, match=rf"base extends .*{parent}.* in a circle; let one"):
        read.load(folder / "grandchild.toml")


def test_a_missing_config_lists_those_there_are(folder):
    with pytest.raises(UserError, match="configs here: base, child, grandchild"):
        read.load(folder / "other.toml")


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
        read.load(folder / "base.toml", [*SEMANTIC, setting])
        message, setting = "goes with task=semantic alone", "data.exclusive=false"
        settings = [*SEMANTIC, "data.task=two_stage", setting]
    else:
        settings = [*SEMANTIC, setting]
    with pytest.raises(UserError, match=message) as caught:
        read.load(folder / "base.toml", settings)
    assert "\n" not in str(caught.value)


def test_one_size_goes_with_masks_alone(folder):
    with pytest.raises(UserError, match="input.size goes with task=semantic or two_stage"):
        read.load(folder / "base.toml", ["input.size=224,240"])


def test_overlapping_classes_have_a_bit_each(folder):
    classes = ",".join(f"c{n}" for n in range(18))
    read.load(folder / "base.toml", [*SEMANTIC, f"data.classes={classes}"])
    with pytest.raises(UserError, match="exclusive=false allows 17 classes"):
        read.load(
            folder / "base.toml", [*SEMANTIC, f"data.classes={classes}", "data.exclusive=false"]
        )


def test_generated_sets_are_those_that_writers_know():
    known = dict.fromkeys(dsb2018.SIZES, "dsb2018")
    for name in jobs.SETS:
        made = read.load(CONFIGS / f"{name}.toml").data
        assert made.generate == name
        assert len(made.classes) == jobs.SETS[name][0]
        known[name] = made.source
    assert known == names.GENERATED


@pytest.mark.parametrize("name", COMMITTED)
def test_every_config_loads(name):
    read.load(CONFIGS / f"{name}.toml")


def test_every_encoder_takes_weights_of_imagenet():
    for name, sizes in ENCODERS.items():
        for depth, stem in sizes:
            made = Model(name=name, depth=depth, stem=stem, weights="imagenet")
            assert made.weights == "imagenet"
