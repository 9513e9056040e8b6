"""What a data set is, what the net sees of it, and what it learns from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from segline.config.names import GENERATED, INSTANCES, SEMANTIC
from segline.config.tables.base import (
    ClassWeights,
    Colour,
    Count,
    Magnification,
    Name,
    NotNegative,
    Positive,
    Seed,
    Several,
    Sizes,
    Table,
    Unit,
    Whole,
)
from segline.config.tables.built_in import followed
from segline.config.tables.dialect import Dialect

Side = Annotated[int, Field(ge=16, le=8192)]
MOST_OVERLAPPING = 17  # the background and 16 bits of a label image
MOST_OBJECT_CLASSES = 255  # in 8 bits, 0 being the background
WITH_OBJECT_CLASSES = ("folders", "rle_csv")  # layouts that say what class an object has


class Data(Table):
    """Which data set, the layout of its raw files, what its masks mean, and how it is folded."""

    dataset: Name = "dsb2018"
    """Name of the data set, and of its folder in `data/interim`."""
    source: str = "dsb2018"
    """Layout of the raw files; `docs/your-data.md` describes each."""
    generate: Literal["", *GENERATED] = ""  # type: ignore[valid-type]
    """Make the raw files of that name instead of reading yours."""
    dialect: Dialect | None = None
    """How the competition names its files and writes its masks: the slug of a built-in one, or a table with
    the keys of `data.dialect`; source, task, classes and `input.mode` follow from it."""
    competition: Annotated[str, Field(pattern="^([a-z0-9][a-z0-9_-]*)?$", exclude=True)] = ""
    """Slug of the competition that `make upload` hands in to; a built-in dialect brings its own."""
    task: Literal["instances", "semantic", "two_stage"] = "instances"
    """Objects one by one, a class for each pixel, or regions that are classified afterwards."""
    classes: tuple[str, ...] = ()
    """Names of the classes, the background first (`semantic` and `two_stage`)."""
    object_classes: tuple[str, ...] = ()
    """Instances: names of the classes that objects have, one each; there is no background among them."""
    exclusive: bool = True
    """Whether a pixel has exactly one class; else any number of them."""
    colours: tuple[Colour, ...] = ()
    """Colours of the classes in colour masks, as `#rrggbb`."""
    ignore: Annotated[int, Field(ge=0, le=65535)] | Colour | None = None
    """Value or colour (`#rrggbb`) in masks of pixels whose class is not known: not taught, not scored."""
    score_background: bool = False
    """Whether the class of background is scored as one more class, and tuned by where that is cheap."""
    label_masks: bool = False
    """Instances: a mask file may hold several objects, each value above 0 being one."""
    page: Whole | None = None
    """Of images of several pages, the number of the one that is the picture, from 0."""
    channels: Annotated[tuple[Whole, ...], Several] = ()
    """Of images of several channels those that are read, from 0: one as grey, three as RGB, any other
    number with `input.mode` of that number."""
    window: tuple[float, Positive] | Literal["", "file"] = ""
    """Of DICOM images, centre and width of the values that are shown from black to white, after the file's
    own slope and intercept; or `file` for the window that it names."""
    project: Literal["", "max"] = ""
    """Of images of several pages, `max` takes the largest value of all of them."""
    strict: bool = True
    """Refuse a raw folder of which images or masks cannot be used; else (`strict=0`) those images are left
    out and listed in problems.csv."""
    n_folds: Annotated[int, Field(ge=2, le=1000)] = 5
    """Number of folds; the images of one field stay together."""
    fold_by: Literal["group", "source"] = "group"
    """What else stays together: nothing, or all images of one source (laboratory, microscope, stain)."""
    fold_seed: Seed = 0
    """Seed of the assignment to folds."""

    @property
    def n_channels(self) -> int:
        """Number of channels that are chosen, here or by the dialect; 0 if none are."""
        of_files = len(self.described.channels) if self.described else 0
        return len(self.channels) or (of_files if of_files > 3 else 0)

    @property
    def described(self) -> Dialect | None:
        """The dialect, if it is what reads the raw files and writes the submission."""
        return self.dialect if self.source == "dialect" else None

    @model_validator(mode="before")
    @classmethod
    def _follow_dialect(cls, given: Any) -> Any:
        return followed(given) if isinstance(given, Mapping) else given

    @model_validator(mode="after")
    def _source_fits(self) -> Data:
        if self.dialect is not None and self.source != self.dialect.source:
            raise ValueError(f"source={self.source} goes without a dialect, which brings its own")
        if self.source == "dialect" and self.dialect is not None:
            return self
        known = INSTANCES if self.task == "instances" else SEMANTIC
        if self.source not in known:
            raise ValueError(
                f"source {self.source} does not hold {self.task} data; one of {', '.join(known)} does"
            )
        if self.generate and GENERATED[self.generate] != self.source:
            raise ValueError(
                f"generate={self.generate} makes the layout {GENERATED[self.generate]}, but source is "
                f"{self.source}"
            )
        return self

    @model_validator(mode="after")
    def _choice_fits(self) -> Data:
        if self.project and self.page is not None:
            raise ValueError("page takes one page and project=max all of them; give one of the two")
        if self.label_masks and self.task != "instances":
            raise ValueError("label_masks goes with task=instances")
        if self.score_background and self.task == "instances":
            raise ValueError("score_background goes with task=semantic or two_stage")
        if self.ignore is not None and (self.task == "instances" or not self.exclusive):
            raise ValueError("ignore goes with task=semantic or two_stage and exclusive classes")
        if self.ignore is not None and self.ignore in self.colours:
            raise ValueError(f"ignore={self.ignore} is the colour of a class, too")
        return self

    @model_validator(mode="after")
    def _classes_fit(self) -> Data:
        if self.task == "instances":
            if self.classes or self.colours or not self.exclusive:
                raise ValueError(
                    "classes, colours and exclusive go with task=semantic or two_stage"
                )
            return self._object_classes_fit()
        if self.object_classes:
            raise ValueError("object_classes goes with task=instances; others have classes")
        names = self.classes
        if len(names) < 2 or len(set(names)) < len(names):
            raise ValueError(
                f"classes needs two or more different names, the background first, for task={self.task}"
            )
        _check_names("classes", names)
        if self.colours and (
            len(self.colours) != len(names) or len(set(self.colours)) < len(names)
        ):
            raise ValueError(f"colours needs {len(names)} different ones, one for each of classes")
        if not self.exclusive and self.task == "two_stage":
            raise ValueError("exclusive=false goes with task=semantic alone")
        if not self.exclusive and len(names) > MOST_OVERLAPPING:
            raise ValueError(f"exclusive=false allows {MOST_OVERLAPPING} classes, one bit each")
        return self

    def _object_classes_fit(self) -> Data:
        names = self.object_classes
        if not names:
            return self
        if len(names) < 2 or len(set(names)) < len(names) or len(names) > MOST_OBJECT_CLASSES:
            raise ValueError(
                f"object_classes needs two to {MOST_OBJECT_CLASSES} different names, found {len(names)}: "
                f"{', '.join(names)}"
            )
        _check_names("object_classes", names)
        if self.described:
            if self.described.objects != names:
                told = ", ".join(self.described.objects) or "none"
                raise ValueError(
                    f"object_classes is {', '.join(names)}, the dialect's of objects are {told}; name them "
                    f"in data.dialect.classes with rows=object and a column of the class"
                )
        elif self.source not in WITH_OBJECT_CLASSES:
            raise ValueError(
                f"source {self.source} holds no classes of objects; {', '.join(WITH_OBJECT_CLASSES)} or a "
                f"dialect does"
            )
        return self


def _check_names(key: str, names: tuple[str, ...]) -> None:
    odd = [name for name in names if not name or any(c.isspace() or c == "," for c in name)]
    if odd:
        raise ValueError(f"{key} has {odd[0]!r}; names have no spaces and no commas")


class Input(Table):
    """What of an image the net sees."""

    mode: Literal["nuclei", "grey", "rgb"] | Annotated[int, Field(ge=2)] = "nuclei"
    """One grey channel with the nuclei on the bright side, one grey channel as it is, or colour; or the
    number of the channels that `data.channels` names (stains, bands), each stretched on its own."""
    size: tuple[Side, Side] | None = None
    """Height and width that every image of a semantic set is brought to; maps come back to its own."""
    stretch: bool = True
    """Spread each image's levels between its own percentiles; else they stay as they are."""
    low_percentile: Annotated[float, Field(ge=0, lt=50)] = 1.0
    """Percentile of an image's levels that becomes black."""
    high_percentile: Annotated[float, Field(gt=50, le=100)] = 99.8
    """Percentile that becomes white."""

    @property
    def channels(self) -> int:
        """Number of channels of the net's input."""
        return self.bands or (3 if self.mode == "rgb" else 1)

    @property
    def bands(self) -> int:
        """Number of channels that are no colours; 0 where an image is grey or RGB."""
        return self.mode if isinstance(self.mode, int) else 0


