"""Fetch the raw files of DSB2018: from the Broad's BBBC038, or through the Kaggle CLI."""

from __future__ import annotations

import subprocess
import urllib.error
import zipfile
from pathlib import Path

import pooch
import requests

from segline.base.console import console
from segline.base.errors import UserError

BROAD = "https://data.broadinstitute.org/bbbc/BBBC038"
NEEDED = ("stage1_train.zip", "stage1_test.zip")
OPTIONAL = ("stage1_train_labels.csv", "stage1_sample_submission.csv")
COMPETITION = "data-science-bowl-2018"


def run(out: Path, source: str = "broad") -> None:
    """Fetch the raw files from the Broad (BBBC038), or through the Kaggle CLI.

    What is in `out` already is kept.
    """
    fetchers = {"broad": _from_broad, "kaggle": _from_kaggle}
    if source not in fetchers:
        raise UserError(f"source={source}: unknown; known: {', '.join(fetchers)}")
    out.mkdir(parents=True, exist_ok=True)
    fetchers[source](out)
    console.print(f"{out} is ready; next: make data")


def _from_broad(out: Path) -> None:
    for name in (*NEEDED, *OPTIONAL):
        try:
            pooch.retrieve(f"{BROAD}/{name}", known_hash=None, fname=name, path=out)
        except (requests.RequestException, urllib.error.URLError, OSError) as error:
            if name in NEEDED:
                raise UserError(
                    f"{BROAD}/{name}: cannot be fetched ({_reason(error)}); "
                    f"use make download source=kaggle, or make data raw=DIR with local copies"
                ) from None
            console.print(f"{name} is not there; make data does without it")


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__


def _from_kaggle(out: Path) -> None:
    command = ["kaggle", "competitions", "download", "-c", COMPETITION, "-p", str(out)]
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        raise UserError(
            "the Kaggle CLI is not installed; .venv/bin/pip install kaggle, put your token in "
            "~/.kaggle/kaggle.json, or use make download"
        ) from None
    except subprocess.CalledProcessError as error:
        raise UserError(f"{' '.join(command)}: failed with status {error.returncode}") from None
    archive = out / f"{COMPETITION}.zip"
    with zipfile.ZipFile(archive) as bundle:
        for name in bundle.namelist():
            if name.startswith("stage1_") and "solution" not in name:
                bundle.extract(name, out)
    archive.unlink()
