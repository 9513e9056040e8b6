"""Blocks of measured figures between markers in a document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segline.base.errors import UserError
from segline.base.files import read_json
from segline.results.scores import KINDS, mean_and_error, means_by_kind
from segline.results.standings import PUBLIC_STAGE1, official


def names(text: str) -> list[str]:
    """The blocks of a document, by the names in their opening markers."""
    return re.findall(r"^<!-- (\w+) -->$", text, re.MULTILINE)


def with_block(text: str, name: str, contents: Mapping[str, str], *, where: str) -> str:
    """`text` with what stands between `<!-- NAME -->` and `<!-- /NAME -->` replaced by its content."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if name not in contents:
        raise UserError(f"{where}: no content for the block {name}; known: {', '.join(contents)}")
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise UserError(f"{where}: expected the markers {begin} and {end} around the block {name}")
    return f"{before}{begin}\n{contents[name]}\n{end}{after}"


def results_table(submissions: Path) -> str:
    """Markdown: this project's figures on DSB2018, on the test set beside others' and cross-validated."""
    ours = {f"**segline `config={name}`**": row for name, row in official(submissions).items()}
    others = {name: {"mAP": score} for name, score in PUBLIC_STAGE1.items()}
    tested = sorted((ours | others).items(), key=lambda item: item[1]["mAP"])
    lines = [
        "| official stage1_test, 65 images | mAP | fluorescence | tissue |",
        "|---|---|---|---|",
    ]
    lines += [_tested_row(name, row) for name, row in tested]
    lines += [
        "",
        f"| grouped cross-validation | images | mAP | {' | '.join(KINDS)} |",
        "|---|---|---|---|---|---|",
    ]
    for path in sorted(submissions.glob("*.json")):
        cv = read_json(path)
        if cv.get("dataset") == "dsb2018":
            lines.append(_cross_validated_row(path.stem, cv))
    return "\n".join(lines)


def _tested_row(name: str, row: Mapping[str, float]) -> str:
    kinds = (f"{row[key]:.2f}" if key in row else "" for key in ("fluorescence", "tissue"))
    return f"| {name} | {row['mAP']:.3f} | {' | '.join(kinds)} |"


def _cross_validated_row(name: str, cv: Mapping[str, Any]) -> str:
    mean, _, error = mean_and_error(cv).partition(" ")
    folds = "fold" if len(cv["folds"]) == 1 else "folds"
    where = f"{cv['n_images']}, {folds} {', '.join(map(str, cv['folds']))}"
    cells = " | ".join(means_by_kind(cv["per_modality"]))
    return f"| **segline `config={name}`** | {where} | **{mean}** {error} | {cells} |"
