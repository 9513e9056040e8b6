"""The ladder: runs that differ in one change each, and the table of what each change gave."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from segline.base.errors import UserError
from segline.base.files import read_json, read_toml
from segline.config.places import RunFiles
from segline.metrics.intervals import paired_bootstrap
from segline.results.scores import KINDS, means_by_kind, paired

COLUMNS = ("mAP", "gain (95 %)", *KINDS, ".50", ".75", ".80-.95")


class Step(NamedTuple):
    """One run: what changed against the step `base` (None for the first), and all its settings."""

    name: str
    kind: str  # rung or try
    change: str
    base: str | None
    settings: tuple[str, ...]

    @property
    def run(self) -> str:
        return f"ladder-{self.name}"


def steps(path: Path) -> tuple[str, list[Step]]:
    """The config that all steps start from, and the steps in order, rungs first."""
    tree = read_toml(path)
    found: dict[str, Step] = {}
    settings: tuple[str, ...] = ()
    base = None
    rows = [*tree["rung"], *tree.get("try", [])]
    for name, count in Counter(row["name"] for row in rows).items():
        if count > 1:
            raise UserError(f"{path}: {count} steps are named {name}; give each a name of its own")
    for rung in tree["rung"]:
        settings = _updated(settings, rung["set"])
        found[rung["name"]] = Step(rung["name"], "rung", rung["change"], base, settings)
        base = rung["name"]
    for row in tree.get("try", []):
        if row["on"] not in found:
            raise UserError(
                f"{path}: try {row['name']} stands on {row['on']}, which is no row above it"
            )
        settings = _updated(found[row["on"]].settings, row["set"])
        found[row["name"]] = Step(row["name"], "try", row["change"], row["on"], settings)
    return tree["config"], list(found.values())


def _updated(settings: tuple[str, ...], changes: list[str]) -> tuple[str, ...]:
    """`settings` with `changes` in place of those of the same key."""
    by_key = {setting.partition("=")[0]: setting for setting in (*settings, *changes)}
    return tuple(by_key.values())


def measured(step: Step, runs: Path) -> dict[str, Any] | None:
    """The figures of a finished step, with its gain over its base if that has finished too."""
    run = RunFiles(runs / step.run)
    if not run.cv.exists():
        return None
    cv = read_json(run.cv)
    row = {
        "change": step.change,
        "settings": list(step.settings),
        "mean": cv["mean"],
        "standard_error": cv["standard_error"],
        "per_threshold": cv["per_threshold"],
        "modalities": {name: part["mean"] for name, part in cv["per_modality"].items()},
        "n_images": {name: part["n_images"] for name, part in cv["per_modality"].items()},
        "folds": cv["folds"],
        "data_hash": cv["data_hash"],
    }
    base = RunFiles(runs / f"ladder-{step.base}")
    if step.base and base.scores.exists():
        row["gain"] = _gain(base.scores, run.scores)
    return row


def _gain(base: Path, other: Path) -> list[float]:
    """Mean gain over the images both scored, and its 95 % interval over fields."""
    _, both = paired(base, other)
    found = paired_bootstrap(both["gain"], both["group"])
    return [found.difference, found.low, found.high]


def markdown(found: list[Step], rows: dict[str, dict[str, Any]]) -> str:
    """Two tables, of the rungs and of the tries, with the rows that are measured."""
    parts = []
    for kind, title in (("rung", "change, added to all above it"), ("try", "tried on a rung")):
        lines = [
            _line(step, rows[step.name])
            for step in found
            if step.kind == kind and step.name in rows
        ]
        if lines:
            head = f"| {title} | " + " | ".join(COLUMNS) + " |"
            parts += [head, "|" + "---|" * (len(COLUMNS) + 1), *lines, ""]
    return "\n".join(parts).strip()


def _line(step: Step, row: dict[str, Any]) -> str:
    at = row["per_threshold"]
    modalities = {
        name: {"mean": mean, "n_images": row["n_images"][name]}
        for name, mean in row["modalities"].items()
    }
    cells = [
        f"{row['mean']:.3f}",
        _words(row["gain"]) if "gain" in row else "",
        *means_by_kind(modalities),
        *(f"{value:.3f}" for value in (at[0], at[5], sum(at[6:]) / len(at[6:]))),
    ]
    change = step.change if step.kind == "rung" else f"on *{step.base}*: {step.change}"
    return f"| {change} | " + " | ".join(cells) + " |"


def _words(gain: list[float]) -> str:
    difference, low, high = gain
    shown = f"{difference:+.3f} ({low:+.3f} to {high:+.3f})"
    return f"**{shown}**" if low > 0 or high < 0 else shown
