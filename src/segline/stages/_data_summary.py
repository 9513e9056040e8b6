"""What `make data` found, as a dict for summary.json and as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from rich.table import Table

from segline.sources import Problem

LONGEST = 8  # lines of one kind in the table; summary.json holds all


def summarise(images: pd.DataFrame, problems: Sequence[Problem], *, data_hash: str) -> dict:
    """Counts by split, size, modality, group and kind of problem, most frequent first."""
    train = images[images["split"] == "train"]
    sizes = images["height"].astype(str) + "x" + images["width"].astype(str)
    group_sizes = images["group"].value_counts()
    return {
        "data_hash": data_hash,
        "images": _by_split(images),
        "instances": int(images["n_objects"].sum()),
        "instances_per_image": {
            "least": int(train["n_objects"].min()),
            "median": float(train["n_objects"].median()),
            "most": int(train["n_objects"].max()),
        },
        "sizes": {size: _by_split(rows) for size, rows in _largest_first(images, sizes)},
        "modalities": {name: _by_split(rows) for name, rows in _largest_first(images, "modality")},
        "groups": {
            "number": len(group_sizes),
            "of_one": int((group_sizes == 1).sum()),
            "of_four": int((group_sizes == 4).sum()),
            "largest": int(group_sizes.max()),
        },
        "problems": _counts(pd.Series([p.kind for p in problems], dtype=str)),
    }


def _by_split(rows: pd.DataFrame) -> dict[str, int]:
    return {split: int((rows["split"] == split).sum()) for split in ("train", "test")}


def _largest_first(images: pd.DataFrame, by: str | pd.Series) -> list[tuple[str, pd.DataFrame]]:
    parts = [(str(name), rows) for name, rows in images.groupby(by)]
    return sorted(parts, key=lambda part: -len(part[1]))


def _counts(values: pd.Series) -> dict[str, int]:
    return {str(name): int(n) for name, n in values.value_counts().items()}


def table(summary: dict, *, title: str) -> Table:
    """One line a finding: heading, name, train, test."""
    shown = Table(title=title)
    shown.add_column("")
    shown.add_column("")
    shown.add_column("train", justify="right")
    shown.add_column("test", justify="right")
    per_image = summary["instances_per_image"]
    spread = "{least} to {most} an image, median {median:g}".format(**per_image)
    shown.add_row("images", "", *_pair(summary["images"]))
    shown.add_row("instances", spread, str(summary["instances"]), "")
    for heading in ("modalities", "sizes"):
        _section(shown, heading, {name: _pair(n) for name, n in summary[heading].items()})
    counted = summary["groups"]
    groups = (
        f"{counted['of_one']} of one, {counted['of_four']} of four, largest {counted['largest']}"
    )
    shown.add_row("groups", groups, str(counted["number"]), "", end_section=True)
    _section(shown, "problems", {name: (str(n), "") for name, n in summary["problems"].items()})
    shown.add_row("data hash", summary["data_hash"], "", "")
    return shown


def _pair(counts: dict[str, int]) -> tuple[str, str]:
    return str(counts["train"]), str(counts["test"])


def _section(shown: Table, heading: str, lines: dict[str, tuple[str, str]]) -> None:
    """The longest lists end in a line that says how many more there are."""
    names = list(lines) if len(lines) <= LONGEST else list(lines)[: LONGEST - 1]
    for name in names:
        shown.add_row(heading, name, *lines[name])
        heading = ""
    if len(names) < len(lines):
        shown.add_row("", f"and {len(lines) - len(names)} more", "", "")
    shown.add_section()
