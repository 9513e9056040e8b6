"""The tables of a config. Every key has a default, so that a file states only what it changes.

Each key's text is its entry in docs/settings.md.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from segline.config.names import GENERATED, INSTANCES, LOSS_TERMS, SEMANTIC

Unit = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Several = BeforeValidator(lambda value: [value] if isinstance(value, int | float | str) else value)
Numbers = Annotated[tuple[float, ...], Several]
Units = Annotated[tuple[Unit, ...], Several]

Colour = Annotated[str, StringConstraints(pattern="^#[0-9a-fA-F]{6}$", to_lower=True)]
Name = Annotated[str, StringConstraints(pattern=r"^\w[\w.-]*$")]  # of a folder, a file, a run

MOST_OVERLAPPING = 17  # the background and 16 bits of a label image

ClassWeights = (
    Literal["none", "inverse", "total_over_class", "median", "effective"] | tuple[NotNegative, ...]
)


def nearest(name: str, known: Iterable[str]) -> str:
    """The most similar of the `known` names."""
    return difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)[0]


class Table(BaseModel):
    """A frozen table; an unknown key is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Data(Table):
    """Which data set, the layout of its raw files, what its masks mean, and how it is folded."""

    dataset: Name = "dsb2018"
    """Name of the data set, and of its folder in `data/interim`."""
    source: str = "dsb2018"
    """Layout of the raw files; `docs/jobs.md` describes each."""
    generate: Literal["", *GENERATED] = ""  # type: ignore[valid-type]
    """Make the raw files of that name instead of reading yours."""
    task: Literal["instances", "semantic", "two_stage"] = "instances"
    """Objects one by one, a class for each pixel, or regions that are classified afterwards."""
    classes: tuple[str, ...] = ()
    """Names of the classes, the background first (`semantic` and `two_stage`)."""
    exclusive: bool = True
    """Whether a pixel has exactly one class; else any number of them."""
    colours: tuple[Colour, ...] = ()
    """Colours of the classes in colour masks, as `#rrggbb`."""
    n_folds: Annotated[int, Field(ge=2)] = 5
    """Number of folds; the images of one field stay together."""
    fold_seed: int = 0
    """Seed of the assignment to folds."""

    @model_validator(mode="after")
    def _source_fits(self) -> Data:
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
    def _classes_fit(self) -> Data:
        if self.task == "instances":
            if self.classes or self.colours or not self.exclusive:
                raise ValueError(
                    "classes, colours and exclusive go with task=semantic or two_stage"
                )
            return self
        names = self.classes
        if len(names) < 2 or len(set(names)) < len(names):
            raise ValueError(
                f"classes needs two or more different names, the background first, for task={self.task}"
            )
        odd = [name for name in names if not name or any(c.isspace() or c == "," for c in name)]
        if odd:
            raise ValueError(f"classes has {odd[0]!r}; names have no spaces and no commas")
        if self.colours and (
            len(self.colours) != len(names) or len(set(self.colours)) < len(names)
        ):
            raise ValueError(f"colours needs {len(names)} different ones, one for each of classes")
        if not self.exclusive and self.task == "two_stage":
            raise ValueError("exclusive=false goes with task=semantic alone")
        if not self.exclusive and len(names) > MOST_OVERLAPPING:
            raise ValueError(f"exclusive=false allows {MOST_OVERLAPPING} classes, one bit each")
        return self


class Input(Table):
    """What of an image the net sees."""

    mode: Literal["nuclei", "grey", "rgb"] = "nuclei"
    """One grey channel with the nuclei on the bright side, one grey channel as it is, or colour."""
    size: tuple[Count, Count] | None = None
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
        return 3 if self.mode == "rgb" else 1


class Target(Table):
    """What the net learns of objects."""

    border_area_px: tuple[Count, ...] = (300, 2000)
    """Areas of an object, ascending, up to which each width of the border class holds."""
    border_px: tuple[Whole, ...] = (1, 2, 3)
    """Widths of the border class; the last is for objects above all areas."""
    gap_px: Whole = 0
    """Background within so many px of two objects becomes border too."""
    distance: bool = False
    """A second output learns how deep each pixel lies in its object."""

    @model_validator(mode="after")
    def _one_more_width(self) -> Target:
        if len(self.border_px) != len(self.border_area_px) + 1:
            raise ValueError("border_px needs one entry more than border_area_px")
        return self


class Weights(Table):
    """Weights of the pixels in the loss."""

    w0: NotNegative = 10.0
    """Height of the U-Net weight map between objects."""
    sigma: Positive = 5.0
    """Its width in px."""
    class_weights: ClassWeights = "none"
    """A method, applied to the pixels of the training fold, or one number a class, the background first."""


class Augment(Table):
    """Probability and strength of each family of augmentation."""

    scale: tuple[Positive, Positive] = (0.6, 1.6)
    """Smallest and largest magnification."""
    magnify: Unit = 0.0
    """Share of the crops that are magnified from another range."""
    magnification: tuple[Positive, Positive] = (1.6, 2.8)
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