class Target(Table):
    """What the net learns of objects."""

    border_area_px: Annotated[tuple[Count, ...], Several] = (300, 2000)
    """Areas of an object, ascending, up to which each width of the border class holds."""
    border_px: Sizes = (1, 2, 3)
    """Widths of the border class; the last is for objects above all areas."""
    gap_px: Annotated[int, Field(ge=0, le=1000)] = 0
    """Background within so many px of two objects becomes border too."""
    distance: bool = False
    """A second output learns how deep each pixel lies in its object."""

    @model_validator(mode="after")
    def _one_more_width(self) -> Target:
        if len(self.border_px) != len(self.border_area_px) + 1:
            raise ValueError("border_px needs one entry more than border_area_px")
        if sorted(set(self.border_area_px)) != list(self.border_area_px):
            raise ValueError(f"border_area_px must ascend, found {list(self.border_area_px)}")
        return self


class Weights(Table):
    """Weights of the pixels in the loss."""

    w0: NotNegative = 10.0
    """Height of the U-Net weight map between objects."""
    sigma: Annotated[float, Field(ge=0.1, le=1000)] = 5.0
    """Its width in px."""
    class_weights: ClassWeights = "none"
    """A method, applied to the pixels of the training fold, or one number a class, the background first."""


class Augment(Table):
    """Probability and strength of each family of augmentation."""

    scale: tuple[Magnification, Magnification] = (0.6, 1.6)
    """Smallest and largest magnification."""
    magnify: Unit = 0.0
    """Share of the crops that are magnified from another range."""
    magnification: tuple[Magnification, Magnification] = (1.6, 2.8)
    """That range."""
    rotate: Unit = 0.7
    """Probability of any rotation and a slight shear."""
    flip: bool = True
    """Mirror images and quarter turns."""
    intensity: Unit = 0.6
    """Probability of brightness, contrast, gamma or local contrast."""
    colour: Unit = 0.4
    """Probability of another hue, tint or order of channels."""
    blur: Unit = 0.2
    """Probability of blur or sharpening."""
    noise: Unit = 0.2
    """Probability of noise."""
    invert: Unit = 0.05
    """Probability of the negative."""
    to_grey: Unit = 0.2
    """Probability of a grey picture."""

    @model_validator(mode="after")
    def _ranges_ascend(self) -> Augment:
        for key in ("scale", "magnification"):
            low, high = getattr(self, key)
            if low > high:
                raise ValueError(f"{key} is smallest and largest, found {low} and {high}")
        return self
