"""The tasks: what differs between them in training, tuning, scoring and submitting, one module each.

A run's settings carry a table `task` with `name`, `classes` and `exclusive`, and so do the files made from
them (model.json, thresholds.json, cv.json); those of instances may lack it. `of` turns the table into
a `Task`, and whoever meets a difference asks that, so that no stage compares names. A new task is one
module here and one line in `TASKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from rich.table import Table

from segline.samples import ReadPair, Teach
from segline.tasks.instances import Instances
from segline.tasks.semantic import Semantic
from segline.tasks.two_stage import TwoStage


class Task(Protocol):
    """One task. Tables of images have the columns of images.csv, `fold`, and `oof`, a list of map files."""

    activation: str  # of the net's output `classes`: softmax or sigmoid
    target_channels: int | None  # of a training target; None for class indices
    score: str  # the column of scores.csv that runs are compared by
    score_name: str  # the same in words
    listed: str  # file name of `segment`'s table

    def outputs(self, settings: Mapping[str, Any]) -> dict[str, int]:
        """Channels of the net's outputs by name, from the content of params/train.json."""
        ...

    def teacher(self, read: ReadPair, n_images: int, settings: Mapping[str, Any]) -> Teach:
        """Makes targets and weights; class weights come from all `n_images` images of the fold."""
        ...

    def tuned(
        self, images: pd.DataFrame, parts: pd.Series, settings: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The content of thresholds.json: `final`, and in `parts` what was fitted without each part."""
        ...

    def words(self, choice: Mapping[str, Any]) -> str:
        """One entry of thresholds.json for people."""
        ...

    def recipes(self, thresholds: Path, second: Path | None) -> Mapping[str, Any]:
        """The recipe `final` and one for each part: maps (H, W, n) uint8 -> labels (H, W) int32."""
        ...

    def scored(
        self, images: pd.DataFrame, parts: pd.Series, recipes: Mapping[str, Any]
    ) -> tuple[pd.DataFrame, dict[str, Any]]:
        """A row an image, each by the recipe of its part, and the summary for cv.json."""
        ...

    def summary_table(self, summary: Mapping[str, Any], title: str) -> Table:
        """The summary for people."""
        ...

    def submission(self, found: Iterable[tuple[str, np.ndarray]]) -> pd.DataFrame:
        """The rows of a submission from (image_id, labels) pairs."""
        ...

    def counts(self, labels: np.ndarray) -> dict[str, int]:
        """What `segment` says of one result, as columns of its table."""
        ...


TASKS: dict[str, Callable[[Sequence[str], bool], Task]] = {
    "instances": Instances,
    "semantic": Semantic,
    "two_stage": TwoStage,
}


def of(table: Mapping[str, Any] | None) -> Task:
    """The task of a table `task`; instances where there is none."""
    if table is None:
        return Instances()
    return TASKS[table["name"]](tuple(table["classes"]), table["exclusive"])
