"""The look itself: what is there, and the first reading that fits it."""

from __future__ import annotations

from pathlib import Path

from segline.base.errors import UserError
from segline.config.tables.built_in import built_in
from segline.config.tables.dialect import Dialect
from segline.data.look import (
    documented,
    filed,
    known,
    measure,
    object_files,
    packed,
    pictures,
    table,
    unread,
)
from segline.data.look.folder import Folder
from segline.data.look.guess import Guess
from segline.data.look.known import Fit

MOST_TABLES = 6  # that are told
NO_PICTURES = (".npy", ".dcm")  # which a dialect reads, not the reader of pictures


def at(raw: Path) -> Guess:
    """What a folder holds and which config reads it; UserError if nothing is recognised."""
    folder = Folder(raw)
    fits = known.fitting(folder)
    guess = _known(folder, fits) if fits else _unknown(folder)
    seen = []
    for name, files in (("train", guess.train), ("test", guess.test)):
        if files and guess.source == "npz":
            seen.append((f"{name} images", f"{len(files)}, {files[0]} to {files[-1]}"))
        elif files and not files[0].endswith(NO_PICTURES) and not _is_layered(guess.slug):
            found = pictures.look(folder.place, files)
            seen.append((f"{name} images", f"{len(files)}: {found.told}"))
            seen += [("not read", said) for said in found.refused[:2]]
            guess.pictures = guess.pictures if guess.pictures.n_read else found
    if not guess.test:
        seen.append(("test images", "none found: the submission will have no rows"))
    seen += [_told(each, folder) for each in folder.tables[:MOST_TABLES]]
    if len(folder.tables) > MOST_TABLES:
        seen.append(("table", f"and {len(folder.tables) - MOST_TABLES} more"))
    guess.found = [("layout", guess.layout), *seen, *guess.found]
    if _is_measured(guess):
        measure.measure(guess, folder)
    documented.settle(guess, folder)
    if not guess.slug:
        unread.tell(guess, folder)
    return guess


def _is_measured(guess: Guess) -> bool:
    """Whether a sample of its labels is still to be read: class masks in `folders` were counted."""
    if guess.slug and not guess.dialect:
        return _table(guess.slug).source == "dialect"
    counted = guess.source == "dsb2018" or guess.shares or guess.areas
    return bool(guess.dialect) or guess.source == "npz" or not counted


def _told(table, folder: Folder) -> tuple[str, str]:
    number = f"{table.n_rows} rows" if table.n_rows >= 0 else "too large to count the rows"
    heading = "sample" if table.is_sample else "table"
    return heading, f"{table.name}: {number} of {', '.join(map(str, table.cells.columns))}"


def _table(slug: str) -> Dialect:
    return Dialect.model_validate(built_in(slug))


def _is_layered(slug: str) -> bool:
    """Whether a picture is spread over several files."""
    return bool(slug) and bool(_table(slug).channels)


def _known(folder: Folder, fits: list[Fit]) -> Guess:
    best = fits[0]
    dialect = _table(best.slug)
    masks = folder.place.pictures(dialect.masks, dialect.id)
    without = {mask.name for mask in masks.values()}
    train = folder.place.pictures(dialect.images, dialect.id, without=without)
    test = folder.place.pictures(dialect.test_images, dialect.of_test)
    guess = Guess(
        f"the competition {best.slug}",
        dialect.task,
        [each.name for each in train.values()],
        [each.name for each in test.values()],
        slug=best.slug,
    )
    for said in best.evidence:
        guess.tell("evidence", said)
    for other in fits[1:]:
        guess.tell("fits too", f"{other.slug}: {'; '.join(other.evidence)}")
    return guess


def _unknown(folder: Folder) -> Guess:
    looks = (packed.dsb2018, table.look, packed.npz, object_files.look, filed.look)
    for look in looks:
        guess = look(folder)
        if guess is not None:
            return guess
    found = [str(family) for family in folder.families[:4]]
    tables = [each.name for each in folder.tables[:4]]
    annotated = "".join(f"; {name} is {unread.COCO}" for name in unread.coco(folder)[:2])
    raise UserError(
        f"{folder.raw}: nothing recognised: neither a known competition, a table of masks (RLE, polygons) "
        f"whose ids are names of images, mask files paired with images by name, folders of a mask an "
        f"object, nor .npz archives; found {', '.join([*found, *tables]) or folder.place.folders()}"
        f"{annotated}; see docs/your-data.md"
    )
