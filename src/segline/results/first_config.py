"""The config of a first honest run on a folder that was looked at.

What the files tell stands in the guess; here net and training follow from it, as in `quick` for objects
and as in docs/your-data.md for class masks.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median

from segline.config import write
from segline.config.write import Line
from segline.data.look.guess import Guess

CROP_PX = 256
LARGE_PX = 1024  # a longer side from which on whole pictures may be made smaller,
LARGE_SHARE = 0.03  # if the rarest class has this share of the pixels
SMALLER_PX = 512  # their longer side then
MANY_OBJECTS = 8  # in the median picture, of
SMALL_PX = 5000  # or fewer pixels: like nuclei
FEW_IMAGES = 10  # below which there are fewer folds


def text(name: str, raw: Path, guess: Guess) -> str:
    """A whole config with a comment at every guess; ValueError for a name that TOML cannot hold."""
    head = [
        f"make submit config={name}: {guess.layout}; {len(guess.train) or 'some'} training images,"
        f" {len(guess.test)} test images.",
        f"Written by make new after a look at {raw}: each comment says why. Score and time: none yet.",
    ]
    return write.text(head, tables(name, guess))


def tables(name: str, guess: Guess) -> Mapping[str, list[Line]]:
    """The lines of the config by table."""
    own = guess.dialect and guess.slug  # keys in which it differs from a built-in one
    dialect = [Line("like", guess.slug, "but for these keys")] if own else []
    data = [Line("dataset", name), *_competition(guess), *guess.data, *_folds(guess)]
    start = {"": [Line("extends", "quick", "its net, training and tuning of objects")]}
    return {
        **(start if guess.task == "instances" else {}),
        "data": data,
        "data.dialect": [*dialect, *guess.dialect],
        "input": _input(guess),
        **(_of_objects(guess) if guess.task == "instances" else _of_classes(guess)),
    }


def _competition(guess: Guess) -> list[Line]:
    if guess.slug and not guess.dialect:
        return [Line("dialect", guess.slug, "names of files and columns are those of this one")]
    if guess.slug:
        return [Line("competition", guess.slug, "where make upload hands in")]
    return [Line("", None, 'competition = "slug" of its page is what make upload needs')]


def _folds(guess: Guess) -> list[Line]:
    if any(line.key == "source" and line.value == "npz" for line in guess.data):
        return [Line("n_folds", 2, "a validation file, if there is one, is fold 0")]
    n = len(guess.train)
    if not 0 < n < FEW_IMAGES or any(line.key == "n_folds" for line in guess.data):
        return []
    return [Line("n_folds", max(2, n // 2), f"of {n} images")]


def _input(guess: Guess) -> list[Line]:
    seen = guess.pictures
    if guess.slug or any(line.value == "dsb2018" for line in guess.data):
        mode = []  # follows from the dialect, and from quick
    else:
        mode = [Line("mode", *_mode(guess))]
    size = _size(guess)
    if size is None:
        return mode
    rare = min(list(guess.shares.values())[1:])
    why = (
        f"whole pictures of up to {seen.largest_side} px, since no class is small (the rarest has "
        f"{rare:.1%}); without it, crops at full size"
    )
    return [*mode, Line("size", size, why)]


def _mode(guess: Guess) -> tuple[str, str]:
    seen = guess.pictures
    counted = f"{seen.n_colour} of {seen.n_read} pictures are in colour"
    area = median(guess.areas) if guess.areas else 0
    small = guess.per_image >= MANY_OBJECTS and area <= SMALL_PX
    by_colour = seen.mode == "rgb" and _has_classes(guess)  # a grey channel would not show them
    if guess.task == "instances" and small and seen.n_read and not by_colour:
        objects = f"{guess.per_image:g} objects of {area:g} px in the median picture, as nuclei are"
        return "nuclei", f'{objects}; {counted}: else "{seen.mode}"'
    return seen.mode, counted


def _has_classes(guess: Guess) -> bool:
    return any(line.key in ("object_classes", "classes") for line in [*guess.data, *guess.dialect])


def _size(guess: Guess) -> list[int] | None:
    """Height and width that large pictures of large regions are brought to."""
    seen, shares = guess.pictures, list(guess.shares.values())[1:]
    large = guess.task == "semantic" and len(seen.sizes) == 1 and seen.largest_side > LARGE_PX
    if not large or not shares or min(shares) < LARGE_SHARE:
        return None
    (size,) = seen.sizes
    scale = SMALLER_PX / max(size)
    return [max(64, 16 * round(side * scale / 16)) for side in size]


def _crop(guess: Guess, multiple: int) -> Line:
    """The side of the crops: no larger than the median picture, and a multiple of what the net halves."""
    size = _size(guess)
    side = min(size) if size else guess.pictures.side
    if not side:
        return Line("crop_px", CROP_PX, "no picture could be read")
    crop = max(2 * multiple, min(CROP_PX, side // multiple * multiple))
    return Line("crop_px", crop, f"the median picture's shorter side is {side} px")


def _of_objects(guess: Guess) -> dict[str, list[Line]]:
    train = [_crop(guess, 32)]
    if not guess.areas:
        return {"train": train}
    small = sorted(guess.areas)[len(guess.areas) // 100]
    tried = sorted({max(1, round(small * factor)) for factor in (0.25, 0.5, 1)})
    why = f"a hundredth of the true objects have {small} px or fewer; smaller ones are dropped"
    return {"train": train, "tune": [Line("min_size_px", tried, why)]}


def _of_classes(guess: Guess) -> dict[str, list[Line]]:
    return {
        "augment": [
            Line("scale", [0.8, 1.25]),
            Line("rotate", 0.5, "0, and flip = false, where up and down differ"),
            Line("invert", 0.0),
        ],
        "model": [Line("width", 16), Line("depth", 4)],
        "loss.terms": [Line("cross_entropy", 1.0), Line("dice", 1.0)],
        "train": [
            Line("folds", [0], "a first run; leave this line out to train all folds"),
            _crop(guess, 16),
            Line("batch_size", 4),
            Line("epochs", 20),
            Line("crops_per_epoch", 200),
            Line("validation_crops", 32),
            Line("ema", 0.95),
        ],
    }
