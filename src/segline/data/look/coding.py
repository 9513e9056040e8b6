"""Codec, order and base of a table of masks, told by the self-check of `make data`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from segline.base.errors import UserError
from segline.config.tables.dialect import Coding, Dialect
from segline.config.write import Line
from segline.data.layouts import dialect as layout
from segline.data.layouts import self_check
from segline.data.look import cells
from segline.data.look.columns import Told
from segline.data.look.folder import Folder
from segline.data.look.guess import Guess
from segline.data.look.pictures import LARGEST
from segline.masks import codecs

CODECS = {
    "numbers": ("pairs", "relative"),
    "lists": ("lists",),
    "coco": ("coco",),
    "wkt": ("wkt",),
    "polygons": ("polygons",),
}
OVERLAPPING = 0.01  # of the masks' pixels in several classes: they may overlap


def lines(folder: Folder, told: Told, given_lines: Sequence[Line], guess: Guess) -> list[Line]:
    """Codec, order and base: of all that the self-check lets pass, what speaks for it most."""
    given: dict[str, Any] = {line.key: line.value for line in given_lines}
    opened = layout.open_raw(
        folder.raw, Dialect.model_validate(given | {"check": False}), classes=None
    )
    specimens = opened.specimens()
    if not specimens:
        raise UserError(
            f"{folder.raw}: no picture of the {guess.layout} can be read (up to {LARGEST // 10**6} MB "
            f"each), so the order of its masks cannot be told; {opened.problems[:1]}"
        )
    tried = [_tried(specimens, coding) for coding in _candidates(told, specimens)]
    best = min(tried, key=lambda each: (each.refused != "", each.rank))
    if best.refused:
        raise UserError(f"{guess.layout}: masks of column {told.mask}: {best.refused}")
    coding, texts = best.coding, sum(len(each.texts) for each in specimens)
    seen = f"{texts} masks of {len(specimens)} images"
    found = [Line("codec", coding.codec, _why_codec(told, coding, seen))]
    guess.tell("codec", f"{coding.codec}: {_why_codec(told, coding, seen)}")
    if coding.codec in self_check.ORDERED:
        found.append(Line("order", coding.order, _why_order(best, tried, seen)))
        found.append(Line("base", coding.base, _why_base(best, tried)))
        guess.tell("order", f"{coding.order}: {found[-2].why}")
        guess.tell("base", f"{coding.base}: {found[-1].why}")
    if given["rows"] == "class" and _overlap(specimens, coding):
        found.append(Line("exclusive", False, "masks of several classes share pixels"))
    return found


def _candidates(told: Told, specimens: Sequence[self_check.Specimen]) -> list[Coding]:
    texts = [text for each in specimens for text in each.texts]
    codecs_of = CODECS[told.kind]
    if told.kind == "numbers":
        codecs_of = ("pairs",) if cells.ascends(texts) else ("relative",)
    if codecs_of[0] not in self_check.ORDERED:
        return [Coding(codec=codecs_of[0])]  # type: ignore[arg-type]
    return [
        Coding(codec=codec, order=order, base=base)  # type: ignore[arg-type]
        for codec in codecs_of
        for order in ("columns", "rows")
        for base in (1, 0)
    ]


class Tried(NamedTuple):
    """What a coding makes of the specimens; `refused` says what the self-check holds against it."""

    coding: Coding
    refused: str
    pieces: int = 0
    flush: int = 0  # runs that end at an edge of the image,
    wrapped: int = 0  # and that reach one pixel around it

    @property
    def rank(self) -> tuple[int, int]:
        return self.pieces, self.wrapped


def _tried(specimens: Sequence[self_check.Specimen], coding: Coding) -> Tried:
    try:
        self_check.check(specimens, coding, "")
        masks = [
            codecs.decode_labels(s.texts, s.shape, coding, overlap="smaller") for s in specimens
        ]
    except (UserError, ValueError) as error:
        return Tried(coding, re.sub(r": (?:order|base) = .*", "", str(error).removeprefix(": ")))
    pieces = sum(self_check.pieces(mask > 0) for mask in masks)
    if coding.codec not in self_check.ORDERED:
        return Tried(coding, "", pieces)
    return Tried(coding, "", pieces, *self_check.at_edges(specimens, coding))


def _why_codec(told: Told, coding: Coding, seen: str) -> str:
    if told.kind != "numbers":
        return f"the form of the cells; {seen}"
    where = "starts ascend" if coding.codec == "pairs" else "starts do not ascend, so they are gaps"
    return f"{where} in {seen}"


def _why_order(best: Tried, tried: Sequence[Tried], seen: str) -> str:
    other = _other(tried, best, "order")
    if other.refused:
        return other.refused
    if other.pieces > best.pieces:
        return f"{best.pieces} pieces in {seen}, {other.pieces} by {other.coding.order}"
    return f"NOT TOLD by {seen}: both orders give {best.pieces} pieces; look at make preview"


def _why_base(best: Tried, tried: Sequence[Tried]) -> str:
    other = _other(tried, best, "base")
    if other.refused:
        return other.refused
    if other.rank > best.rank:
        return (
            f"{best.flush} runs end at an edge and {best.wrapped} reach around it; counted from "
            f"{other.coding.base} {other.flush} and {other.wrapped}"
        )
    return "NOT TOLD: no run shows it; 1 is usual"


def _other(tried: Sequence[Tried], best: Tried, key: str) -> Tried:
    """What was tried that differs from the best in this key alone."""
    same = [k for k in ("codec", "order", "base") if k != key]
    return next(
        each
        for each in tried
        if getattr(each.coding, key) != getattr(best.coding, key)
        and all(getattr(each.coding, k) == getattr(best.coding, k) for k in same)
    )


def _overlap(specimens: Sequence[self_check.Specimen], coding: Coding) -> bool:
    overlap = sum(codecs.count_overlaps(each.texts, each.shape, coding) for each in specimens)
    decoded = (codecs.decode_labels(s.texts, s.shape, coding, overlap="smaller") for s in specimens)
    return overlap > OVERLAPPING * sum(np.count_nonzero(mask) for mask in decoded)
