"""Folders like a checkout, in which tests call Make."""

import os
import shutil
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
LINKED = ("Makefile", "src", "benchmarks", ".venv", "requirements.txt", "pyproject.toml")
COMMAND = ("make", "-o", ".venv/.installed")


def checkout(root):
    """Make a checkout of links in `root`, with configs of its own."""
    if not (CHECKOUT / ".venv/.installed").exists():
        pytest.skip("no .venv made by make here")
    for name in LINKED:
        (root / name).symlink_to(CHECKOUT / name)
    shutil.copytree(CHECKOUT / "configs", root / "configs")
    (root / "submissions").mkdir()
    return root


def environment():
    """That of this process without what a Make around the tests has put there."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
