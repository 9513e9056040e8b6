"""The tasks: how the maps of each are tuned, scored, submitted and counted, one module each.

Whoever meets a difference asks the `Task`, so that no stage compares names. A new task is one module here,
one line in `TASKS`, and its head in `samples.heads`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from rich.table import Table

from segline.config.stages import TaskTable, TuneStage
from segline.tasks.instances import Instances
from segline.tasks.semantic import Semantic
from segline.tasks.two_stage import TwoStage


class Task(Protocol):
    """One task. Tables of images have the columns of images.csv, `fold`, and `oof`, a list of map files."""

    score: str  # the column of scores.csv that runs are compared by
    score_name: str  # the same in words
    listed: str  # file name of `segment`'s table

    def tuned(self, images: pd.DataFrame, parts: pd.Series, settings: TuneStage) -> dict[str, Any]:
        """The content of thresholds.json: `final`, and in `parts` what was fitted without each part."""
        ...

    def words(self, choice: Mapping[str, Any]) -> str:
        """One entry of thresholds.json for people."""
        ...

    def decoders(self, thresholds: Path, second: Path | None) -> Mapping[str, Any]:
        """The decoder `final` and one for each part: maps (H, W, n) uint8 -> labels (H, W) int32."""
        ...

    def scored(
        self, images: pd.DataFrame, parts: pd.Series, decoders: Mapping[str, Any]
    ) -> tuple[pd.DataFrame, dict[str, Any]]:
        """A row an image, each by the decoder of its part, and the summary for cv.json."""
        ...

    def summary_table(self, summary: Mapping[str, Any], title: str) -> Table:
        """The summary for people."""
        ...

    def submission(self, found: Iterable[tuple]) -> pd.DataFrame:
        """The rows of a submission from (image_id, labels) pairs; of objects also how sure each is, and its
        class (`submission.dialect.Found`)."""
        ...

    def checked(self, path: Path, sample: Path, shapes: Mapping[str, tuple[int, int]]) -> str:
        """What a submission file holds, in words; UserError naming the first fault."""
        ...

    def counts(self, labels: np.ndarray) -> dict[str, int]:
        """What `segment` says of one result, as columns of its table."""
        ...


TASKS: dict[str, Callable[[TaskTable, str], Task]] = {
    "instances": Instances,
    "semantic": Semantic,
    "two_stage": TwoStage,
}


def of(table: TaskTable, metric: str = "") -> Task:
    """The task of a stage's table `task`, tuned and scored by `metric` (`config.names.METRICS`)."""
    return TASKS[table.name](table, metric)
