"""From the folds' test maps to a checked submission CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segline import maps, submission, tasks
from segline.console import console
from segline.files import read_csv, read_json, replacing, write_json
from segline.stages.validate import checked


def run(
    *,
    maps_paths: Sequence[Path],
    thresholds: Path,
    second: Path | None,
    cv: Path,
    sample: Path,
    images: Path,
    out: Path,
) -> None:
    """Average the maps of all folds, segment, check the rows and only then write `out`.

    The cross-validated figures go beside it, with the suffix .json, so that they travel with the CSV.
    """
    task = tasks.of(read_json(thresholds).get("task"))
    recipe = task.recipes(thresholds, second)["final"]
    wanted = list(dict.fromkeys(read_csv(sample, submission.COLUMNS, dtype=str)["ImageId"]))
    rows = task.submission(
        (image_id, recipe(maps.read_mean(maps_paths, image_id))) for image_id in wanted
    )
    with replacing(out) as written:
        rows.to_csv(written, index=False, lineterminator="\n")
        valid = checked(written, sample, images)
        write_json(out.with_suffix(".json"), read_json(cv))
    console.print(f"wrote {out}: {valid}")
