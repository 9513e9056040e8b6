"""Pack a finished run for the repository: weights in half precision, thresholds, figures, a card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from segline import pretrained, report
from segline.config import filled, lineage
from segline.console import console
from segline.errors import UserError
from segline.files import copy, read_json, write_text

LIMIT_MB = 30
COPIED = ("thresholds.json", "second.h5", "cv.json", "scores.csv")


def run(*, run_dir: Path, config: Path, out: Path) -> None:
    """Write out/fold_<k>.h5, the run's thresholds and figures, README.md (the card) and SHA256SUMS.

    Folds of an earlier run are removed. Refuses a run without cv.json, and weights that are together
    above `LIMIT_MB`.
    """
    models = sorted(run_dir.glob("fold_*/model.keras"))
    if not models or not (run_dir / "cv.json").exists():
        raise UserError(f"{run_dir}: no finished run; make submit config={config.stem} first")
    written = [_packed(model, out / f"{model.parent.name}.h5") for model in models]
    for name in COPIED:
        if (run_dir / name).exists():
            copy(run_dir / name, out / name)
            written.append(out / name)
    size = sum(path.stat().st_size for path in written) / 2**20
    if size > LIMIT_MB:
        raise UserError(f"{out}: {size:.1f} MiB in all; a repository takes up to {LIMIT_MB} MiB")
    for path in set(out.glob("fold_*.h5")) - set(written):
        path.unlink()
    sums = {path.name: pretrained.sha256(path) for path in sorted(written)}
    write_text(out / "SHA256SUMS", "".join(f"{digest}  {name}\n" for name, digest in sums.items()))
    settings = filled("train", read_json(models[0].with_suffix(".json")))
    write_text(
        out / "README.md",
        report.model_card(
            name=config.stem,
            configs={path.stem: path.read_text() for path in lineage(config)},
            settings=settings,
            cv=read_json(run_dir / "cv.json"),
            provenance=read_json(run_dir / "provenance.json"),
            sums=sums,
        ),
    )
    console.print(f"wrote {out}: {len(models)} folds, {size:.1f} MiB")


def _packed(model: Path, out: Path) -> Path:
    settings: dict[str, Any] = read_json(model.with_suffix(".json"))
    pretrained.write(out, keras.saving.load_model(model, compile=False), settings)
    return out
