"""What a stage says in a line."""

from __future__ import annotations

from segline.base.console import console


def say(message: str) -> None:
    """Print a message on one line, however long, with names of files as they are."""
    console.print(message, soft_wrap=True, markup=False)