class Model(Table):
    """Name and size of the net."""

    name: str = "unet"
    """`unet`, `residual_unet` or `efficientnet_unet`."""
    width: Count = 16
    """Filters at the finest level; they double at each halving."""
    depth: Annotated[int, Field(ge=1, le=7)] = 4
    """Number of halvings."""
    stem: Literal[1, 2, 4] = 1
    """Stride of the first convolution."""
    max_width: Count = 1024
    """Most filters of a level."""
    dropout: Share = 0.0
    """Share of features dropped at the coarsest level."""
    weights: Name = "none"
    """First weights: random, `imagenet` (of an encoder), or those of another config's same fold."""

    @property
    def start(self) -> str:
        """The config whose weights it starts from, if any."""
        return "" if self.weights in ("none", "imagenet") else self.weights

    @property
    def multiple(self) -> int:
        """What both sides of the net's input must be a multiple of."""
        return self.stem * 2**self.depth


class Regions(Table):
    """The second net of two_stage sets, which classifies the crop around each region."""

    margin: NotNegative = 0.25
    """Added to the longer side of a region's box on each side, as a share of it."""
    size_px: Annotated[int, Field(ge=16)] = 48
    """Side that each crop is brought to."""
    min_size_px: Whole = 20
    """Smaller regions are dropped."""
    class_weights: ClassWeights = "median"
    """As `weights.class_weights`, over the training crops of each class."""
    model: Model = Model(name="classifier", width=16, depth=3, dropout=0.2)
    """The net, as in the table `model`."""
    epochs: Count = 40
    """Passes over the crops."""
    batch_size: Count = 32
    """Crops a step."""
    learning_rate: Positive = 2e-3
    """Highest rate of a cosine decay."""


class Loss(Table):
    """Terms of the loss and their options."""

    terms: dict[str, NotNegative] = {"cross_entropy": 1.0, "dice": 0.5}
    """Weight of each term in the sum; 0 leaves it out."""
    beta: Unit = 0.9
    """Balanced cross-entropy: weight of every class but the background; 1 - beta that of the background."""
    gamma: NotNegative = 2.0
    """Exponent of the focal loss."""
    dice_over: Literal["mean", "pooled"] = "mean"
    """Dice: mean over the classes, or of the classes' sums."""
    iou_over: Literal["mean", "pooled"] = "mean"
    """IoU: likewise."""
    distance: NotNegative = 1.0
    """Weight of the distance output's loss."""

    @model_validator(mode="after")
    def _terms_exist(self) -> Loss:
        for name in self.terms:
            if name not in LOSS_TERMS:
                raise ValueError(
                    f"unknown loss term {name}; did you mean {nearest(name, LOSS_TERMS)}?"
                )
        if not any(self.terms.values()):
            raise ValueError("every loss term has weight 0")
        return self


class Fitting(Table):
    """Length, optimizer, schedule and precision of training: what a fold's net depends on."""

    crop_px: Annotated[int, Field(ge=32)] = 256
    """Side of the training crops."""
    batch_size: Count = 8
    """Crops a step."""
    epochs: Count = 30
    """Number of epochs."""
    crops_per_epoch: Count = 400
    """Crops an epoch; after each the net is validated and its state saved."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """Muon takes the same rates and learns more from each crop."""
    learning_rate: Positive = 2e-3
    """Highest rate."""
    weight_decay: NotNegative = 1e-4
    """Decay of the kernels."""
    schedule: Literal["cosine", "plateau"] = "cosine"
    """Warm-up and cosine decay to 0, or a fall after epochs without a new best validation loss."""
    warmup: Unit = 0.05
    """Share of all steps in which the rate rises."""
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """The rate is multiplied by it,"""
    plateau_patience: Count = 3
    """after so many epochs without a new best,"""
    plateau_cooldown: Whole = 2
    """then rests for so many,"""
    plateau_floor: NotNegative = 1e-6
    """and falls no lower."""
    early_stopping: Whole = 0
    """Epochs without a new best that end training; 0: none do."""
    stuck_epochs: Whole = 10
    """Epochs without learning anything after which training fails; 0: never."""
    ema: Share = 0.99
    """Momentum of the averaged weights, which are validated and kept; 0: none."""
    clip_norm: Positive = 1.0
    """Largest norm of all gradients together."""
    keep: Literal["last", "best"] = "last"
    """The epoch whose weights are kept."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the computation; `auto` measures once and takes the faster."""
    validation_crops: Count = 64
    """Held-out crops an epoch is validated on."""
    without: Annotated[tuple[str, ...], Several] = ()
    """Modalities not trained or tuned on; all their images are scored, as a kind never seen."""
    extra: Annotated[tuple[Name, ...], Several] = ()
    """Data sets that every fold trains on and none is validated on."""
    modality_power: Unit = 0.5
    """A modality of n images is drawn as n to this power: 1 draws images alike, 0 modalities alike."""
    seed: int = 0
    """Seed of weights, crops and augmentation."""


