"""A sample of the labels as `make data` will read them: shares of classes, areas of objects."""

from __future__ import annotations

from statistics import median

import numpy as np

from segline.base.errors import UserError
from segline.config.tables import Data
from segline.config.write import Line
from segline.data.layouts import Key, Reading, Record, Source, dialect, open_raw, open_semantic
from segline.data.look.folder import Folder, spread
from segline.data.look.guess import Guess
from segline.data.look.pictures import LARGEST, Seen
from segline.masks import labels
from segline.masks.classes import Classes, of_data, pixel_counts

LABELS = 24  # label images of a sample


def measure(guess: Guess, folder: Folder) -> None:
    """Fill `areas`, `per_image` and `shares` of a guess.

    What keeps `make data` from reading it is told; an order that the self-check refuses is turned round.
    """
    if guess.source != "npz" and any(folder.place.size(n) > LARGEST for n in guess.train):
        guess.tell("labels", f"not read for a look: images of more than {LARGEST // 10**6} MB")
        return
    try:
        data, source = _opened(guess, folder)
    except UserError as error:
        guess.tell("refused", str(error))
        return
    if guess.slug:
        _tell_alone(guess, source)
    train = [key for key in list(source.keys()) if key.split == "train"]
    records = _loaded(guess, source, spread(train, LABELS))
    if not guess.pictures.n_read:
        _see(guess, records)
    found = [record.labels for record in records if record.labels is not None]
    for record in records:
        if record.image is None:
            guess.tell("not read", record.problems[-1].detail)
            break
    if not found:
        return
    classes = of_data(data)
    if classes is None:
        _of_objects(guess, found)
    else:
        _of_classes(guess, found, classes)


def _loaded(guess: Guess, source: Source, keys: list[Key]) -> list[Record]:
    """The records of these images; one that is refused as a whole is told."""
    found = []
    for key in keys:
        try:
            found.append(source.load(key))
        except UserError as error:
            guess.tell("not read", str(error))
    return found


def _tell_alone(guess: Guess, source: Source) -> None:
    """Images without mask; of an unknown set the table was asked already."""
    alone = [p for p in source.problems if p.kind == "image without label"]
    if alone:
        said = f"{len(alone)} images, first {alone[0].image_id}: {alone[0].detail}"
        guess.tell("without mask", said)


def _see(guess: Guess, records: list[Record]) -> None:
    """Pictures that are no picture files are seen as the dialect makes them."""
    seen = Seen(len(guess.train))
    for record in records:
        if record.image is not None and record.levels is not None:
            seen.add(record.image, record.levels.dtype)
    if seen.n_read:
        guess.pictures = seen
        guess.tell("train images", f"{len(guess.train)}: {seen.told}")


def _opened(guess: Guess, folder: Folder) -> tuple[Data, Source]:
    """The set as `make data` opens it; in the other order where that of a built-in dialect is refused."""
    try:
        return _open(guess, folder)
    except UserError as error:
        if not guess.slug or "order = " not in str(error):
            raise
        table = _data(guess).dialect
        other = "rows" if table and table.order == "columns" else "columns"
        kept, guess.dialect = guess.dialect, [Line("order", other, str(error))]
        try:
            found = _open(guess, folder)
        except UserError:
            guess.dialect = kept
            raise
        guess.tell("order", f"{other}, not as {guess.slug} says: {error}")
        return found


def _open(guess: Guess, folder: Folder) -> tuple[Data, Source]:
    data = _data(guess)
    classes = of_data(data)
    if data.dialect is None and classes is not None:
        return data, open_semantic(data.source, folder.raw, classes, Reading.of(data))
    if data.dialect is None:
        return data, open_raw(data.source, folder.raw, Reading.of(data))
    return data, dialect.open_raw(folder.raw, data.dialect, of_data(data))


def _data(guess: Guess) -> Data:
    own = {line.key: line.value for line in guess.dialect if line.value is not None}
    table = own | ({"like": guess.slug} if guess.slug else {})
    keys = {line.key: line.value for line in guess.data if line.value is not None}
    return Data.model_validate(keys | ({"dialect": table} if table else {}))


def _of_objects(guess: Guess, found: list[np.ndarray]) -> None:
    sizes = [labels.sizes(each)[1:] for each in found]
    guess.areas = [int(area) for each in sizes for area in each if area]
    numbers = [int(each.max()) for each in found]
    guess.per_image = float(median(numbers))
    guess.tell(
        "objects",
        f"{len(guess.areas)} in a sample of {len(found)} images, median {guess.per_image:g}",
    )


def _of_classes(guess: Guess, found: list[np.ndarray], classes: Classes) -> None:
    pixels = np.sum([pixel_counts(each, classes) for each in found], axis=0)
    total = sum(each.size for each in found)
    guess.found = [said for said in guess.found if said[0] != "classes"]  # of the files alone
    guess.shares = {name: float(n / total) for name, n in zip(classes.names, pixels, strict=True)}
    shown = ", ".join(f"{name} {share:.2%}" for name, share in guess.shares.items())
    guess.tell("classes", f"{shown} of the pixels, in a sample of {len(found)} images")
