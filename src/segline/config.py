"""The configuration of a run: one TOML file, checked, with `extends` and `key=value` settings.

A config is a tree of tables. Every key has a default here, so that a file states only what it
changes; an unknown key is refused with the nearest known name.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from segline.errors import UserError
from segline.files import read_json
from segline.sources import INSTANCES, SEMANTIC

Unit = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Several = BeforeValidator(lambda value: [value] if isinstance(value, int | float | str) else value)

Colour = Annotated[str, StringConstraints(pattern="^#[0-9a-fA-F]{6}$", to_lower=True)]

# What `generate` makes, and the raw layout of each; the writers are sources.synthetic and generated.
GENERATED = {
    "demo": "dsb2018",
    "tiny": "dsb2018",
    "iris": "folders",
    "multiclass": "folders",
    "multichannel": "folders",
    "npz": "npz",
    "two_stage": "folders",
    "tiny_classes": "folders",
}
MOST_OVERLAPPING = 17  # the background and 16 bits of a label image
# Each term of the loss and its class in the package `losses`: names only, since that needs Keras.
LOSS_TERMS = {
    "cross_entropy": "pixelwise.CrossEntropy",
    "balanced_cross_entropy": "pixelwise.BalancedCrossEntropy",
    "focal": "pixelwise.Focal",
    "dice": "overlap.Dice",
    "generalised_dice": "overlap.GeneralisedDice",
    "iou": "overlap.IoU",
}

ClassWeights = (
    Literal["none", "inverse", "total_over_class", "median", "effective"]
    | tuple[Annotated[float, Field(ge=0)], ...]
)


def _nearest(name: str, known: Iterable[str]) -> str:
    return difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)[0]


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Table):
    """Which data set, the layout of its raw files, what its masks mean, and how it is folded.

    `generate` makes the raw files of that name instead of reading a user's. `classes` names the
    classes of a semantic or two_stage set, the background first; if they are not `exclusive` a pixel
    may have any number of them. `colours` are those of the classes in colour masks, as #rrggbb.
    """

    dataset: str = "dsb2018"
    source: str = "dsb2018"
    generate: Literal["", *GENERATED] = ""  # type: ignore[valid-type]
    task: Literal["instances", "semantic", "two_stage"] = "instances"
    classes: tuple[str, ...] = ()
    exclusive: bool = True
    colours: tuple[Colour, ...] = ()
    n_folds: Annotated[int, Field(ge=2)] = 5
    fold_seed: int = 0

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
    """What of an image the net sees.

    `nuclei` is one grey channel, stretched by the image's percentiles and inverted where the background
    is bright, so that nuclei are always the bright side; `grey` is the same without inversion, `rgb`
    three channels. Without `stretch` levels stay as they are. `size` (height, width), for semantic sets,
    is what every image is brought to before anything else; its maps come back to its own size.
    """

    mode: Literal["nuclei", "grey", "rgb"] = "nuclei"
    size: tuple[Count, Count] | None = None
    stretch: bool = True
    low_percentile: Annotated[float, Field(ge=0, lt=50)] = 1.0
    high_percentile: Annotated[float, Field(gt=50, le=100)] = 99.8


class Target(Table):
    """What the net learns.

    Width of the border class: `border_px[i]` up to `border_area_px[i]` px of area, the last above. With
    `distance` a second output learns how deep each pixel lies in its object.
    """

    border_area_px: tuple[Count, ...] = (300, 2000)
    border_px: tuple[Annotated[int, Field(ge=0)], ...] = (1, 2, 3)
    gap_px: Annotated[int, Field(ge=0)] = 0
    distance: bool = False

    @model_validator(mode="after")
    def _one_more_width(self) -> Target:
        if len(self.border_px) != len(self.border_area_px) + 1:
            raise ValueError("border_px needs one entry more than border_area_px")
        return self


class Weights(Table):
    """Pixel weights: of classes, and for instances (`w0`, `sigma`) the U-Net weight map's.

    `class_weights` is a method, applied to the pixels of the whole training fold, or one number a class,
    the background first.
    """

    w0: Annotated[float, Field(ge=0)] = 10.0
    sigma: Positive = 5.0
    class_weights: ClassWeights = "none"


class Augment(Table):
    """Probability and strength of each family of augmentation.

    A share `magnify` of the crops is drawn from the range `magnification` instead of `scale`.
    """

    scale: tuple[Positive, Positive] = (0.6, 1.6)
    magnify: Unit = 0.0
    magnification: tuple[Positive, Positive] = (1.6, 2.8)
    rotate: Unit = 0.7
    flip: bool = True
    intensity: Unit = 0.6
    colour: Unit = 0.4
    blur: Unit = 0.2
    noise: Unit = 0.2
    invert: Unit = 0.05
    to_grey: Unit = 0.2


class Model(Table):
    """Name and size of the net.

    `stem` is the stride of its first convolution; widths double at each halving up to `max_width`.
    `weights` are those it starts from: random ones (`none`), those of the same fold of another config,
    shipped or trained here, or `imagenet` for a model with an encoder.
    """

    name: str = "unet"
    width: Count = 16
    depth: Annotated[int, Field(ge=1, le=7)] = 4
    stem: Literal[1, 2, 4] = 1
    max_width: Count = 1024
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    weights: Annotated[str, StringConstraints(pattern=r"^[\w-]+$")] = "none"

    @property
    def start(self) -> str:
        """The config whose weights it starts from, if any."""
        return "" if self.weights in ("none", "imagenet") else self.weights


class Regions(Table):
    """The second net of two_stage sets, which classifies the crop around each region.

    A crop is a square around the middle of a region's box, of its longer side plus `margin` times that on
    each side, brought to `size_px`. Regions below `min_size_px` are dropped. `class_weights` as in
    `weights`, over the training crops of each class.
    """

    margin: Annotated[float, Field(ge=0)] = 0.25
    size_px: Annotated[int, Field(ge=16)] = 48
    min_size_px: Annotated[int, Field(ge=0)] = 20
    class_weights: ClassWeights = "median"
    model: Model = Model(name="classifier", width=16, depth=3, dropout=0.2)
    epochs: Count = 40
    batch_size: Count = 32
    learning_rate: Positive = 2e-3


class Loss(Table):
    """Terms of the classes' loss and their weights in the sum, and the weight of the distance output.

    A term of weight 0 is left out. `beta` is the weight of the positives (every class but 0) in the
    balanced cross-entropy, 1 - beta that of the negatives; `gamma` the focal loss' exponent. Dice and
    IoU are averaged over the classes (`mean`) or taken once of the classes' sums (`pooled`).
    """

    terms: dict[str, Annotated[float, Field(ge=0)]] = {"cross_entropy": 1.0, "dice": 0.5}
    beta: Unit = 0.9
    gamma: Annotated[float, Field(ge=0)] = 2.0
    dice_over: Literal["mean", "pooled"] = "mean"
    iou_over: Literal["mean", "pooled"] = "mean"
    distance: Annotated[float, Field(ge=0)] = 1.0

    @model_validator(mode="after")
    def _terms_exist(self) -> Loss:
        for name in self.terms:
            if name not in LOSS_TERMS:
                raise ValueError(
                    f"unknown loss term {name}; did you mean {_nearest(name, LOSS_TERMS)}?"
                )
        if not any(self.terms.values()):
            raise ValueError("every loss term has weight 0")
        return self


class Train(Table):
    """Length, optimizer, schedule and precision of training.

    `optimizer` is AdamW, or Muon, which takes the same rates and learns more from each crop. `schedule`
    is a warm-up (a share of all steps) and a cosine decay to 0, or a `plateau`: the rate is multiplied by
    `plateau_factor`, down to `plateau_floor`, after `plateau_patience` epochs without a new best
    validation loss, and rests `plateau_cooldown` epochs. After `early_stopping` epochs without a new best
    training ends; after `stuck_epochs` without learning anything it fails (0: neither).
    Images of the modalities in `without` are not trained or tuned on, and all of them are scored: the
    score on them is that on a kind never seen. `extra` names data sets (made by `make data`) that are
    trained on in every fold and never validated on; `skip` is a CSV with a column image_id of images
    that no fold is trained on, though all are validated on (`make audit` writes one).
    """

    folds: Annotated[tuple[Annotated[int, Field(ge=0)], ...] | None, Several] = None
    crop_px: Annotated[int, Field(ge=32)] = 256
    batch_size: Count = 8
    epochs: Count = 30
    crops_per_epoch: Count = 400
    optimizer: Literal["adamw", "muon"] = "adamw"
    learning_rate: Positive = 2e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    schedule: Literal["cosine", "plateau"] = "cosine"
    warmup: Unit = 0.05
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.05
    plateau_patience: Count = 3
    plateau_cooldown: Annotated[int, Field(ge=0)] = 2
    plateau_floor: Annotated[float, Field(ge=0)] = 1e-6
    early_stopping: Annotated[int, Field(ge=0)] = 0
    stuck_epochs: Annotated[int, Field(ge=0)] = 10
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.99
    clip_norm: Positive = 1.0
    keep: Literal["last", "best"] = "last"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    validation_crops: Count = 64
    without: Annotated[tuple[str, ...], Several] = ()
    extra: Annotated[tuple[str, ...], Several] = ()
    skip: str = ""
    modality_power: Unit = 0.5
    seed: int = 0
    threads: Count = 2


class Predict(Table):
    """Test-time augmentation (symmetries, magnifications) and the tiles of large images.

    Maps at the magnifications `scales` are averaged. Those at `other_scales` are kept beside them, each
    as another view of the image, whose objects the second stage may prefer.
    """

    symmetries: Literal[1, 2, 4, 8] = 1
    scales: Annotated[tuple[Positive, ...], Several] = (1.0,)
    other_scales: Annotated[tuple[Positive, ...], Several] = ()
    tile_px: Annotated[int, Field(ge=64)] = 1536
    overlap_px: Annotated[int, Field(ge=0)] = 64


class Tune(Table):
    """The grid on which thresholds are searched by the task's metric.

    Of semantic sets each sigmoid channel has a `class_threshold`, each softmax class a factor
    `class_scale` before the largest wins; all else is for instances.

    `surface` is the map that seeds are cut from and that is flooded (`none`: connected components). The
    second stage compares segmentations of each view at the tuned seed and foreground thresholds plus each
    pair of offsets, and drops objects that promise no more than a cutoff.
    """

    seed_threshold: Annotated[tuple[Unit, ...], Several] = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    foreground_threshold: Annotated[tuple[Unit, ...], Several] = (
        0.45,
        0.5,
        0.55,
        0.6,
        0.65,
        0.7,
        0.75,
    )
    min_size_px: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Several] = (10, 20, 30, 45, 60)
    class_threshold: Annotated[tuple[Unit, ...], Several] = (
        *(k / 20 for k in range(1, 20)),
        *(0.975, 0.99),
    )
    class_scale: Annotated[tuple[Positive, ...], Several] = tuple(
        round(2 ** (k / 2), 4) for k in range(-16, 7)
    )
    fill_holes: bool = True
    surface: Literal["none", "body", "distance"] = "body"
    second_stage: bool = False
    second_seed_offsets: Annotated[tuple[float, ...], Several] = (0.0, -0.2, 0.15)
    second_foreground_offsets: Annotated[tuple[float, ...], Several] = (0.0,)
    second_cutoff: Annotated[tuple[Unit, ...], Several] = (
        0.0,
        0.05,
        0.1,
        0.15,
        0.2,
        0.25,
        0.3,
        0.4,
    )


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

    @model_validator(mode="after")
    def _folds_exist(self) -> Config:
        unknown = [fold for fold in self.folds if fold >= self.data.n_folds]
        if unknown:
            raise ValueError(
                f"train.folds names {unknown}, but data.n_folds is {self.data.n_folds}"
            )
        step = multiple_of(self.model.model_dump())
        if self.train.crop_px % step:
            raise ValueError(
                f"train.crop_px={self.train.crop_px} must be a multiple of {step} "
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

    @property
    def folds(self) -> tuple[int, ...]:
        """The folds this config trains."""
        return tuple(range(self.data.n_folds)) if self.train.folds is None else self.train.folds

    def stage_settings(self) -> dict[str, dict[str, Any]]:
        """The settings each stage's output depends on; a change of one makes that stage stale.

        The number of threads and the list of folds change no fold's model, so they are in none.
        """
        everything = self.model_dump(mode="json")
        train = {name: everything[name] for name in ("input", "target", "weights", "augment")}
        train |= {name: everything[name] for name in ("model", "loss", "train")}
        train["train"] = {
            key: value for key, value in train["train"].items() if key not in ("folds", "threads")
        }
        task = {"name": self.data.task, "classes": everything["data"]["classes"]}
        train["task"] = task | {"exclusive": self.data.exclusive}
        train["train"]["skip"] = []  # filled from the file by whoever writes the settings
        return {
            "data": everything["data"],
            "train": train,
            "predict": everything["predict"],
            "regions": everything["regions"]
            | {"task": train["task"], "seed": everything["train"]["seed"]},
            "tune": everything["tune"]
            | {"unseen": everything["train"]["without"], "task": train["task"]}
            | {"n_views": 1 + len(self.predict.other_scales)},
        }


def _check_numbers(key: str, weights: str | tuple[float, ...], names: Sequence[str]) -> None:
    if not isinstance(weights, str) and len(weights) != len(names):
        raise ValueError(f"{key} has {len(weights)} numbers for the classes {', '.join(names)}")


def filled(stage: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A stage's settings with today's defaults for keys they lack, since an older version wrote them."""
    return _merged(Config().stage_settings()[stage], settings)


