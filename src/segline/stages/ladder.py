"""Which runs the ladder needs, and its table from their figures."""

from __future__ import annotations

from pathlib import Path

from segline import ladder
from segline.console import console
from segline.files import read_json, write_json, write_text


def plan(*, steps: Path) -> None:
    """Print a line a step for the Makefile: config, run and settings, parted by tabs."""
    config, found = ladder.steps(steps)
    for step in found:
        print(config, step.run, " ".join(step.settings), sep="\t")


def collect(*, steps: Path, runs: Path, out: Path) -> None:
    """Write out/ladder.json and out/ladder.md from the finished runs and from what is there already.

    A row of an earlier session stays as long as its step still has the settings it was measured with.
    """
    _, found = ladder.steps(steps)
    kept = read_json(out / "ladder.json") if (out / "ladder.json").exists() else {}
    rows = {}
    for step in found:
        row = ladder.measured(step, runs)
        old = kept.get(step.name)
        if row is None and old is not None and old["settings"] == list(step.settings):
            row = old | {"change": step.change}
        if row is not None:
            rows[step.name] = row
    write_json(out / "ladder.json", rows)
    write_text(out / "ladder.md", ladder.markdown(found, rows) + "\n")
    console.print(f"{out / 'ladder.md'}: {len(rows)} of {len(found)} steps measured")
