"""Pack a finished run for the repository: weights in half precision, thresholds, figures, a card."""

from __future__ import annotations

from pathlib import Path

from segline.base.checksums import sha256
from segline.base.console import say
from segline.base.errors import UserError
from segline.base.files import read_bytes, read_json, write_bytes, write_text
from segline.config import stages
from segline.config.places import FoldFiles, RunFiles, ShippedFiles
from segline.config.read import lineage
from segline.config.stages import TrainedStage
from segline.config.tables import Predict
from segline.nets import model_file, weights_file
from segline.results.model_card import model_card

LIMIT_MB = 30


def run(run: RunFiles, config: Path, out: Path) -> None:
    """Pack a finished run's weights, thresholds and figures for the repository.

    Writes out/fold_<k>.h5, thresholds and figures, README.md (the card) and SHA256SUMS. Folds of an
    earlier run are removed. Refuses a run without cv.json, and weights that are together above `LIMIT_MB`.
    """
    folds, shipped = run.folds, ShippedFiles(out)
    if not run.cv.exists() or not all(fold.model.exists() for fold in folds):
        raise UserError(f"{run.folder}: no finished run; make submit config={config.stem} first")
    written = [_packed(fold, shipped) for fold in folds]
    for file in (run.thresholds, run.second, run.cv, run.scores):
        if file.exists():
            write_bytes(shipped.of_run(file), read_bytes(file))  # SHA256SUMS is their seal
            written.append(shipped.of_run(file))
    write_text(shipped.predict, stages.text(run.settings(Predict)))
    written.append(shipped.predict)
    size = sum(path.stat().st_size for path in written) / 2**20
    if size > LIMIT_MB:
        raise UserError(f"{out}: {size:.1f} MiB in all; a repository takes up to {LIMIT_MB} MiB")
    for path in set(out.glob("fold_*.h5")) - set(written):
        path.unlink()
    sums = {path.name: sha256(path) for path in sorted(written)}
    write_text(shipped.sums, "".join(f"{digest}  {name}\n" for name, digest in sums.items()))
    card = model_card(
        name=config.stem,
        configs={path.stem: path.read_text() for path in lineage(config)},
        settings=stages.read(folds[0].settings, TrainedStage),
        cv=read_json(run.cv),
        provenance=read_json(run.provenance),
        sums=sums,
    )
    write_text(shipped.card, card)
    say(f"wrote {out}: {len(folds)} folds, {size:.1f} MiB")


def _packed(fold: FoldFiles, shipped: ShippedFiles) -> Path:
    out = shipped.folder / f"{fold.folder.name}.h5"
    model = model_file.read(fold.model)
    weights_file.write(out, model, stages.read(fold.settings, TrainedStage))
    return out
