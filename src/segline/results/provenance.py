"""Where a run came from: versions, device, data hash, git revision. A record, never an input."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path

from segline.base.files import write_json
from segline.samples import streams

PACKAGES = ("segline", "tensorflow", "keras", "numpy", "albumentations", "scikit-image", "numba")


def write_provenance(path: Path, *, data_hash: str, precision: str, device: str) -> None:
    write_json(
        path,
        {
            "data_hash": data_hash,
            "draws": streams.VERSION,
            "precision": precision,
            "device": device,
            "python": platform.python_version(),
            "packages": {name: _version(name) for name in PACKAGES},
            "git": git_revision(),
        },
        seal="make train",
    )


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def git_revision() -> str | None:
    """The commit of the checkout, with `-dirty` when tracked files differ from it; None outside git."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
