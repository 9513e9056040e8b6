"""Stage: write a generated data set in the competition's raw layout."""

from __future__ import annotations

from pathlib import Path

from rich import print

from segline.sources import synthetic


def run(*, out: Path, size: str, seed: int) -> None:
    """Write the raw files of the data set `size` ("demo" or "tiny") into the folder `out`."""
    counts = synthetic.write(out, size=size, seed=seed)
    print(f"{out}: generated {counts['train']} training and {counts['test']} test pictures")
