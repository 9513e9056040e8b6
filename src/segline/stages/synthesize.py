"""Stage: write a generated data set in the raw layout of its kind."""

from __future__ import annotations

from pathlib import Path

from rich import print

from segline.errors import UserError
from segline.sources import generated, synthetic


def run(*, out: Path, size: str, seed: int) -> None:
    """Write the raw files of the data set `size`, as `data.generate` names it, into the folder `out`."""
    if size in generated.SETS:
        counts = generated.write(out, name=size, seed=seed)
    elif size in synthetic.SIZES:
        counts = synthetic.write(out, size=size, seed=seed)
    else:
        known = ", ".join([*synthetic.SIZES, *generated.SETS])
        raise UserError(f"generated data: {size!r} is not one of {known}")
    print(f"{out}: generated {counts['train']} training and {counts['test']} test pictures")
