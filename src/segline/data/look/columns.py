"""Which column of a table holds what: image, class, mask."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from segline.config.tables.dialect import IMAGE_ENDING
from segline.data.layouts.place import natural
from segline.data.look import cells
from segline.data.look.folder import Family, TableFile, spread
from segline.submission.rows import bare

ROWS = 4000  # of a table that are looked at
SEPARATORS = "_-:|/ "
LEAST_KNOWN = 0.2  # of the cells of an id column are images of the folder
MOST_CLASSES = 40
CLASS = re.compile(r"class|label|categ|defect", re.IGNORECASE)


class Images(NamedTuple):
    """The column of the images' names, and the files that they name."""

    column: str
    family: Family
    known: float  # share of the cells that name one of these files
    split: str = ""  # what stands before the class, where a cell has both


class Told(NamedTuple):
    """The columns of a table of masks."""

    images: Images
    mask: str
    kind: str  # of `cells.kind`
    class_column: str = ""
    values: tuple[str, ...] = ()  # of the classes, as written

    @property
    def columns(self) -> dict[str, Any]:
        """As the table `Columns`, without what is not there."""
        found = {"id": self.images.column, "mask": self.mask}
        found |= {"class_column": self.class_column} if self.class_column else {}
        return found | ({"split": self.images.split} if self.images.split else {})


def told(table: TableFile, families: Sequence[Family]) -> Told | None:
    """The columns of a table of masks of these images; None for any other table."""
    seen = table.cells.iloc[spread(range(len(table.cells)), ROWS)]
    names = [str(name) for name in seen.columns if name and not set(str(name)) & set("{}")]
    images = images_of(seen[names], families)
    if images is None:
        return None
    kinds = {name: cells.kind(list(seen[name])) for name in names if name != images.column}
    masks = [name for name, kind in kinds.items() if kind]
    if not masks:
        return None
    mask = max(masks, key=lambda name: seen[name].str.len().sum())
    if images.split:
        values = _values_behind(table.cells[images.column], images)
        return Told(images, mask, kinds[mask], values=values)
    others = [name for name in names if name not in (images.column, mask)]
    class_column = _class_column(table.cells, images.column, others)
    values = _sorted(table.cells[class_column].str.strip()) if class_column else ()
    return Told(images, mask, kinds[mask], class_column, values)


def images_of(seen: pd.DataFrame, families: Sequence[Family]) -> Images | None:
    """The column and the family that fit best; a column of images alone before one with classes."""
    stems = [(family, set(family.stems)) for family in families]
    whole = [
        Images(name, family, _share(map(bare, seen[name].str.strip()), known.__contains__))
        for name in seen.columns
        for family, known in stems
    ]
    parted = [
        Images(name, family, _share(seen[name].str.strip(), _names(known, split)), split)
        for name in seen.columns
        for family, known in stems
        for split in SEPARATORS
    ]
    for found in (whole, parted):
        best = max(
            found, key=lambda images: (images.known, not images.family.is_test), default=None
        )
        if best and best.known >= LEAST_KNOWN:
            return best
    return None


def _share(texts: Iterable[str], is_known: Callable[[str], bool]) -> float:
    found = [is_known(text) for text in texts]
    return sum(found) / len(found) if found else 0.0


def _names(known: set[str], split: str) -> Callable[[str], bool]:
    return lambda text: parted(text, split, known) is not None


def parted(text: str, split: str, known: set[str] | Mapping[str, str]) -> tuple[str, str] | None:
    """Image and class of a cell that holds both; the last separator behind a known image counts."""
    end = text.rfind(split)
    while end > 0:
        if bare(text[:end]) in known and text[end + 1 :]:
            return text[:end], text[end + 1 :]
        end = text.rfind(split, 0, end)
    return None


def _values_behind(column: pd.Series, images: Images) -> tuple[str, ...]:
    known = images.family.stems
    found = (parted(text.strip(), images.split, known) for text in column)
    return _sorted(pair[1] for pair in found if pair)


def _class_column(table: pd.DataFrame, images: str, others: Sequence[str]) -> str:
    """A column of few values that differ within an image: one row an image and value, or so called."""
    fits = []
    for name in others:
        n_values = table[name].nunique()
        if not 2 <= n_values <= MOST_CLASSES or table.groupby(images)[name].nunique().max() < 2:
            continue
        one_each = not table.duplicated([images, name]).any()
        if one_each or CLASS.search(name):
            fits.append((bool(CLASS.search(name)), one_each, -n_values, name))
    return max(fits)[-1] if fits else ""


def _sorted(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({value for value in values if value}, key=natural))


def ending(column: Iterable[str]) -> str:
    """What most ids have after the image's name, such as `.jpg`; '' if most have nothing."""
    counted = Counter(
        match.group() if (match := IMAGE_ENDING.search(text.strip())) else "" for text in column
    )
    return counted.most_common(1)[0][0] if counted else ""
