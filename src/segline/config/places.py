"""Where everything lies: the only place that knows what a run's and a data set's folder hold.

data/raw/<dataset>/         raw files        data/raw/<dataset>.path   or where yours are
data/generated/<name>/      raw files that a config generates
data/interim/<dataset>/     `DataFiles`
data/runs/<run>/            `RunFiles`
data/pretrained/<config>/   `ShippedFiles`
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

from segline.base.errors import UserError
from segline.config import stages
from segline.config.stages import RunStage, TuneStage
from segline.config.tables import Data, Table

Split = Literal["oof", "test"]  # maps of held-out images, and of test images
Stage = TypeVar("Stage", bound=Table)
GENERATED_MARK = ".generated"  # a file in a folder of generated raw files
SEGMENTED_MARK = ".segmented"  # a file beside the results of `segment`: their names
PRETRAINED = "-pretrained"  # ends the name of a run made from shipped weights


@dataclass(frozen=True)
class DataFiles:
    """The folder of a data set that `make data` has read."""

    folder: Path
    cut: str = ""  # ends the name of the folds, if they are not cut by groups

    @property
    def settings(self) -> Path:
        return self.folder / "data.json"

    @property
    def images(self) -> Path:
        return self.folder / "images.csv"

    @property
    def object_classes(self) -> Path:
        """Of sets with classes of objects: image_id, label, class, a row an object of a training image."""
        return self.folder / "object_classes.csv"

    @property
    def folds(self) -> Path:
        return self.folder / f"folds{self.cut}.csv"

    @property
    def sample(self) -> Path:
        return self.folder / "sample_submission.csv"

    @property
    def solution(self) -> Path:
        return self.folder / "solution.csv"

    @property
    def problems(self) -> Path:
        return self.folder / "problems.csv"

    @property
    def faults(self) -> Path:
        """What a raw folder was refused for, in the form of `problems`."""
        return self.folder / "faults.csv"

    @property
    def summary(self) -> Path:
        return self.folder / "summary.json"

    @property
    def raw_listing(self) -> Path:
        """What the data set was read from: `data.raw_files.Origin`."""
        return self.folder / "raw.json"


@dataclass(frozen=True)
class FoldFiles:
    """The folder of one fold of a run."""

    folder: Path

    @property
    def model(self) -> Path:
        return self.folder / "model.keras"

    @property
    def settings(self) -> Path:
        """`TrainedStage` of the model."""
        return self.folder / "model.json"

    @property
    def trained_on(self) -> Path:
        """`data.identity.Identity` of what the model was trained on."""
        return self.folder / "trained_on.json"

    @property
    def history(self) -> Path:
        return self.folder / "history.csv"

    @property
    def last(self) -> Path:
        return self.folder / "checkpoint/last.h5"

    @property
    def best(self) -> Path:
        return self.folder / "checkpoint/best.h5"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def classifier(self) -> Path:
        return self.folder / "classifier.keras"

    @property
    def classifier_settings(self) -> Path:
        """`ClassifierStage` of the classifier."""
        return self.folder / "classifier.json"

    def maps(self, split: Split) -> Path:
        """The net's probability maps."""
        return self.folder / f"{split}.h5"

    def class_maps(self, split: Split) -> Path:
        """What the classifier of two stages makes of them."""
        return self.folder / f"{split}_classes.h5"


