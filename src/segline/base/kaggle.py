"""The Kaggle CLI, whose refusals become plain words."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from segline.base.errors import UserError

# What the CLI prints (lower case) and what it means; the first that fits is said.
REFUSALS = (
    (
        ("connectionerror", "max retries", "name resolution", "timed out"),
        "kaggle.com cannot be reached",
    ),
    (
        ("could not find kaggle.json", "missing username", "missing api", "you must authenticate"),
        "no token; make one at kaggle.com > Settings > API and put kaggle.json into ~/.kaggle",
    ),
    (
        ("401", "unauthorized"),
        "the token is refused; make a new one at kaggle.com > Settings > API",
    ),
    (("rules",), "its rules are not accepted; do so at https://www.kaggle.com/c/{slug}/rules"),
    (
        ("exceeded", "limit", "429", "too many requests"),
        "the limit of submissions or requests is reached; try again later",
    ),
    (
        ("403", "forbidden"),
        "not allowed; accept the rules at https://www.kaggle.com/c/{slug}/rules, and verify your phone "
        "number if Kaggle asks for it",
    ),
    (("404", "not found"), "no such competition, or it is closed for it"),
)


def competitions(verb: str, slug: str, *options: str, success: str = "") -> None:
    """Run `kaggle competitions VERB -c SLUG OPTIONS`, showing what it prints.

    UserError with its reason when it fails, or does not say `success`: old versions end with status 0
    after a refusal.
    """
    found = shutil.which("kaggle", path=str(Path(sys.executable).parent)) or shutil.which("kaggle")
    if found is None:
        raise UserError(
            "the Kaggle CLI is not installed; .venv/bin/pip install kaggle, and put your token into "
            "~/.kaggle/kaggle.json"
        )
    said, status = _shown([found, "competitions", verb, "-c", slug, *options])
    if status or success not in said:
        raise UserError(f"kaggle competitions {verb} -c {slug}: {refusal(said, slug, status)}")


def _shown(command: list[str]) -> tuple[str, int]:
    """What a command prints, passed on while it runs, and its status."""
    parts = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        while part := process.stdout.read1():  # type: ignore[attr-defined]
            parts.append(part)
            sys.stderr.buffer.write(part)
            sys.stderr.flush()
    return b"".join(parts).decode(errors="replace"), process.returncode


def refusal(said: str, slug: str, status: int) -> str:
    """Why the CLI refused, in plain words; its own last line where that is not known.

    >>> refusal("403 - Forbidden - You must accept this competition's rules", "a", 1)
    'its rules are not accepted; do so at https://www.kaggle.com/c/a/rules'
    """
    lower = said.lower()
    for marks, words in REFUSALS:
        if any(mark in lower for mark in marks):
            return words.format(slug=slug)
    lines = said.strip().splitlines()
    return f"failed with status {status} ({lines[-1].strip()[:160] if lines else 'no word'})"
