"""What found objects are judged by: the metric alone, or where they have classes by their classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from segline.base.errors import UserError
from segline.config.stages import ScoredTask, TaskTable
from segline.data import object_kinds
from segline.metrics.kinds import ByKind
from segline.metrics.objectives import ObjectMetric
from segline.objects import out_of_fold
from segline.objects.decoders import ObjectDecoder

Names = Sequence[str]  # the classes of the true objects 1..n


class Judge(NamedTuple):
    """A metric of objects, and the classes that they have, if any, with the groups that are scored."""

    metric: ObjectMetric
    classes: tuple[str, ...] = ()
    groups: tuple[tuple[int, ...], ...] = ()

    @property
    def by_kind(self) -> ByKind:
        return ByKind(self.metric, self.groups)

    def kept(
        self, truth: np.ndarray, names: Names, found: np.ndarray, kinds: np.ndarray
    ) -> np.ndarray:
        """What `joined` needs of one image; `kinds` (n,) from 1 are the classes of those found."""
        if not self.classes:
            return self.metric.kept(truth, found)
        true_kinds = object_kinds.numbers(names, self.classes)[1:]
        return self.by_kind.kept(truth, found, true_kinds=true_kinds, pred_kinds=kinds)

    def of(
        self, truth: np.ndarray, names: Names, decoder: ObjectDecoder, probs: np.ndarray
    ) -> np.ndarray:
        """The same of what a decoder makes of a map."""
        found = decoder(probs)
        return self.kept(truth, names, found, decoder.kinds(probs, found))

    def joined(self, kept: ArrayLike) -> np.ndarray:
        """The score (...) of images together, (N, ...)."""
        return self.by_kind.joined(kept) if self.classes else self.metric.joined(kept)

    def jobs(self, images: pd.DataFrame, *more: str) -> list[tuple]:
        """`out_of_fold.jobs` with the classes of the true objects after the maps."""
        if not self.classes:
            return out_of_fold.jobs(images.assign(object_classes=""), "object_classes", *more)
        if "object_classes" not in images:
            raise UserError(
                "object_classes.csv is missing beside images.csv; make data writes it (data.object_classes)"
            )
        return out_of_fold.jobs(images, "object_classes", *more)


def of(table: TaskTable, metric: ObjectMetric) -> Judge:
    """The judge of a stage's table `task`; one that does not say what is scored scores each class."""
    if not table.classes:
        return Judge(metric)
    each = tuple((number,) for number in range(1, len(table.classes) + 1))
    groups = table.groups if isinstance(table, ScoredTask) else ()
    return Judge(metric, table.classes, groups or each)
