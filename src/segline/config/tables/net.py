"""The nets, their loss and their training."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from segline.config.names import LOSS_TERMS
from segline.config.tables.base import (
    ClassWeights,
    Count,
    Name,
    NotNegative,
    Seed,
    Several,
    Share,
    Table,
    Unit,
    Whole,
    nearest,
)

Folds = Annotated[tuple[Whole, ...], Field(min_length=1)]
Rate = Annotated[float, Field(ge=1e-9, le=100)]


ENCODERS = {  # nets whose encoder has weights of ImageNet: (depth, stem) that it can have
    "efficientnet_unet": ((5, 1),),
    "efficientnet_lite_unet": ((4, 2), (5, 1)),
}


class Model(Table):
    """Name and size of the net."""

    name: Literal[
        "unet", "residual_unet", "efficientnet_unet", "efficientnet_lite_unet", "classifier"
    ] = "unet"
    """`unet`, `residual_unet`, `efficientnet_unet` or `efficientnet_lite_unet`; of regions `classifier`."""
    width: Annotated[int, Field(ge=1, le=2048)] = 16
    """Filters at the finest level; they double at each halving."""
    depth: Annotated[int, Field(ge=1, le=7)] = 4
    """Number of halvings."""
    stem: Literal[1, 2, 4] = 1
    """Stride of the first convolution."""
    max_width: Annotated[int, Field(ge=1, le=8192)] = 1024
    """Most filters of a level."""
    dropout: Share = 0.0
    """Share of features dropped at the coarsest level."""
    weights: Name = "none"
    """First weights: random, `imagenet` (of an encoder), or those of another config's same fold."""

    @model_validator(mode="after")
    def _encoder_fits(self) -> Model:
        sizes = ENCODERS.get(self.name)
        if sizes and (self.depth, self.stem) not in sizes:
            needed = " or ".join(f"depth={depth} and stem={stem}" for depth, stem in sizes)
            raise ValueError(f"name={self.name} needs {needed}, found {self.depth} and {self.stem}")
        if self.weights == "imagenet" and not sizes:
            raise ValueError(
                f"weights=imagenet goes with name={' or '.join(ENCODERS)}, not {self.name}"
            )
        return self

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

    margin: Annotated[float, Field(ge=0, le=10)] = 0.25
    """Added to the longer side of a region's box on each side, as a share of it."""
    size_px: Annotated[int, Field(ge=16, le=1024)] = 48
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
    learning_rate: Rate = 2e-3
    """Highest rate of a cosine decay."""

    @model_validator(mode="after")
    def _crops_are_classified(self) -> Regions:
        if self.model.name != "classifier":
            raise ValueError(f"model.name={self.model.name}: regions have model.name=classifier")
        if self.size_px < self.model.multiple:
            raise ValueError(
                f"size_px={self.size_px} is less than {self.model.multiple} (model.stem * 2**model.depth)"
            )
        return self


class Loss(Table):
    """Terms of the loss and their options."""

    terms: dict[str, NotNegative] = Field(default={"cross_entropy": 1.0, "dice": 0.5})
    """Weight of each term in the sum; 0 leaves it out."""
    beta: Unit = 0.9
    """Balanced cross-entropy: weight of every class but the background; 1 - beta that of the background."""
    gamma: Annotated[float, Field(ge=0, le=20)] = 2.0
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

    crop_px: Annotated[int, Field(ge=32, le=4096)] = 256
    """Side of the training crops."""
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 8
    """Crops a step."""
    epochs: Count = 30
    """Number of epochs."""
    crops_per_epoch: Count = 400
    """Crops an epoch; after each the net is validated and its state saved."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """Muon takes the same rates and learns more from each crop."""
    learning_rate: Rate = 2e-3
    """Highest rate."""
    weight_decay: Unit = 1e-4
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
    clip_norm: Annotated[float, Field(ge=1e-6, le=1e6)] = 1.0
    """Largest norm of all gradients together."""
    keep: Literal["last", "best"] = "last"
    """The epoch whose weights are kept."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the computation; `auto` measures once and takes the faster."""
    validation_crops: Annotated[int, Field(ge=1, le=10**5)] = 64
    """Held-out crops an epoch is validated on."""
    without: Annotated[tuple[str, ...], Several] = ()
    """Modalities not trained or tuned on; all their images are scored, as a kind never seen."""
    extra: Annotated[tuple[Name, ...], Several] = ()
    """Data sets that every fold trains on and none is validated on."""
    modality_power: Unit = 0.5
    """A modality of n images is drawn as n to this power: 1 draws images alike, 0 modalities alike."""
    seed: Seed = 0
    """Seed of weights, crops and augmentation."""

    @model_validator(mode="after")
    def _rates_fall(self) -> Self:
        if self.schedule == "plateau" and self.plateau_floor > self.learning_rate:
            raise ValueError(
                f"plateau_floor={self.plateau_floor} is above learning_rate={self.learning_rate}"
            )
        return self

    @model_validator(mode="after")
    def _epochs_have_a_batch(self) -> Self:
        if self.crops_per_epoch < self.batch_size:
            raise ValueError(
                f"crops_per_epoch={self.crops_per_epoch} is less than batch_size={self.batch_size}, so an "
                f"epoch would have no step"
            )
        return self


class Train(Fitting):
    """Length, optimizer, schedule and precision of training."""

    folds: Annotated[Folds | None, Several] = None
    """Folds to train; all of them if not given."""
    skip: str = ""
    """A CSV with a column image_id of images that no fold trains on, though all are validated on."""
    threads: Annotated[int, Field(ge=1, le=256)] = 2
    """Threads that make crops; no result depends on it."""
