"""Thresholds, second stage or figures that the repository carries beside the weights."""

from __future__ import annotations

from pathlib import Path

from segline.base.checksums import check_sums
from segline.base.files import read_bytes, write_bytes
from segline.config import claims
from segline.config.places import RunFiles, ShippedFiles, maker


@claims.makes(lambda run, shipped, name: run.folder / name)
def run(run: RunFiles, shipped: Path, name: str) -> None:
    """Put the file NAME that lies beside the shipped weights into the run, checked against SHA256SUMS."""
    source, made = ShippedFiles(shipped), run.folder / name
    check_sums(source.sums)
    write_bytes(made, read_bytes(source.of_run(made)), seal=maker(made))
