"""What each stage depends on, as a frozen object and as the file params/<stage>.json.

A stage is stale when its file changes, so each holds no more than what its output depends on: the
number of threads and the list of folds change no fold's net and are in none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from segline.base.errors import UserError
from segline.base.files import read_csv, read_json, to_json
from segline.config.read import validated
from segline.config.tables import (
    Augment,
    Config,
    Data,
    Fitting,
    Input,
    Loss,
    Model,
    Name,
    Predict,
    Regions,
    Table,
    Target,
    Tune,
    Weights,
)


class TaskTable(Table):
    """What the masks of a data set mean; in files it is called `task`.

    Of instances `classes` are those of objects, without a background.
    """

    name: str
    classes: tuple[str, ...] = ()
    exclusive: bool = True


class ScoredTask(TaskTable):
    """The same with how it is scored, of which no net depends.

    `groups` are those classes of objects, by number from 1, that are scored, each apart or some as one.
    """

    score_background: bool = False
    volume: str = ""
    groups: tuple[tuple[int, ...], ...] = ()


class Training(Fitting):
    """`Fitting` and the ids of the images that are not trained on."""

    skip: tuple[str, ...] = ()


class TrainStage(Table):
    """params/train.json: what a fold's net depends on, beside data and folds."""

    input: Input = Input()
    target: Target = Target()
    weights: Weights = Weights()
    augment: Augment = Augment()
    model: Model = Model()
    loss: Loss = Loss()
    train: Training = Training()
    task: TaskTable = TaskTable(name="instances")


class TrainedStage(TrainStage):
    """model.json beside a trained net: how it came about, which is all that prediction needs.

    `start` is the SHA-256 of the model.keras that it started from, if any.
    """

    precision: str
    start: str | None = None


class TuneStage(Tune):
    """params/tune.json: the grids, and what they are searched on."""

    unseen: tuple[str, ...] = ()
    task: ScoredTask = ScoredTask(name="instances")
    n_views: int = 1


class RegionsStage(Regions):
    """params/regions.json: what a classifier of regions depends on."""

    task: TaskTable = TaskTable(name="two_stage")
    seed: int = 0


class ClassifierStage(RegionsStage):
    """classifier.json beside a trained classifier; `examples` are the crops it saw of each class."""

    examples: tuple[int, ...] = ()


class RunStage(Table):
    """params/run.json: which maps a run averages: those of `folds` of each run in `members`."""

    folds: dict[Name, tuple[int, ...]]


FILES: dict[type[Table], str] = {
    Data: "data",
    TrainStage: "train",
    Predict: "predict",
    RegionsStage: "regions",
    TuneStage: "tune",
    RunStage: "run",
}
Stage = TypeVar("Stage", bound=Table)


def of(config: Config) -> list[Table]:
    """The settings of every stage of one config, but for `RunStage`."""
    data = config.data
    task = TaskTable(
        name=data.task, classes=data.classes or data.object_classes, exclusive=data.exclusive
    )
    training = config.train.model_dump(exclude={"folds", "skip", "threads"})
    tables = {
        name: getattr(config, name)
        for name in ("input", "target", "weights", "augment", "model", "loss")
    }
    return [
        config.data,
        TrainStage(
            train=Training(**training, skip=_listed(config.train.skip)), task=task, **tables
        ),
        config.predict,
        RegionsStage(**dict(config.regions), task=task, seed=config.train.seed),
        TuneStage(
            **dict(config.tune) | {"metric": _metric(config)},
            unseen=config.train.without,
            task=ScoredTask(
                **dict(task),
                score_background=data.score_background,
                volume=data.dialect.volume if data.dialect else "",
                groups=_groups(data),
            ),
            n_views=1 + len(config.predict.other_scales),
        ),
    ]


def _metric(config: Config) -> str:
    """What thresholds are tuned by: as given, as the dialect says, or what suits the task."""
    dialect = config.data.dialect.metric if config.data.dialect else ""
    usual = "map_iou" if config.data.task == "instances" else "dice"
    return config.tune.metric or dialect or usual


def _groups(data: Data) -> tuple[tuple[int, ...], ...]:
    """The classes of objects that are scored: as one where a submission does not say which it is."""
    names = data.object_classes
    if not data.described:
        return tuple((number,) for number in range(1, len(names) + 1))
    return data.described.groups


def _listed(path: str) -> tuple[str, ...]:
    """The ids in a CSV: the list itself is the setting, not the name of its file."""
    if not path:
        return ()
    return tuple(sorted(read_csv(Path(path), ("image_id",), dtype=str)["image_id"]))


def text(stage: Table) -> str:
    """The content of a stage's file."""
    return to_json(stage.model_dump(mode="json"))


def read(path: Path, stage: type[Stage]) -> Stage:
    """The settings that the file at `path` holds; UserError naming a key that is missing or unknown."""
    return parse(read_json(path), stage, str(path))


def parse(tree: object, stage: type[Stage], where: str) -> Stage:
    """The same of the content of a file, whose place is `where`."""
    if not isinstance(tree, dict):
        raise UserError(f"{where}: expected the settings of a stage, found {type(tree).__name__}")
    found = validated(stage, tree, where)
    missing = next(_missing(found), None)
    if missing:
        raise UserError(
            f"{where}: key {missing} is missing, so another version wrote it; make it again (fresh=1)"
        )
    return found


def _missing(table: BaseModel, prefix: str = "") -> Iterator[str]:
    """Names of keys that were not given, in this table and those inside."""
    for name, field in type(table).model_fields.items():
        value = getattr(table, name)
        if field.exclude:  # no file holds it
            continue
        if name not in table.model_fields_set:
            yield prefix + name
        elif isinstance(value, BaseModel):
            yield from _missing(value, f"{prefix}{name}.")
