"""What every kind of submission is checked for: the rows of the sample, and masks that can be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from segline.base.errors import UserError
from segline.masks.rle_check import Group
from segline.masks.rle_text import Shape

Key = TypeVar("Key")
Masks = tuple[str, Sequence[str], Shape]  # what they are called, the texts, (H, W)
FirstFault = Callable[[Iterable[Group]], tuple[int, str] | None]


def none_missing(
    found: Collection[Key],
    wanted: Collection[Key],
    path: Path,
    cure: str,
    *,
    of: str = "rows",
    name: Callable[[Key], str] = str,
) -> None:
    """Refuse a submission that lacks any of `wanted`; it names the first, and the cure."""
    have = set(found)
    missing = [key for key in wanted if key not in have]
    if missing:
        raise UserError(
            f"{path}: {len(missing)} of {len(wanted)} {of} are missing, first {name(missing[0])}; {cure}"
        )


def none_foreign(
    found: Collection[Key],
    wanted: Collection[Key],
    path: Path,
    cure: str = "remove them",
    *,
    of: str = "rows",
    name: Callable[[Key], str] = str,
) -> None:
    """Refuse a submission that has more than `wanted`."""
    allowed = set(wanted)
    foreign = [key for key in found if key not in allowed]
    if foreign:
        raise UserError(
            f"{path}: {len(foreign)} {of} do not belong to the set, first {name(foreign[0])}; {cure}"
        )


def none_twice(
    found: Sequence[Key], path: Path, cure: str, *, name: Callable[[Key], str] = str
) -> None:
    """Refuse a submission in which a row comes twice."""
    twice = next((key for key, n in Counter(found).items() if n > 1), None)
    if twice is not None:
        raise UserError(f"{path}: {name(twice)} has two rows; {cure}")


def readable(masks: Iterable[Masks], path: Path, first_fault: FirstFault) -> None:
    """Refuse the first masks in which `first_fault` finds one, or what `masks` itself raises after them."""
    names: list[str] = []
    refused: list[UserError] = []

    def groups() -> Iterator[Group]:
        try:
            for name, texts, shape in masks:
                names.append(name)
                yield texts, shape
        except UserError as error:
            refused.append(error)

    fault = first_fault(groups())
    if fault is not None:
        raise UserError(f"{path}: {names[fault[0]]}: {fault[1]}")
    if refused:
        raise refused[0]
