"""The dialect of a competition: how it names its files and writes its masks, as one typed table.

`data.dialect` of a config is the name of a built-in one (see `built_in`), or a table with these keys,
which may start from a built-in one by `like`.
"""

from __future__ import annotations

import re
import string
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from segline.config.names import METRICS
from segline.config.tables.base import Count, Several, Table

IMAGE_ENDING = re.compile(r"\.(png|jpe?g|tiff?|gif|bmp|webp|jp2|pgm|ppm|dcm|npy)$", re.IGNORECASE)


def _safe(pattern: str) -> str:
    """A path below the raw folder with `*`, `**` and `{fields}`; nothing that leads out of it."""
    parts = pattern.split("/")
    if not pattern or ".." in parts or "" in parts or "\\" in pattern or "\n" in pattern:
        raise ValueError(f"{pattern!r} is no path below the raw folder")
    return pattern


def _safe_template(template: str) -> str:
    if "/" in template or "\\" in template:
        raise ValueError(f"{template!r} would be a path; it names one image")
    fields(template)
    return template


def _one_group(expression: str) -> str:
    try:
        if expression and re.compile(expression).groups != 1:
            raise ValueError(f"{expression!r} needs one (group)")
    except re.error as error:
        raise ValueError(f"{expression!r} is no regular expression ({error})") from None
    return expression


def fields(template: str) -> list[str]:
    """The names in braces, in order; ValueError for braces that are not plain names.

    >>> fields("{day}_slice_{slice}")
    ['day', 'slice']
    """
    found = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    if not all(name.isidentifier() for name in found):
        raise ValueError(f"{template!r}: braces hold names such as {{id}}")
    return found


Pattern = Annotated[str, AfterValidator(_safe)]
Patterns = Annotated[tuple[Pattern, ...], Several]
Template = Annotated[str, AfterValidator(_safe_template)]
Texts = Annotated[tuple[str, ...], Several]


