"""From the folds' test maps to a checked submission CSV."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from segline import tasks
from segline.base.console import say
from segline.base.files import read_csv, replacing, write_json
from segline.config import claims
from segline.config.places import RunFiles
from segline.config.stages import TuneStage
from segline.config.tables import Data
from segline.data.tables import data_hash, read_images, shapes
from segline.masks.classes import of_data
from segline.objects import maps
from segline.objects.decoders import ObjectDecoder
from segline.results.scores import read_cv
from segline.submission import dialect, ids
from segline.submission import instances as submission
from segline.submission.rows import read
from segline.tasks import Task


@claims.makes(lambda run, out: out)
def run(run: RunFiles, out: Path) -> None:
    """Average the folds' test maps and write a checked submission.

    The cross-validated figures go beside it, with the suffix .json, so that they travel with the CSV.
    """
    task = tasks.of(run.settings(TuneStage).task)
    decoder = task.decoders(run.thresholds, run.second_if_fitted)["final"]
    sample, paths = run.data.sample, run.judged_maps("test")
    settings = run.settings(Data)
    images = read_images(run.data.images)
    test_ids = images.loc[images["split"] == "test", "image_id"]
    wanted = ids.all_matched(_wanted(sample, settings), test_ids, sample)
    found = (
        _found(name, decoder, maps.read_mean(paths, image_id)) for name, image_id in wanted.items()
    )
    sizes = shapes(images)
    with replacing(out) as written:
        rows = _rows(found, sample, settings, task)
        written.write_text(rows.to_csv(index=False, lineterminator="\n"))
        valid = (
            dialect.checked(written, sample, settings.described, sizes)
            if settings.described
            else task.checked(written, sample, sizes)
        )
        figures = read_cv(run.cv)
        write_json(out.with_suffix(".json"), figures)
    say(f"wrote {out}: {valid}")
    of, here = figures.get("data_hash"), data_hash(run.data)
    if of and of != here:
        say(f"the figures beside it are of other data (data hash {of}, here {here})")


def _found(image_id: str, decoder: Any, probs: np.ndarray) -> dialect.Found:
    """An image's labels, and of objects how sure they are, and their classes."""
    if isinstance(decoder, ObjectDecoder):
        labels, sure = decoder.with_confidences(probs)
        return image_id, labels, sure, decoder.kinds(probs, labels)
    return image_id, decoder(probs)


def _wanted(sample: Path, settings: Data) -> list[str]:
    """The images of the sample submission, each once, in its order."""
    if settings.described:
        return dialect.image_ids(read(sample), settings.described, sample)
    return list(dict.fromkeys(read_csv(sample, submission.COLUMNS, dtype=str)["ImageId"]))


def _rows(found: Iterable[dialect.Found], sample: Path, settings: Data, task: Task) -> pd.DataFrame:
    """The submission, in the competition's way if a dialect says which."""
    if settings.described:
        return dialect.table(found, read(sample), settings.described, of_data(settings))
    return task.submission(found)