@dataclass(frozen=True)
class RunFiles:
    """The folder of a run, data/runs/<run>; what lies elsewhere is found from there."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def root(self) -> Path:
        """The folder `data`."""
        return self.folder.parents[1]

    def fold(self, fold: int | str) -> FoldFiles:
        return FoldFiles(self.folder / f"fold_{fold}")

    def params(self, stage: type[Table]) -> Path:
        return self.folder / f"params/{stages.FILES[stage]}.json"

    def settings(self, stage: type[Stage]) -> Stage:
        """What a stage of this run depends on."""
        return stages.read(self.params(stage), stage)

    @property
    def makefile(self) -> Path:
        return self.folder / "run.mk"

    @property
    def raw(self) -> Path:
        """A text file: the folder of the raw files."""
        return self.folder / "raw.path"

    @property
    def thresholds(self) -> Path:
        return self.folder / "thresholds.json"

    @property
    def second(self) -> Path:
        return self.folder / "second.h5"

    @property
    def scores(self) -> Path:
        return self.folder / "scores.csv"

    @property
    def cv(self) -> Path:
        return self.folder / "cv.json"

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def provenance(self) -> Path:
        return self.folder / "provenance.json"

    @property
    def precision(self) -> Path:
        return self.folder / "precision.json"

    @cached_property
    def data(self) -> DataFiles:
        return of_data(self.root, self.settings(Data))

    @property
    def folds(self) -> list[FoldFiles]:
        """The folds whose maps are averaged: this run's own, or of a blend those of its members."""
        members = self.settings(RunStage).folds
        return [
            RunFiles(self.folder.with_name(run)).fold(fold)
            for run, folds in members.items()
            for fold in folds
        ]

    def maps(self, split: Split) -> list[Path]:
        """The maps of every fold that are there, which thresholds see."""
        return _there([fold.maps(split) for fold in self.folds])

    def judged_maps(self, split: Split) -> list[Path]:
        """The maps that become objects or classes: with two stages those of the classifiers."""
        if not any(fold.classifier.exists() for fold in self.folds):
            return self.maps(split)
        return _there([fold.class_maps(split) for fold in self.folds])

    @property
    def second_if_fitted(self) -> Path | None:
        """The second stage, if the settings want one; one of earlier settings is not looked at."""
        is_shipped = not self.params(TuneStage).exists()
        is_wanted = is_shipped or self.settings(TuneStage).second_stage
        return self.second if is_wanted and self.second.exists() else None


@dataclass(frozen=True)
class ShippedFiles:
    """The folder of the weights that the repository carries for a config."""

    folder: Path

    def weights(self, fold: int | str) -> Path:
        return self.folder / f"fold_{fold}.h5"

    @property
    def folds(self) -> list[int]:
        found = (path.stem.removeprefix("fold_") for path in self.folder.glob("fold_*.h5"))
        return sorted(int(fold) for fold in found if fold.isdecimal())

    @property
    def sums(self) -> Path:
        return self.folder / "SHA256SUMS"

    @property
    def card(self) -> Path:
        return self.folder / "README.md"

    @property
    def predict(self) -> Path:
        """Settings of the prediction, as params/predict.json."""
        return self.folder / "predict.json"

    def of_run(self, file: Path) -> Path:
        """Where a file of a run (thresholds, second stage, figures) lies here."""
        return self.folder / file.name


MAKERS = {  # the file's name: what makes it
    **dict.fromkeys(("images.csv", "summary.json", "folds.csv"), "make data"),
    **dict.fromkeys(("model.keras", "last.h5"), "make train"),
    **dict.fromkeys(
        ("model.json", "trained_on.json", "history.csv", "best.h5"), "make train fresh=1"
    ),
    **dict.fromkeys(("classifier.keras", "classifier.json"), "make submit"),
    **dict.fromkeys(("oof.h5", "test.h5", "precision.json", "provenance.json"), "make predict"),
    **dict.fromkeys(("oof_classes.h5", "test_classes.h5", "second.h5"), "make score"),
    **dict.fromkeys(("cv.json", "scores.csv"), "make score"),
    "thresholds.json": "make tune",
}


def maker(path: Path) -> str:
    """The command that makes a file of a run or of a data set, with the run's `config=` and `set=`.

    >>> maker(Path("data/runs/quick/fold_1/oof.h5"))
    'make predict'
    """
    return MAKERS.get(path.name, "the same make command")


def dataset(root: Path, name: str) -> DataFiles:
    return DataFiles(root / "interim" / name)


def of_data(root: Path, data: Data) -> DataFiles:
    """The folder of a config's data set. Runs cut it by groups alike; each other cut has its own folds."""
    files = dataset(root, data.dataset)
    if data.fold_by == "group":
        return files
    return replace(files, cut=f"_{data.fold_by}_{data.n_folds}_{data.fold_seed}")


def shipped(root: Path, name: str) -> ShippedFiles:
    return ShippedFiles(root / "pretrained" / name)


def encoders(root: Path) -> Path:
    """The folder of ImageNet's weights of encoders."""
    return root / "pretrained" / "encoders"


def start(root: Path, name: str) -> RunFiles:
    """The run whose nets others start from (`model.weights`): of shipped weights if there are any."""
    ending = PRETRAINED if shipped(root, name).sums.exists() else ""
    return RunFiles(root / "runs" / f"{name}{ending}")


def _there(paths: list[Path]) -> list[Path]:
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise UserError(f"{missing[0]}: no such file; make predict makes it")
    return paths
