"""What follows from a dialect, and what is refused of one."""

import pytest

from segline.base.errors import UserError
from segline.config import read, stages
from segline.config.stages import TrainStage
from segline.config.tables import Data
from segline.config.tables.built_in import built_in, known
from segline.config.tables.dialect import Dialect


def load(tmp_path, text, settings=()):
    (tmp_path / "x.toml").write_text(text)
    return read.load(tmp_path / "x.toml", settings)


def named(name):
    return f'[data]\ndataset = "x"\ndialect = "{name}"\n'


@pytest.mark.parametrize("name", known())
def test_every_built_in_dialect_makes_a_whole_config(tmp_path, name):
    config = load(tmp_path, named(name))
    assert config.data.task == ("instances" if built_in(name)["rows"] == "object" else "semantic")
    assert (len(config.data.classes) >= 2) == (config.data.task == "semantic")
    assert config.input.mode == built_in(name)["input"]
    assert Dialect.model_validate(built_in(name)) == config.data.dialect


def test_task_classes_and_mode_follow_and_what_is_given_stays(tmp_path):
    config = load(tmp_path, named("understanding_cloud_organization"))
    assert config.data.classes == ("background", "Fish", "Flower", "Gravel", "Sugar")
    assert (config.data.exclusive, config.input.mode, config.data.n_folds) == (False, "rgb", 5)
    own = load(
        tmp_path,
        named("understanding_cloud_organization") + '[input]\nmode = "grey"\n',
        ["data.n_folds=3"],
    )
    assert (own.input.mode, own.data.n_folds) == ("grey", 3)


def test_settings_of_data_survive_their_file(tmp_path):
    config = load(tmp_path, named("severstal-steel-defect-detection"))
    path = tmp_path / "data.json"
    path.write_text(stages.text(config.data))
    kept = config.data.model_copy(update={"competition": ""})  # for upload alone: in no file
    assert stages.read(path, Data) == kept
    assert config.data.described is not None
    assert load(tmp_path, named("data-science-bowl-2018")).data.described is None


def test_training_depends_on_no_dialect(tmp_path):
    """Shipped weights are read strictly: params/train.json has no key of it."""
    (train,) = (
        s for s in stages.of(load(tmp_path, named(known()[0]))) if isinstance(s, TrainStage)
    )
    assert set(train.task.model_dump()) == {"name", "classes", "exclusive"}


def test_a_name_in_settings_is_a_dialect_too(tmp_path):
    config = load(tmp_path, "", ["data.dialect=airbus-ship-detection"])
    assert config.data.dialect.ending == ".jpg"
    changed = load(tmp_path, named("airbus-ship-detection"), ["data.dialect.order=rows"])
    assert changed.data.dialect == config.data.dialect.model_copy(update={"order": "rows"})
    other = load(
        tmp_path, named("airbus-ship-detection"), ["data.dialect=hubmap-organ-segmentation"]
    )
    assert other.data.classes == ("background", "unit")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (named("airbus-ship"), "no dialect 'airbus-ship'; did you mean airbus-ship-detection?"),
        ('[data.dialect]\nlike = "carvana"', "did you mean carvana-image-masking-challenge?"),
        ('[data.dialect]\nordr = "rows"', "data.dialect: unknown key ordr; did you mean order?"),
        (
            '[data.dialect]\norder = "row"',
            "data.dialect: order: .*'columns' or 'rows', found 'row'",
        ),
        ('[data.dialect]\nimages = "../{id}.png"', "is no path below the raw folder"),
        ('[data.dialect]\nid = "a/{id}"', "it names one image"),
        ('[data.dialect]\nimages = "train/*.png"', "lacks {id}"),
        ('[data.dialect]\nrows = "class"', "needs classes, the background first"),
        ('[data.dialect]\ngroup = "a(b)(c)"', r"needs one \(group\)"),
        (named("airbus-ship-detection") + 'source = "folders"', "source=folders goes without"),
        (
            named("airbus-ship-detection") + 'object_classes = ["a", "b"]',
            "object_classes is a, b, the dialect's of objects are none",
        ),
        ('[data.dialect]\nclasses = ["a", "b"]', "classes go with columns.class_column"),
        ('[data.dialect]\nscored = ["a"]', "scored names some of classes"),
    ],
)
def test_faults_are_one_line_with_the_nearest_name(tmp_path, text, said):
    with pytest.raises(UserError, match=said) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_dialect_by_name_is_the_competition_and_one_alike_is_not(tmp_path):
    path = tmp_path / "x.toml"
    for line, slug in (
        ('dialect = "airbus-ship-detection"', "airbus-ship-detection"),
        ('dialect = {like = "airbus-ship-detection"}', ""),
        ('competition = "other"\ndialect = "airbus-ship-detection"', "other"),
    ):
        path.write_text(f"[data]\n{line}\n")
        assert read.load(path, ["data.dialect.order=rows"]).data.competition == slug


def test_the_competition_makes_no_data_stale(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text("[data]\n")
    before = stages.of(read.load(path))[0]
    after = stages.of(read.load(path, ["data.competition=other"]))[0]
    assert stages.text(before) == stages.text(after)
    (tmp_path / "data.json").write_text(stages.text(after))
    assert stages.read(tmp_path / "data.json", Data).competition == ""