class Train(Fitting):
    """Length, optimizer, schedule and precision of training."""

    folds: Annotated[tuple[Whole, ...] | None, Several] = None
    """Folds to train; all of them if not given."""
    skip: str = ""
    """A CSV with a column image_id of images that no fold trains on, though all are validated on."""
    threads: Count = 2
    """Threads that make crops; no result depends on it."""


class Predict(Table):
    """Test-time augmentation and the tiles of large images."""

    symmetries: Literal[1, 2, 4, 8] = 1
    """Predictions of so many mirrored and turned copies are averaged."""
    scales: Annotated[tuple[Positive, ...], Several] = (1.0,)
    """Predictions at these magnifications are averaged."""
    other_scales: Annotated[tuple[Positive, ...], Several] = ()
    """Each is kept as a view of its own, whose objects the second stage may prefer."""
    tile_px: Annotated[int, Field(ge=64)] = 1536
    """Larger images are predicted in tiles of this side."""
    overlap_px: Whole = 64
    """What neighbouring tiles share; they are blended there."""


class Tune(Table):
    """The grids on which thresholds are searched by the task's metric."""

    seed_threshold: Units = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    """Objects: where seeds are cut from the surface."""
    foreground_threshold: Units = (0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75)
    """Objects: where they end."""
    min_size_px: Annotated[tuple[Whole, ...], Several] = (10, 20, 30, 45, 60)
    """Objects: smaller ones are dropped."""
    class_threshold: Units = (*(k / 20 for k in range(1, 20)), *(0.975, 0.99))
    """Class masks with sigmoid channels: where each is cut."""
    class_scale: Annotated[tuple[Positive, ...], Several] = tuple(
        round(2 ** (k / 2), 4) for k in range(-16, 7)
    )
    """Class masks with softmax: the factor of each class before the largest wins."""
    fill_holes: bool = True
    """Objects: holes are filled."""
    surface: Literal["none", "body", "distance"] = "body"
    """Objects: the map that seeds are cut from and that is flooded; `none`: connected components."""
    second_stage: bool = False
    """Objects: trees choose among segmentations and drop objects that promise little."""
    second_seed_offsets: Numbers = (0.0, -0.2, 0.15)
    """Second stage: segmentations at the tuned seed threshold plus each of these,"""
    second_foreground_offsets: Numbers = (0.0,)
    """and at the tuned foreground threshold plus each of these, compared."""
    second_cutoff: Units = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
    """Second stage: promises at or below which an object is dropped."""


class Config(Table):
    """A whole experiment."""

    data: Data = Data()
    input: Input = Input()
    target: Target = Target()
    weights: Weights = Weights()
    augment: Augment = Augment()
    model: Model = Model()
    loss: Loss = Loss()
    train: Train = Train()
    predict: Predict = Predict()
    tune: Tune = Tune()
    regions: Regions = Regions()

    @property
    def folds(self) -> tuple[int, ...]:
        """The folds this config trains."""
        return tuple(range(self.data.n_folds)) if self.train.folds is None else self.train.folds

    @model_validator(mode="after")
    def _tables_fit(self) -> Config:
        unknown = [fold for fold in self.folds if fold >= self.data.n_folds]
        if unknown:
            raise ValueError(
                f"train.folds names {unknown}, but data.n_folds is {self.data.n_folds}"
            )
        if self.train.crop_px % self.model.multiple:
            raise ValueError(
                f"train.crop_px={self.train.crop_px} must be a multiple of {self.model.multiple} "
                f"(model.stem * 2**model.depth)"
            )
        self._check_task()
        if self.tune.surface == "distance" and not self.target.distance:
            raise ValueError("tune.surface=distance needs target.distance=true")
        if self.predict.other_scales and not self.tune.second_stage:
            raise ValueError("predict.other_scales needs tune.second_stage=true")
        return self

    def _check_task(self) -> None:
        is_instances = self.data.task == "instances"
        if is_instances and self.input.size:
            raise ValueError("input.size goes with task=semantic or two_stage")
        if not is_instances and self.input.mode == "nuclei":
            raise ValueError(
                f"input.mode=nuclei is for instances; task={self.data.task} has grey or rgb"
            )
        if not is_instances and (self.target.distance or self.tune.second_stage):
            raise ValueError("target.distance and tune.second_stage go with task=instances")
        two = ("background", "object")
        names = self.data.classes if self.data.task == "semantic" else two
        _check_numbers("weights.class_weights", self.weights.class_weights, names)
        _check_numbers(
            "regions.class_weights", self.regions.class_weights, self.data.classes or two
        )


def _check_numbers(key: str, weights: str | tuple[float, ...], names: Sequence[str]) -> None:
    if not isinstance(weights, str) and len(weights) != len(names):
        raise ValueError(f"{key} has {len(weights)} numbers for the classes {', '.join(names)}")


def tables() -> dict[str, type[Table]]:
    """The tables of a config by name."""
    found: dict[str, Any] = {name: field.annotation for name, field in Config.model_fields.items()}
    return found


def known_keys() -> list[str]:
    """Every key a config or `set=` may name, as `table.key`."""
    return [f"{name}.{key}" for name, table in tables().items() for key in table.model_fields]
