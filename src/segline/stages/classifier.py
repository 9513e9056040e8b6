"""Train the second of two stages: a classifier of regions, on those of a fold's training images."""

from __future__ import annotations

from segline.base.console import say
from segline.base.errors import UserError
from segline.base.files import write_text
from segline.config import claims, stages
from segline.config.places import RunFiles, maker
from segline.config.stages import ClassifierStage, RegionsStage, TrainedStage
from segline.config.tables import Predict
from segline.data import identity
from segline.data.tables import read_folds, read_images
from segline.nets import model_file, predict
from segline.nets.fit_classifier import class_counts, examples, fit_classifier
from segline.samples.fold import fitted_on


@claims.makes(lambda run, fold: run.fold(fold).classifier)
def run(run: RunFiles, fold: int) -> None:
    """Train the classifier of regions of one fold (two stages)."""
    identity.check(run, fold)
    settings, files = run.settings(RegionsStage), run.fold(fold)
    trained = stages.read(files.settings, TrainedStage).train
    table = read_folds(read_images(run.data.images), run.data.folds)
    rows = table[fitted_on(table, fold, trained)]
    crops = examples(predict.load(files), rows, settings, run.settings(Predict))
    counts = class_counts(crops, settings)
    if not counts[1:].any():
        raise UserError(
            f"{run.data.images}: fold {fold} leaves no region to train the classifier on"
        )
    model, accuracy = fit_classifier(crops, settings, fold=fold)
    record = ClassifierStage(**dict(settings), examples=tuple(counts.tolist()))
    written = files.classifier_settings
    write_text(written, stages.text(record), seal=maker(written))
    model_file.write(files.classifier, model)
    names = settings.task.classes
    shown = ", ".join(f"{name} {n}" for name, n in zip(names, counts, strict=True))
    say(f"wrote {files.classifier}: trained on {shown}; accuracy there {accuracy:.3f}")
