"""Groups: images that no two folds may share, and images that are alike without being in one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from segline.data import fields, neighbours
from segline.data.layouts import Problem
from segline.data.neighbours import Seam


@dataclass
class Looks:
    """What is kept of every image to compare it with the others: small things only."""

    borders: list[fields.Borders] = field(default_factory=list)
    smalls: list[np.ndarray] = field(default_factory=list)
    copies: list[tuple[int, int]] = field(default_factory=list)  # images with the same pixels
    _first: dict[bytes, int] = field(
        default_factory=dict
    )  # hash of pixels -> first image with them

    def add(self, image: np.ndarray) -> int | None:
        """Keep what is compared of the next image (H, W, 3) uint8; the number of one with its pixels."""
        pixels = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()
        number = len(self.borders)
        first = self._first.setdefault(pixels, number)
        self.borders.append(fields.borders(image))
        self.smalls.append(neighbours.small(image))
        if first == number:
            return None
        self.copies.append((first, number))
        return first


def grouped(table: pd.DataFrame, looks: Looks, *, n_folds: int) -> tuple[list[str], list[Problem]]:
    """The group of every row of the manifest, and the images that are alike in two groups.

    Groups that a file names hold. Else copies are one, tiles of a field, and neighbours in a film or stack;
    films are cut into blocks where folds would lack groups otherwise.
    """
    ids = list(table["image_id"])
    sizes = list(zip(table["height"], table["width"], strict=True))
    seams = neighbours.seams(ids, sizes, looks.smalls)
    if (table["group"] != "").any():
        groups = list(table["group"].where(table["group"] != "", table["image_id"]))
    else:
        train = (table["split"] == "train").to_numpy()
        groups = _names(ids, _members(looks, seams, train, n_folds))
    alike = neighbours.near_duplicates(sizes, looks.smalls)
    return groups, _leaks(ids, groups, seams, [x for x in alike if x[:2] not in looks.copies])


def _members(looks: Looks, seams: list[Seam], train: np.ndarray, n_folds: int) -> np.ndarray:
    """The number of every image's group."""
    length = max(1, int(train.sum()) // n_folds)
    frames = {index for seam in seams for index in seam[:2]}
    for kept in (seams, neighbours.cut(seams, length)):
        joined = [*looks.copies, *(seam[:2] for seam in kept)]
        members = fields.assign(looks.borders, joined=joined, whole=frames)
        if len(set(members[train])) >= n_folds:
            break
    return members


def _names(image_ids: list[str], members: np.ndarray) -> list[str]:
    """A group is called after the first of its images in alphabetical order."""
    first: dict[int, str] = {}
    for image_id, group in sorted(zip(image_ids, members.tolist(), strict=True)):
        first.setdefault(group, image_id)
    return [first[group] for group in members.tolist()]


def _leaks(
    ids: list[str], groups: list[str], seams: list[Seam], alike: list[tuple[int, int, float]]
) -> list[Problem]:
    """Scores are too good where folds part them."""
    beside = [
        Problem(ids[b], "neighbours in two groups", f"next to {ids[a]} in a film or stack")
        for a, b, _ in seams
        if groups[a] != groups[b]
    ]
    return beside + [
        Problem(ids[b], "near duplicate", f"of {ids[a]} (correlation {like:.2f}), in another group")
        for a, b, like in alike
        if groups[a] != groups[b]
    ]
