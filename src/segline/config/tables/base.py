"""What the tables are made of: kinds of values, and a frozen table that refuses unknown keys."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

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

ClassWeights = (
    Literal["none", "inverse", "total_over_class", "median", "effective"] | tuple[NotNegative, ...]
)


def nearest(name: str, known: Iterable[str]) -> str:
    """The most similar of the `known` names."""
    return difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)[0]


class Table(BaseModel):
    """A frozen table; an unknown key is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
