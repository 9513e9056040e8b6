"""What `make data` found, as a dict for summary.json and as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from rich.table import Table

from segline.data.layouts import Problem

LONGEST = 8  # lines of one kind in the table; summary.json holds all


def summarise(
    images: pd.DataFrame, problems: Sequence[Problem], *, data_hash: str, of_objects: bool
) -> dict:
    """Counts by split, size, modality, source, group and kind of problem, most frequent first."""
    sizes = images["height"].astype(str) + "x" + images["width"].astype(str)
    group_sizes = images["group"].value_counts()
    return {
        "data_hash": data_hash,
        "images": _by_split(images),
        **(_instances(images) if of_objects else {}),
        "sizes": {size: _by_split(rows) for size, rows in _largest_first(images, sizes)},
        "modalities": {name: _by_split(rows) for name, rows in _largest_first(images, "modality")},
        "sources": {
            name: {**_by_split(rows), "groups": rows["group"].nunique(), **_typical(rows)}
            for name, rows in _largest_first(images, "source")
        },
        "groups": {
            "number": len(group_sizes),
            "of_one": int((group_sizes == 1).sum()),
            "of_four": int((group_sizes == 4).sum()),
            "largest": int(group_sizes.max()),
        },
        "problems": _counts(pd.Series([p.kind for p in problems], dtype=str)),
    }


def _instances(images: pd.DataFrame) -> dict:
    counts = images.loc[images["split"] == "train", "n_objects"]
    return {
        "instances": int(counts.sum()),
        "instances_per_image": {
            "least": int(counts.min()),
            "median": float(counts.median()),
            "most": int(counts.max()),
        },
    }


def _by_split(rows: pd.DataFrame) -> dict[str, int]:
    return {split: int((rows["split"] == split).sum()) for split in ("train", "test")}


def _typical(rows: pd.DataFrame) -> dict[str, float]:
    """Objects of all training images of a source, and the median of an image; nothing without any."""
    counts = rows.loc[rows["split"] == "train", "n_objects"]
    return {"objects": int(counts.sum()), "median": float(counts.median())} if len(counts) else {}


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
    shown.add_row("images", "", *_pair(summary["images"]))
    if "classes" in summary:
        _semantic_sections(shown, summary, raw=title)
    else:
        per_image = summary["instances_per_image"]
        spread = "{least} to {most} an image, median {median:g}".format(**per_image)
        shown.add_row("instances", spread, str(summary["instances"]), "")
    for heading in ("modalities", "sources", "sizes"):
        _section(shown, heading, {_said(name, n): _pair(n) for name, n in summary[heading].items()})
    counted = summary["groups"]
    groups = (
        f"{counted['of_one']} of one, {counted['of_four']} of four, largest {counted['largest']}"
    )
    shown.add_row("groups", groups, str(counted["number"]), "", end_section=True)
    _section(shown, "problems", {name: (str(n), "") for name, n in summary["problems"].items()})
    shown.add_row("data hash", summary["data_hash"], "", "")
    return shown


def _semantic_sections(shown: Table, summary: dict, *, raw: str) -> None:
    """The scale of every file, and of every class the share of pixels and the number of images."""
    if summary["validation"]:
        shown.add_row("", "of them fixed validation", str(summary["validation"]), "")
    shown.add_section()
    for place, found in summary["files"].items():
        kind = f"{'/'.join(found['dtypes'])}, {'/'.join(map(str, found['channels']))} channels"
        numbers = f"{found['low']:g} to {found['high']:g} (scale {found['scale']})"
        name = place.removeprefix(f"{raw}/")
        shown.add_row("file", f"{name}: {found['images']} images, {kind}", "", "")
        shown.add_row("", f"  {numbers}, then mean {found['bright']:.0f} of 255", "", "")
    shown.add_section()
    heading = "classes" if summary["exclusive"] else "classes, may overlap"
    for name, found in summary["classes"].items():
        colour = f" {found['colour']}" if found["colour"] else ""
        share = f"{name}{colour}: {found['pixels']:.2%} of the pixels"
        shown.add_row(heading, share, f"in {found['images']}", "")
        heading = ""
    shown.add_section()


def _said(name: str, counts: dict) -> str:
    """The name, of a source with the number of its groups."""
    return f"{name}, {counts['groups']} groups" if "groups" in counts else name


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
