"""Look at a folder and write a first config for it."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from rich.table import Table
from rich.text import Text

from segline.base.console import console, say
from segline.base.errors import UserError
from segline.base.files import replacing
from segline.config import places, read
from segline.config.tables import Data, Name
from segline.config.write import commented
from segline.data import raw_files
from segline.data.look.at import at
from segline.data.look.guess import Guess
from segline.results import first_config

CONFIGS, ROOT = Path("configs"), Path("data")


def run(name: str, raw: Path, configs: Path = CONFIGS, root: Path = ROOT) -> None:
    """Look at a folder of images and masks and write configs/NAME.toml for it.

    Says what was found, remembers the folder for the data set NAME and prints the next commands. The
    folder is not written to; a config or a data set that is there is not replaced.
    """
    path = configs / f"{name}.toml"
    _check(name, path, root)
    raw_files.folder(root, Data(dataset=name), raw)  # refuses one that is not there
    guess, text = _guessed(name, raw)
    console.print(_shown(guess, raw))
    with replacing(path) as written:
        written.write_text(text, encoding="utf-8", errors="backslashreplace")
        _read_back(written, path)
    raw_files.remember(root, Data(dataset=name), raw)
    say(f"wrote {path}; read it: each comment is a guess and why")
    say(f"next: make data config={name}       # reads and checks every file")
    say(f"      make submit config={name}     # trains, then submissions/{name}.csv")


def _guessed(name: str, raw: Path) -> tuple[Guess, str]:
    """What is in the folder, and the config; UserError for names that no config can hold."""
    try:
        guess = at(raw)
        return guess, first_config.text(name, raw, guess)
    except ValueError as error:
        raise UserError(f"{raw}: no config can say it: {' '.join(str(error).split())}") from None


def _read_back(written: Path, path: Path) -> None:
    try:
        read.load(written)
    except UserError as error:
        said = str(error).replace(str(written), str(path))
        raise UserError(
            f"{said}; nothing is written: describe the set by hand, docs/your-data.md"
        ) from None


def _check(name: str, path: Path, root: Path) -> None:
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        raise UserError(
            f"name={commented(name)}: expected letters, digits, _ - and ., first a letter or digit"
        ) from None
    if path.exists():
        raise UserError(f"{path}: is there already; choose another name, or remove it")
    made = places.dataset(root, name).images
    if made.exists():
        raise UserError(f"{made}: a data set {name} is there already; choose another name")


def _shown(guess: Guess, raw: Path) -> Table:
    """What was found, a line each; names of files may hold anything, so nothing of them is markup."""
    shown = Table(title=Text(commented(str(raw))), show_header=False)
    before = ""
    for heading, said in guess.found:
        shown.add_row("" if heading == before else heading, Text(commented(said)))
        before = heading
    return shown
