"""Masks that are files, one an image: classes or numbered objects."""

from __future__ import annotations

from statistics import median

from segline.base.errors import UserError
from segline.config.write import Line
from segline.data.layouts import files
from segline.data.look import masks, pairs, samples
from segline.data.look.columns import images_of
from segline.data.look.folder import Family, Folder, TableFile, stem
from segline.data.look.guess import Guess
from segline.data.look.pairs import Pairing


def look(folder: Folder) -> Guess | None:
    """Images and masks in pairs; UserError for masks that no source reads as they are."""
    pairing = pairs.of(folder)
    if pairing is None:
        return None
    seen = masks.look(folder.place, pairing.mask_files)
    if not seen.n_read:
        raise UserError(f"{folder.raw}: no mask can be read: {seen.refused[0]}")
    guess = of_objects(seen) if seen.of_objects else of_classes(folder, seen)
    guess.train = [image for image, _ in pairing.pairs.values()]
    test, sample = samples.of_test(folder, pairing.images)
    test = None if test and test.is_validation else test
    guess.test = test.names if test else ()
    if _is_plain(folder, pairing, test, sample):
        guess.layout = f"folders {pairing.images.folder}/ and {pairing.masks.folder}/"
        as_source(guess)
        guess.data = [Line("source", "folders", "images and masks in pairs"), *guess.data]
        guess.data += folds(guess, folder)
    else:
        guess.layout = f"images {pairing.image_pattern}, masks {pairing.mask_pattern}"
        _describe(guess, pairing, test, sample)
    guess.tell("masks", f"{len(pairing.pairs)} files {pairing.mask_pattern}")
    guess.tell("values", seen.told)
    for said in seen.refused[:3]:
        guess.tell("not read", said)
    guess.known += [*pairing.mask_files, *pairing.alone]
    _tell_alone(guess, folder, pairing)
    return guess


def of_objects(seen: masks.Seen) -> Guess:
    numbers = [n for n in seen.per_image if n]
    guess = Guess("", "instances", ())
    guess.areas, guess.per_image = seen.areas, median(numbers) if numbers else 0
    why = (
        f"{seen.n_whole} of {seen.n_values} values looked at are one connected piece each, and they "
        f"differ from mask to mask: each is an object"
    )
    guess.dialect = [Line("rows", "object", why)]
    guess.tell("objects", f"{sum(seen.per_image)} in {seen.n_read} masks; {why}")
    return guess


def as_source(guess: Guess) -> None:
    """Say of numbered objects what the source does that reads them, in place of a dialect."""
    guess.data += [Line("label_masks", True, line.why) for line in guess.dialect]
    guess.dialect = []


def of_classes(folder: Folder, seen: masks.Seen) -> Guess:
    found = masks.classes(seen)
    if found is None:
        raise UserError(
            f"{folder.raw}: the masks are neither two values, class numbers, colours nor numbered objects: "
            f"{seen.told}; save them as one of these"
        )
    guess = Guess("", "semantic", ())
    guess.data = [Line("task", "semantic", "a class for each pixel"), *found.lines]
    shares = list(seen.shares.values()) if not found.values else []
    known = {v: seen.shares.get(v, seen.shares.get(_grey(v), 0.0)) for v in found.values}
    total = sum(known.values()) or 1
    guess.shares = dict(zip(found.names, (share / total for share in known.values()), strict=False))
    if shares:
        guess.shares = dict(zip(found.names[1:], shares, strict=False))
    guess.tell("classes", ", ".join(f"{name} {share:.1%}" for name, share in guess.shares.items()))
    return guess


def _grey(value: object) -> str:
    return f"#{3 * f'{int(value):02x}'}" if isinstance(value, int) and value < 256 else ""


