"""A table of objects with classes that is as docs/your-data.md has it: the source `rle_csv` reads it."""

from __future__ import annotations

from typing import Any

from segline.config.write import Line
from segline.data.layouts import files
from segline.data.layouts.rle_csv import TABLE
from segline.data.look.filed import folds
from segline.data.look.folder import Folder
from segline.data.look.guess import Guess
from segline.submission.kinds import COLUMNS

SAMPLE = "sample_submission.csv"


def settle(guess: Guess, folder: Folder) -> None:
    """Put `rle_csv` in place of a dialect that says nothing but what `rle_csv` has."""
    given: dict[str, Any] = {line.key: line.value for line in guess.dialect}
    if guess.slug or given.get("rows") != "object" or not given.get("classes"):
        return
    alone = any(heading == "without mask" for heading, _ in guess.found)  # refused by `rle_csv`
    if alone or not (_is_table(given, folder) and _are_pictures(given, folder)):
        return
    why = next(line.why for line in guess.dialect if line.key == "rows")
    guess.data = [
        Line("source", "rle_csv", f"{TABLE} of {','.join(COLUMNS)}, {why}"),
        Line("object_classes", given["classes"], "as the table has them; submitted as 1, 2, ..."),
        *folds(guess, folder),
    ]
    guess.dialect = []


def _is_table(given: dict[str, Any], folder: Folder) -> bool:
    classes = given["classes"]
    numbers = [str(n) for n in range(1, len(classes) + 1)]
    coding = [given.get(key) for key in ("codec", "order", "base")]
    columns = dict(zip(("id", "class_column", "mask"), COLUMNS, strict=True))
    others = {"empty", "empty_written", "unlisted", "masks", "id", "submission"} & given.keys()
    tables = {table.name for table in folder.tables if TABLE in table.name or table.is_sample}
    return (
        coding == ["pairs", "columns", 1]
        and given["columns"] == [columns]
        and given.get("class_values", classes) in (classes, numbers)
        and not others
        and given["table"] == TABLE
        and tables <= {TABLE, SAMPLE}
        and len(classes) > 1
    )


def _are_pictures(given: dict[str, Any], folder: Folder) -> bool:
    for names, key in ((files.TRAIN_IMAGES, "images"), (files.TEST_IMAGES, "test_images")):
        place = files.folder(folder.raw, names)
        pattern = given.get(key, "")
        if place and sum(folder.raw / f.folder == place for f in folder.pictures) > 1:
            return False
        below = f"{place.relative_to(folder.raw).as_posix()}/{{id}}." if place else ""
        if not (pattern.startswith(below) if below else not pattern):
            return False
    return True
