"""A fold's model from the weights that the repository carries."""

from __future__ import annotations

from pathlib import Path

from segline import pretrained
from segline.config import read_stage
from segline.console import console
from segline.errors import UserError
from segline.files import replacing, write_json


def run(*, weights: Path, params: Path, out: Path) -> None:
    """Write out/model.json and out/model.keras from `weights`, checked against SHA256SUMS beside it.

    Refuses weights trained with other settings than those of `params` (params/train.json).
    """
    pretrained.check_sums(weights.parent)
    settings = pretrained.settings_of(weights)
    wanted = read_stage(params)
    differing = sorted(key for key in wanted if settings.get(key) != wanted[key])
    if differing:
        raise UserError(
            f"{weights}: trained with other settings than the config's ({', '.join(differing)}); "
            f"leave pretrained=1 out to train, or take the config of the commit that packed them"
        )
    write_json(out / "model.json", settings)
    with replacing(out / "model.keras") as temporary:
        pretrained.read(weights).save(temporary)
    console.print(f"wrote {out / 'model.keras'} from {weights}")
