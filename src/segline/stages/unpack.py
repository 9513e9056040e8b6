"""A fold's model from the weights that the repository carries."""

from __future__ import annotations

from pathlib import Path

from segline.base.checksums import check_sums
from segline.base.console import say
from segline.base.errors import UserError
from segline.base.files import write_text
from segline.config import claims, stages
from segline.config.places import RunFiles, ShippedFiles, maker
from segline.config.stages import TrainedStage, TrainStage
from segline.data import identity
from segline.nets import model_file, weights_file


@claims.makes(lambda run, fold, shipped: run.fold(fold).model)
def run(run: RunFiles, fold: int, shipped: Path) -> None:
    """Make a fold's model from the weights that the repository carries, checked against SHA256SUMS.

    Refuses weights trained with other settings than the run's.
    """
    source, files = ShippedFiles(shipped), run.fold(fold)
    check_sums(source.sums)
    weights = source.weights(fold)
    settings, wanted = weights_file.settings_of(weights), run.settings(TrainStage)
    _refuse_others(settings, wanted, weights)
    write_text(files.settings, stages.text(settings), seal=maker(files.settings))
    seen = stages.text(identity.shipped(source.of_run(run.cv)))
    write_text(files.trained_on, seen, seal=maker(files.trained_on))
    model_file.write(files.model, weights_file.read(weights))
    say(f"wrote {files.model} from {weights}")


def _refuse_others(settings: TrainedStage, wanted: TrainStage, weights: Path) -> None:
    names = TrainStage.model_fields
    differing = sorted(name for name in names if getattr(settings, name) != getattr(wanted, name))
    if differing:
        raise UserError(
            f"{weights}: trained with other settings than the config's ({', '.join(differing)}); "
            f"leave pretrained=1 out to train, or take the config of the commit that packed them"
        )
