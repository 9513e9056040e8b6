"""Faults of raw files: all listed in a CSV, and refused in one line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from segline.base import files
from segline.base.errors import UserError
from segline.data import semantic_checks
from segline.data.layouts import Fault, Problem

SHOWN = 3  # faults in the message


def refuse(
    problems: Sequence[Problem], usable: Sequence[str], out: Path, raw: Path, *, strict: bool
) -> None:
    """UserError if there are faults and `strict` is on, or if no training image is `usable`.

    They are listed at `out` then. Where images were left out as constant, others say so.
    """
    found = [problem for problem in problems if isinstance(problem, Fault)]
    if found and strict:
        write(out, found)
        shown = [": ".join(filter(None, fault)) for fault in found[:SHOWN]]
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise UserError(
            f"{raw}: faulty files ({len(found)}): {'; '.join(shown)}{more}; all are in {out}; mend the "
            f"files, or leave these images out with strict=0"
        )
    constant = any(problem.kind == semantic_checks.CONSTANT for problem in problems)
    if not usable and not constant:
        write(out, problems)
        raise UserError(f"{raw}: no training image can be used; see {out}")


def write(path: Path, problems: Sequence[Problem]) -> None:
    files.write_csv(path, pd.DataFrame(list(problems), columns=list(Problem._fields)))