def read_stage(path: Path) -> dict[str, Any]:
    """The settings of the stage that `path` (params/<stage>.json) is named after."""
    return filled(path.stem, read_json(path))


def multiple_of(model: Mapping[str, Any]) -> int:
    """What both sides of a net's input must be a multiple of, from its `model` table."""
    return model["stem"] * 2 ** model["depth"]


def load(path: Path | str, settings: Iterable[str] = ()) -> Config:
    """Read `path` with its parent (`extends`) and apply `key.path=value` settings, the last wins."""
    path = Path(path)
    tree = _read_toml(path)
    parent_name = tree.pop("extends", None)
    if parent_name is not None:
        parent = _read_toml(path.with_name(f"{parent_name}.toml"))
        if "extends" in parent:
            raise UserError(f"{path}: extends {parent_name}, which extends another; one level only")
        tree = _merged(parent, tree)
    for setting in settings:
        tree = _merged(tree, _setting_tree(setting))
    return _validated(_merged(Config().model_dump(mode="json"), tree), str(path))


def lineage(path: Path) -> list[Path]:
    """The config at `path`, the one it extends, and likewise the one whose weights it starts from."""
    found: list[Path] = []
    waiting = [path]
    while waiting:
        path = waiting.pop(0)
        if path not in found:
            found.append(path)
            names = (_read_toml(path).get("extends"), load(path).model.start)
            waiting += [path.with_stem(name) for name in names if name]
    return found


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        known = ", ".join(sorted(other.stem for other in path.parent.glob("*.toml"))) or "none"
        raise UserError(f"{path}: no such config; configs here: {known}") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not valid TOML ({error})") from None


