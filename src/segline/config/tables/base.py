"""What the tables are made of: kinds of values, and a frozen table that refuses unknown keys."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

Unit = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
# The largest numbers are far above what is of use and far below what no machine holds.
Positive = Annotated[float, Field(gt=0, le=1e6)]
NotNegative = Annotated[float, Field(ge=0, le=1e6)]
Count = Annotated[int, Field(ge=1, le=10**7)]
Whole = Annotated[int, Field(ge=0, le=10**7)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Magnification = Annotated[float, Field(ge=0.05, le=20)]
Several = BeforeValidator(lambda value: [value] if isinstance(value, int | float | str) else value)
Offsets = Annotated[tuple[Annotated[float, Field(ge=-1, le=1)], ...], Several, Field(min_length=1)]
Units = Annotated[tuple[Unit, ...], Several, Field(min_length=1)]
Sizes = Annotated[tuple[Whole, ...], Several, Field(min_length=1)]

Colour = Annotated[str, StringConstraints(pattern="^#[0-9a-fA-F]{6}$", to_lower=True)]
Name = Annotated[
    str, StringConstraints(pattern=r"^\w[\w.+-]*$", max_length=100)
]  # of a folder, a file, a run

ClassWeights = (
    Literal["none", "inverse", "total_over_class", "median", "effective"] | tuple[NotNegative, ...]
)


def nearest(name: str, known: Iterable[str]) -> str:
    """The most similar of the `known` names."""
    return difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)[0]


class Table(BaseModel):
    """A frozen table; an unknown key is refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _as_meant(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true and false for 1 and 0, and text with a NUL, which no file or name has."""
        wanted = cls.model_fields[str(info.field_name)].annotation
        several = value if isinstance(value, list | tuple) else [value]
        if get_origin(wanted) is dict and isinstance(value, dict):
            several = list(value.values())
        if wanted is not bool and any(isinstance(each, bool) for each in several):
            raise ValueError("expected no true or false here")
        if any(isinstance(each, str) and "\0" in each for each in several):
            raise ValueError("expected no NUL in a text")
        return value
