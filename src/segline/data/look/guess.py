"""What a look at a folder comes to: the keys of a config with the evidence of each, and what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from segline.config.write import Line
from segline.data.look.pictures import Seen


@dataclass
class Guess:
    """A config that would read the folder.

    `data` and `dialect` are lines of those tables; `found` are headings and what was seen, for people;
    `areas` are those (px) of objects of a sample, and `shares` of every class its share of a
    sample's pixels. `known` are files beside `train` and `test` that are used, or told of.
    """

    layout: str
    task: str  # as `data.task`
    train: Sequence[str]  # files of training images
    test: Sequence[str] = ()
    slug: str = ""
    data: list[Line] = field(default_factory=list)
    dialect: list[Line] = field(default_factory=list)
    found: list[tuple[str, str]] = field(default_factory=list)
    areas: list[int] = field(default_factory=list)
    per_image: float = 0.0  # objects, median
    shares: dict[str, float] = field(default_factory=dict)
    pictures: Seen = field(default_factory=lambda: Seen(0))
    known: list[str] = field(default_factory=list)

    @property
    def source(self) -> str:
        """The layout that reads the folder."""
        named = next((line.value for line in self.data if line.key == "source"), "")
        return named or ("dialect" if self.dialect else "")

    def tell(self, heading: str, text: str) -> None:
        self.found.append((heading, text))