def _merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in change.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            value = _merged(merged[key], value)
        merged[key] = value
    return merged


def _setting_tree(setting: str) -> dict[str, Any]:
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise UserError(f"set: expected key=value such as train.epochs=3, found {setting!r}")
    value = _parse_value(text)
    for name in reversed(key.split(".")):
        value = {name: value}
    return value


def _parse_value(text: str) -> Any:
    """A TOML value; bare words are strings, and `1,2` and `a,b` are lists."""
    words = ", ".join(f'"{word.strip()}"' for word in text.split(","))
    lists = (f"[{text}]", f"[{words}]") if "," in text else ()
    for candidate in (text, *lists, f'"{text}"'):
        try:
            return tomllib.loads(f"value = {candidate}")["value"]
        except tomllib.TOMLDecodeError:
            continue
    raise UserError(f"set: {text!r} is not a TOML value")


def _validated(tree: dict[str, Any], where: str) -> Config:
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            nearest = _nearest(key, known_keys())
            raise UserError(f"{where}: unknown key {key}; did you mean {nearest}?") from None
        found = "" if isinstance(first["input"], dict) else f", found {first['input']!r}"
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{where}: {key + ': ' if key else ''}{message}{found}") from None


def known_keys() -> list[str]:
    """Every key a config or `set=` may name, as `table.key`."""
    keys = []
    for name, field in Config.model_fields.items():
        table = field.annotation
        assert isinstance(table, type)
        assert issubclass(table, Table)
        keys += [f"{name}.{key}" for key in table.model_fields]
    return keys