class Columns(Table):
    """Which columns of a CSV say what; white space around the header's names is ignored."""

    id: str = "ImageId"
    """Column of the image's name, or several in braces, such as `{subject}_{img}`."""
    mask: str = "EncodedPixels"
    """Column of the mask."""
    class_column: str = ""
    """Column of the class, if it has one of its own."""
    split: str = ""
    """What stands between image and class where `id` holds both, such as `_`; the last one counts."""

    only: str = ""
    """`column=value`: other rows are not read."""

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that a file of this kind has."""
        ids = fields(self.id) or [self.id]
        return (*ids, *([self.class_column] if self.class_column else []), self.mask)


class Channel(Table):
    """One channel of a picture, from a file of its own: `file` less `minus`, from `low` to `high`."""

    file: str
    """What stands for `{channel}` in `images`."""
    minus: str = ""
    """Likewise of a file that is subtracted."""
    low: float = 0.0
    """The value that becomes black."""
    high: float = 65535.0
    """The value that becomes white."""


class Coding(Table):
    """How one mask is written as text."""

    codec: Literal["pairs", "relative", "lists", "coco", "wkt", "polygons"] = "pairs"
    """`start length` pairs, pairs that start at the end of the run before, a JSON list of them, COCO counts
    in zlib and base64, WKT polygons, or a JSON list of polygons."""
    order: Literal["columns", "rows"] = "columns"
    """Pixels count down the columns, or along the rows."""
    base: Literal[0, 1] = 1
    """The number of the first pixel."""


class Dialect(Coding):
    """How a competition names its files and writes its masks."""

    source: Literal["dialect", "dsb2018"] = "dialect"
    """Who reads the raw files: this table, or the layout of that name."""
    rows: Literal["object", "image", "class"] = "object"
    """What one row is: an object, an image, or an image and a class."""
    classes: tuple[str, ...] = ()
    """Names of the classes, the background first; with rows=object those that objects have, without a
    background."""
    class_values: tuple[str, ...] = ()
    """The foreground classes as the files write them, if not by name."""
    scored: tuple[str, ...] = ()
    """With rows=object the classes that are submitted and scored; empty: all."""
    exclusive: bool = True
    """Whether a pixel has exactly one class; else label images are bit fields."""
    overlap: Literal["smaller", "refuse"] = "smaller"
    """Where masks overlap the smaller keeps the pixel, or the data are refused."""
    metric: Literal[*METRICS] = "map_iou"  # type: ignore[valid-type]
    """What the competition scores by."""
    input: Literal["nuclei", "grey", "rgb"] = "rgb"
    """The default of `input.mode`."""
    images: Patterns = ("train/{id}.png",)
    """Paths of the training images, `*` and `**` as in a shell, `{id}` and other fields their names; the
    first that is there is read, in the folder or in a zip."""
    test_images: Patterns = ("test/{id}.png",)
    """The same of the test images."""
    masks: Annotated[tuple[Pattern, ...], Several] = ()
    """The same of masks that are files; read where no `table` is there, compared where it is."""
    id: Template = "{id}"
    """The image's id, made of the fields of its path."""
    test_id: Template = ""
    """The same of a test image, if made of others."""
    group: Annotated[str, AfterValidator(_one_group)] = ""
    """A regular expression in the id whose (group) is split in one piece: a patient, a car."""
    volume: Annotated[str, AfterValidator(_one_group)] = ""
    """Likewise whose (group) is one volume, for metrics of volumes; slices are ordered by their ids."""
    n_folds: Annotated[int, Field(ge=2)] = 5
    """The default of `data.n_folds`."""
    channels: tuple[Channel, ...] = ()
    """Channels of pictures that are spread over files, for `{channel}` in `images`."""
    frame: int | None = None
    """Which of the last axis of .npy files is read."""
    table: Texts = ("train.csv",)
    """Names of the table of training masks; the first that is there is read."""
    columns: tuple[Columns, ...] = (Columns(id="ImageId", mask="EncodedPixels"),)
    """Its columns, in every way they come."""
    empty: Texts = ()
    """Cells that mean no mask, beside the empty one."""
    unlisted: Literal["empty", "left_out"] = "left_out"
    """A training image without a row has no mask, or is left out and noted."""
    sample: Texts = ("sample_submission.csv",)
    """Names of the sample submission; the first that is there is read."""
    submission: tuple[Columns, ...] = ()
    """Columns of the submission, if others than the table's."""
    written: Literal["", "pairs", "relative", "lists", "coco"] = ""
    """Codec of the submission, if another than the table's."""
    empty_written: str = ""
    """The cell of an image (and class) without mask."""
    absent: bool = False
    """An image (and class) without mask has no row in the submission."""
    joined: str = ""
    """What stands between the objects of one cell; empty: each has a row of its own."""
    object_written: str = "{mask}"
    """One object in such a cell; `{mask}` is its mask, `{confidence}` how sure it is, from 0 to 1."""
    ending: str = ""
    """What the ids of the submission have after the image's, such as `.jpg`, where no sample says so."""
    size: tuple[Count, Count] | None = None
    """Height and width of the masks submitted, if other than the image's."""
    check: bool = True
    """Order and base are checked on the masks themselves."""

    @model_validator(mode="after")
    def _fits(self) -> Dialect:
        has_class = any(each.class_column or each.split for each in self.columns)
        if self.rows == "object" and bool(self.classes) != has_class:
            raise ValueError(
                "with rows=object classes go with columns.class_column or columns.split, which says an "
                "object's class"
            )
        if set(self.scored) - set(self.objects):
            raise ValueError("scored names some of classes, with rows=object")
        if self.rows != "object" and len(self.classes) < 2:
            raise ValueError(
                f"rows={self.rows} needs classes, the background first: [background, ...]"
            )
        if self.rows == "image" and len(self.classes) != 2:
            raise ValueError("rows=image has one foreground class; rows=class has several")
        if self.class_values and len(self.class_values) != len(self.foreground):
            raise ValueError("class_values needs one for each class but the background")
        if self.joined and self.objects and any(each.class_column for each in self.submitted):
            raise ValueError("joined cells of objects hold no class; submission has columns.split")
        if "{mask}" not in self.object_written:
            raise ValueError("object_written needs {mask}")
        named = [(self.id, p) for p in self.images] + [(self.of_test, p) for p in self.test_images]
        for template, pattern in named:
            lacking = set(fields(template)) - set(fields(pattern))
            if lacking:
                raise ValueError(f"{pattern!r} lacks {{{min(lacking)}}}, which the id is made of")
        return self

    @property
    def task(self) -> str:
        return "instances" if self.rows == "object" else "semantic"

    @property
    def of_test(self) -> str:
        """What the id of a test image is made of."""
        return self.test_id or self.id

    @property
    def foreground(self) -> tuple[str, ...]:
        """The classes but the background."""
        return self.classes if self.rows == "object" else self.classes[1:]

    @property
    def objects(self) -> tuple[str, ...]:
        """The classes that objects have."""
        return self.classes if self.rows == "object" else ()

    @property
    def values(self) -> tuple[str, ...]:
        """The foreground classes as files write them."""
        return self.class_values or self.foreground

    @property
    def says_class(self) -> bool:
        """Whether a submission says what class an object has."""
        return any(each.class_column or each.split for each in self.submitted)

    @property
    def keyed_by_class(self) -> bool:
        """Whether rows of a submission belong to an image and a class, not to an image."""
        return self.rows != "object" or any(each.split for each in self.submitted)

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The classes of objects, by number from 1, that are submitted and scored; those in one group are
        not told apart, since the submission does not."""
        scored = self.scored or self.objects
        numbers = tuple(n for n, name in enumerate(self.objects, start=1) if name in scored)
        if self.says_class:
            return tuple((number,) for number in numbers)
        return (numbers,) if numbers else ()

    @property
    def submitted(self) -> tuple[Columns, ...]:
        return self.submission or self.columns

    @property
    def written_coding(self) -> Coding:
        """How a submission writes a mask."""
        codec = self.written or self.codec
        return Coding(codec=codec, order=self.order, base=self.base)
