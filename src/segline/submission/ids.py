"""Which image a CSV's id means: the id itself, with or without an image file's ending, in any case.

A CSV is written back as its sample spells the ids, so both spellings are kept: as written, and the image's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeVar

from segline.base.errors import UserError
from segline.config.tables.dialect import IMAGE_ENDING

T = TypeVar("T")


def bare(image_id: str) -> str:
    """An id without the ending of an image file.

    >>> bare("0002cc93b.jpg")
    '0002cc93b'
    """
    return IMAGE_ENDING.sub("", image_id)


def _in_any_case(image_id: str) -> str:
    return bare(image_id).casefold()


Spelling = Callable[[str], str]
SPELLINGS: tuple[Spelling, ...] = (str, bare, _in_any_case)  # the nearest counts


def matched(written: Iterable[str], images: Iterable[str], where: object) -> dict[str, str]:
    """The image that each written id means, without those that mean none.

    UserError if two of them mean one image.

    >>> matched(["te0.png", "TE1", "x"], ["te0", "te1"], "sample.csv")
    {'te0.png': 'te0', 'TE1': 'te1'}
    """
    written, images = list(dict.fromkeys(written)), list(dict.fromkeys(images))
    found: dict[str, str] = {}
    for spelling in SPELLINGS:
        by_spelling = _unambiguous(images, spelling)
        for name in written:
            image = by_spelling.get(spelling(name.strip()))
            if image is not None:
                found.setdefault(name, image)
    found = {name: found[name] for name in written if name in found}
    check_spelt_once(found.items(), where)
    return found


def _unambiguous(images: Iterable[str], spelling: Spelling) -> dict[str, str]:
    """The images by their spelling, without spellings that two share."""
    found: dict[str, str] = {}
    shared = set()
    for image in images:
        if found.setdefault(spelling(image), image) != image:
            shared.add(spelling(image))
    return {key: image for key, image in found.items() if key not in shared}


def check_spelt_once(named: Iterable[tuple[str, str]], where: object) -> None:
    """Refuse pairs (written id, image) in which two written ids mean one image."""
    first: dict[str, str] = {}
    for name, image in named:
        if first.setdefault(image, name) != name:
            raise UserError(
                f"{where}: {first[image]} and {name} mean one image, {image}; spell its id in one way"
            )


def all_matched(written: Iterable[str], images: Iterable[str], where: object) -> dict[str, str]:
    """`matched`, of a sample submission and the test images; UserError if it names another image."""
    written, images = list(dict.fromkeys(written)), list(dict.fromkeys(images))
    found = matched(written, images, where)
    foreign = [name for name in written if name not in found]
    if foreign:
        unnamed = left_out(found, images)
        raise UserError(
            f"{where}: {len(foreign)} of {len(written)} ids have no test image, first {foreign[0]}, and "
            f"{len(unnamed)} of {len(images)} test images have no row"
            f"{f', first {unnamed[0]}' if unnamed else ''}; give the test images of these ids, or take "
            f"the rows out"
        )
    return found


def left_out(named: Mapping[str, str], images: Iterable[str]) -> list[str]:
    """The images that no written id means."""
    meant = set(named.values())
    return [image for image in images if image not in meant]


def as_written(by_image: Mapping[str, T], written: Iterable[str], where: object) -> dict[str, T]:
    """What belongs to images, by the written ids that mean them."""
    return {name: by_image[image] for name, image in matched(written, by_image, where).items()}


def respelt(names: Collection[str], wanted: Iterable[str], where: object) -> dict[str, str]:
    """To each name the one of `wanted` that it means; foreign names stay as they are."""
    return {name: name for name in names} | matched(names, wanted, where)


def of_submission(names: Collection[str], wanted: Iterable[str], where: object) -> dict[str, str]:
    """`respelt`, but white space around an id is part of it, as where a submission is validated."""
    clean = [name for name in names if name == name.strip()]
    return {name: name for name in names} | matched(clean, wanted, where)


def check_spelling(
    written: Iterable[str], wanted: Iterable[str], path: object, where: object
) -> None:
    """Refuse ids that mean an image which `where` spells otherwise; foreign ones are not looked at."""
    wanted = list(dict.fromkeys(wanted))
    known = set(wanted)
    for name, meant in matched(written, wanted, path).items():
        if name not in known:
            raise UserError(f"{path}: image {name} is spelt {meant} in {where}; spell it so")
