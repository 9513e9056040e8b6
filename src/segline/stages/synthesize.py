"""Write a generated data set in the raw layout of its kind."""

from __future__ import annotations

from pathlib import Path

from segline.base.console import console
from segline.base.errors import UserError
from segline.base.files import write_text
from segline.config.places import GENERATED_MARK
from segline.synthetic import dsb2018, jobs


def run(out: Path, size: str = "demo", seed: int = 0) -> None:
    """Generate a data set in a competition's raw layout.

    `size` is a name that `data.generate` takes; the raw files go into the folder `out`, which must be new,
    empty or made by this command.
    """
    mark = out / GENERATED_MARK
    if out.is_dir() and any(out.iterdir()) and not mark.exists():
        raise UserError(
            f"{out}: there are files in it that were not generated, and nothing is generated among others; "
            f"give another folder, or your files as raw={out}"
        )
    if size in jobs.SETS or size in dsb2018.SIZES:
        write_text(mark, f"{size}\n")
    if size in jobs.SETS:
        counts = jobs.write(out, name=size, seed=seed)
    elif size in dsb2018.SIZES:
        counts = dsb2018.write(out, size=size, seed=seed)
    else:
        known = ", ".join([*dsb2018.SIZES, *jobs.SETS])
        raise UserError(f"generated data: {size!r} is not one of {known}")
    console.print(f"{out}: generated {counts['train']} training and {counts['test']} test pictures")
