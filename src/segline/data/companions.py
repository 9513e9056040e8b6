"""What lies beside the images of a data set: the sample submission and the solution."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from segline.base import files
from segline.base.console import say
from segline.base.errors import UserError
from segline.config.places import DataFiles
from segline.config.tables import Data
from segline.data.layouts import Problem, Source, dialect
from segline.masks.classes import Classes
from segline.submission import classes as class_submission
from segline.submission import dialect as dialect_submission
from segline.submission import ids, kinds


def sample(
    source: Source, images: pd.DataFrame, settings: Data, classes: Classes | None
) -> pd.DataFrame:
    """The sample submission: the source's, or one made from the test images."""
    if settings.described and isinstance(source, dialect.Described):
        test = images.loc[images["split"] == "test", "image_id"]
        return dialect_submission.sample(source.sample_table, test, settings.described)
    if source.sample is not None:
        wanted = kinds.columns(settings.object_classes)
        wanted = class_submission.columns(len(classes)) if classes else wanted
        return files.read_csv(source.sample, wanted, dtype=str)
    test_ids = list(images.loc[images["split"] == "test", "image_id"])
    if classes:
        return class_submission.empty(test_ids, classes)
    rows = pd.DataFrame({"ImageId": sorted(test_ids), "ClassId": 1, "EncodedPixels": "1 1"})
    return rows[[*kinds.columns(settings.object_classes)]]


def write(source: Source, data: DataFiles, sample: pd.DataFrame) -> None:
    """The sample submission and, if there is one, the solution."""
    files.write_csv(data.sample, sample)
    if source.solution is None:
        data.solution.unlink(missing_ok=True)
    else:
        files.copy(source.solution, data.solution)


def unlisted(
    sample: pd.DataFrame,
    source: Source,
    images: pd.DataFrame,
    problems: Sequence[Problem],
    settings: Data,
) -> list[Problem]:
    """Test images without a row in the sample submission, which are also named in one line.

    UserError for a row whose test image is not there or, by `problems`, cannot be used.
    """
    where = source.sample or "sample submission"
    listed = (
        dialect_submission.image_ids(sample, settings.described, where)
        if settings.described
        else sample["ImageId"]
    )
    keys = source.keys()
    test_ids = [key.image_id for key in keys if key.split == "test"]
    named = ids.all_matched(listed, test_ids, where)
    usable = set(images.loc[images["split"] == "test", "image_id"])
    lost = [image_id for image_id in named.values() if image_id not in usable]
    if lost:
        why = next((p.detail for p in problems if p.image_id == lost[0]), "unreadable")
        raise UserError(
            f"{where}: {len(lost)} of its {len(named)} test images cannot be used, first {lost[0]} "
            f"({why}); mend them, or take their rows out"
        )
    absent = ids.left_out(named, test_ids)
    if absent:
        say(
            f"{where}: {len(absent)} of {len(test_ids)} test images have no row, first {absent[0]}; "
            f"the submission is without them too"
        )
    return [Problem(i, "missing in sample submission", "test image") for i in sorted(absent)]