def _is_plain(
    folder: Folder, pairing: Pairing, test: Family | None, sample: TableFile | None
) -> bool:
    """Whether the source `folders` reads it as it is: its names, every file paired, nothing in zips."""
    if pairing.alone or pairing.n_spare or pairing.image != ("", ""):
        return False
    names = [files.folder(folder.raw, known) for known in (files.TRAIN_IMAGES, files.TRAIN_MASKS)]
    wanted = [folder.raw / pairing.images.folder, folder.raw / pairing.masks.folder]
    if names != wanted or pairing.mask.before or pairing.mask.after not in ("", *files.ENDINGS):
        return False
    place = files.folder(folder.raw, files.TEST_IMAGES)
    if place != (folder.raw / test.folder if test else None):
        return False
    listed = {"ImageId", "EncodedPixels"} <= set(sample.cells.columns) if sample else True
    top = "/" not in sample.name and stem(sample.name) == "sample_submission" if sample else True
    return listed and top


def folds(guess: Guess, folder: Folder) -> list[Line]:
    """Two groups a fold, if a file names groups."""
    table = next((table for table in folder.tables if table.name == "groups.csv"), None)
    if table is None or "group" not in table.cells:
        return []
    known = {stem(name) for name in guess.train}
    n = table.cells.loc[table.cells.iloc[:, 0].isin(known), "group"].nunique()
    guess.tell("groups", f"{n} in {table.name}; a group is never split")
    return [
        Line(
            "n_folds", max(2, min(5, n // 2)), f"of {n} groups in {table.name}, two a fold or more"
        )
    ]


def _describe(
    guess: Guess, pairing: Pairing, test: Family | None, sample: TableFile | None
) -> None:
    """The pairs as a dialect, which finds files by patterns and leaves images without mask out."""
    lines = guess.dialect
    if guess.task == "semantic":
        by_key = {line.key: line for line in guess.data}
        names = by_key["classes"].value
        lines += [
            Line("rows", "image" if len(names) == 2 else "class", "of the submission"),
            *(line for key, line in by_key.items() if key in ("classes", "exclusive")),
        ]
        own = ("task", "classes", "exclusive")
        guess.data = [line for key, line in by_key.items() if key not in own]
        lines.append(Line("metric", "dice", "no file tells; see the competition's page"))
    n = len(pairing.pairs)
    lines.append(Line("images", pairing.image_pattern, f"{n} of them with a mask"))
    lines.append(Line("masks", pairing.mask_pattern, f"{n} of them with an image"))
    if pairing.images.template:
        lines.append(
            Line("id", pairing.images.template, "files of several folders are called alike")
        )
    if test is not None:
        lines.append(Line("test_images", test.pattern(), f"{len(test.names)} test images"))
    lines.append(Line("table", [], "masks are files"))
    lines += _submission(guess, test, sample)


def _submission(guess: Guess, test: Family | None, sample: TableFile | None) -> list[Line]:
    """The columns of the sample submission, which is all that tells them."""
    has_class = any(line.key == "rows" and line.value == "class" for line in guess.dialect)
    columns = {"id": "ImageId", "mask": "EncodedPixels"}
    if has_class:
        columns["class_column"] = "ClassId"
    why = "of the submission; no file tells"
    found = images_of(sample.cells, [test]) if sample and test and len(sample.cells) else None
    if sample and found:
        header = [str(name) for name in sample.cells.columns]
        rest = [name for name in header if name != found.column]
        columns = {"id": found.column, "mask": rest[-1]}
        why = f"of {sample.name}"
        if has_class and found.split:
            columns["split"] = found.split
        elif has_class and len(rest) > 1:
            columns["class_column"] = rest[0]
    return [Line("columns", [columns], why)]


def _tell_alone(guess: Guess, folder: Folder, pairing: Pairing) -> None:
    if pairing.alone:
        first = pairing.alone[0]
        guess.tell("without mask", f"{len(pairing.alone)} images, first {first}; they are left out")
    for family in folder.pictures:
        if family.is_validation:
            guess.tell(
                "not read", f"{family}, a validation set; copy it to the others to train on it"
            )
            guess.known += family.names
