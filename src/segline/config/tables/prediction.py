"""What is made of a trained net."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from segline.config.names import METRICS
from segline.config.tables.base import (
    Magnification,
    Offsets,
    Positive,
    Several,
    Sizes,
    Table,
    Units,
    Whole,
)


class Predict(Table):
    """Test-time augmentation and the tiles of large images."""

    symmetries: Literal[1, 2, 4, 8] = 1
    """Predictions of so many mirrored and turned copies are averaged."""
    scales: Annotated[tuple[Magnification, ...], Several, Field(min_length=1)] = (1.0,)
    """Predictions at these magnifications are averaged."""
    other_scales: Annotated[tuple[Magnification, ...], Several] = ()
    """Each is kept as a view of its own, whose objects the second stage may prefer."""
    tile_px: Annotated[int, Field(ge=64, le=32768)] = 1536
    """Larger images are predicted in tiles of this side."""
    overlap_px: Whole = 64
    """What neighbouring tiles share; they are blended there."""

    @model_validator(mode="after")
    def _tiles_advance(self) -> Predict:
        if self.overlap_px >= self.tile_px:
            raise ValueError(
                f"overlap_px={self.overlap_px} must be less than tile_px={self.tile_px}, or tiles do not "
                f"advance"
            )
        return self


class Tune(Table):
    """The grids on which thresholds are searched by the task's metric."""

    seed_threshold: Units = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    """Objects: where seeds are cut from the surface."""
    foreground_threshold: Units = (0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75)
    """Objects: where they end."""
    min_size_px: Sizes = (10, 20, 30, 45, 60)
    """Objects: smaller ones are dropped. Where the best of these three, or of the class grids below, lies
    at the edge of its grid, that goes on by itself in steps like its last one, while that is not worse,
    up to its bounds; one value, or values that do not ascend, stay as they are."""
    class_threshold: Units = (*(k / 20 for k in range(1, 20)), *(0.975, 0.99))
    """Class masks with sigmoid channels: where each is cut."""
    class_scale: Annotated[tuple[Positive, ...], Several, Field(min_length=1)] = tuple(
        round(2 ** (k / 2), 4) for k in range(-16, 7)
    )
    """Class masks with softmax: the factor of each class before the largest wins."""
    class_min_size_px: Sizes = (0, 10, 25, 50, 100, 200, 400)
    """Class masks: connected pieces that are smaller are dropped, where that gains,"""
    class_min_area_px: Sizes = (
        *(0, 25, 50, 100, 200, 400),
        *(600, 900, 1500, 2500),
    )
    """and a class that then covers less of an image is not in it."""
    metric: Literal["", *METRICS] = ""  # type: ignore[valid-type]
    """What is tuned by and scored; by default the dialect's, else mAP of IoU or mean Dice. `surface_dice`
    is tuned by the Dice of each volume, `dice_hausdorff` by its Dice, `ap_iou` as if all objects were
    equally sure."""
    fill_holes: bool = True
    """Objects: holes are filled."""
    surface: Literal["none", "body", "distance"] = "body"
    """Objects: the map that seeds are cut from and that is flooded; `none`: connected components."""
    second_stage: bool = False
    """Objects: trees choose among segmentations and drop objects that promise little."""
    second_seed_offsets: Offsets = (0.0, -0.2, 0.15)
    """Second stage: segmentations at the tuned seed threshold plus each of these,"""
    second_foreground_offsets: Offsets = (0.0,)
    """and at the tuned foreground threshold plus each of these, compared."""
    second_cutoff: Units = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
    """Second stage: promises at or below which an object is dropped."""
