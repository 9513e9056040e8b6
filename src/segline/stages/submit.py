"""From the folds' test maps to a checked submission CSV."""

from __future__ import annotations

from pathlib import Path

from segline import tasks
from segline.base.console import console
from segline.base.files import read_csv, read_json, replacing, write_json
from segline.config.places import RunFiles
from segline.config.stages import TuneStage
from segline.data.tables import read_images, shapes
from segline.objects import maps
from segline.submission import instances as submission


def run(run: RunFiles, out: Path) -> None:
    """Average the folds' test maps and write a checked submission.

    The cross-validated figures go beside it, with the suffix .json, so that they travel with the CSV.
    """
    task = tasks.of(run.settings(TuneStage).task)
    decoder = task.decoders(run.thresholds, run.second_if_fitted)["final"]
    sample, paths = run.data.sample, run.judged_maps("test")
    wanted = list(dict.fromkeys(read_csv(sample, submission.COLUMNS, dtype=str)["ImageId"]))
    rows = task.submission(
        (image_id, decoder(maps.read_mean(paths, image_id))) for image_id in wanted
    )
    with replacing(out) as written:
        rows.to_csv(written, index=False, lineterminator="\n")
        valid = task.checked(written, sample, shapes(read_images(run.data.images)))
        write_json(out.with_suffix(".json"), read_json(run.cv))
    console.print(f"wrote {out}: {valid}")
