"""Which runs the ladder needs, and its table from their figures."""

from __future__ import annotations

from pathlib import Path

from segline.base.console import say
from segline.base.files import read_json, write_json, write_text
from segline.results import ladder


def run(
    steps: Path = Path("benchmarks/ladder.toml"),
    runs: Path = Path("data/runs"),
    out: Path = Path("benchmarks/results"),
    plan: bool = False,
) -> None:
    """Table of what each change gave, from finished runs; --plan lists the runs it needs.

    A line of the plan holds config, run and settings, parted by tabs. Otherwise out/ladder.json and
    out/ladder.md are written from the finished runs and from what is there already: a row of an
    earlier session stays as long as its step still has the settings it was measured with.
    """
    config, found = ladder.steps(steps)
    if plan:
        for step in found:
            print(config, step.run, " ".join(step.settings), sep="\t")
        return
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
    say(f"{out / 'ladder.md'}: {len(rows)} of {len(found)} steps measured")
