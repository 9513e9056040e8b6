"""From the folds' test maps to a checked submission CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from segline import maps, recipes, submission
from segline.console import console
from segline.files import read_csv, read_json, write_csv, write_json
from segline.stages.validate import shapes_of


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
    """Average the maps of all folds, find instances, check the rows and only then write `out`.

    The cross-validated figures go beside it, with the suffix .json, so that they travel with the CSV.
    """
    recipe = recipes.load(thresholds, second)["final"]
    wanted = list(dict.fromkeys(read_csv(sample, submission.COLUMNS, dtype=str)["ImageId"]))
    found = ((image_id, recipe(maps.read_mean(maps_paths, image_id))) for image_id in wanted)
    rows = submission.table(found)
    count = submission.check(_by_image(rows), wanted, out, shapes_of(images))
    write_json(out.with_suffix(".json"), read_json(cv))
    write_csv(out, rows)
    console.print(f"wrote {out}: valid; {len(wanted)} images, {count} instances")


def _by_image(rows: pd.DataFrame) -> dict[str, list[str]]:
    return {
        str(image_id): part["EncodedPixels"].tolist()
        for image_id, part in rows.groupby("ImageId", sort=False)
    }
