"""Trained models by name or folder: the public face of `tasks.segmenter`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from segline.base.errors import UserError
from segline.config.places import RunFiles, ShippedFiles

if TYPE_CHECKING:  # which imports TensorFlow
    from segline.tasks.segmenter import Segmenter

CHECKOUT = Path(__file__).parents[2]


def load(name: str | Path) -> Segmenter:
    """A trained model: the shipped weights of that name, or the folder of a run or of packed weights.

    Shipped weights are looked for in `data/pretrained` below the current folder, then in the checkout
    that segline is installed from. UserError naming those there are if there is none.

    >>> model = load("best")  # doctest: +SKIP
    >>> labels = model.segment(image)  # doctest: +SKIP
    """
    from segline.tasks.segmenter import of_run, of_shipped

    homes = [Path.cwd() / "data/pretrained", CHECKOUT / "data/pretrained"]
    for folder in (Path(name), *(home / name for home in homes)):
        if ShippedFiles(folder).sums.exists():
            return of_shipped(ShippedFiles(folder))
        if RunFiles(folder).makefile.exists():
            return of_run(RunFiles(folder.resolve()))
    known = sorted({sums.parent.name for home in homes for sums in home.glob("*/SHA256SUMS")})
    raise UserError(
        f"{name}: neither shipped weights (there are {', '.join(known) or 'none'}) nor the folder of a run"
    )
