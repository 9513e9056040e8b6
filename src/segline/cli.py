"""The command line: a command a stage, registered by its own signature and imported when it is called."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.metadata
import importlib.util
import inspect
import logging
import os
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer

from segline.base import stopping
from segline.base.errors import UserError, of_machine
from segline.config.places import RunFiles

STAGES = "segline.stages"
NEED_A_NET = {"classifier", "classify", "lr", "pack", "predict", "segment", "train", "unpack"}


def main() -> None:
    """Run a command; a user's fault is one line and exit status 2."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        status = application(sys.argv[1] if len(sys.argv) > 1 else "")(standalone_mode=False)
    except UserError as error:
        sys.exit(_said(str(error), 2))
    except typer.TyperException as error:
        said = error.format_message()  # empty where the help was printed instead
        sys.exit(_said(said, 2) if said else 2)
    except Exception as error:
        known = of_machine(error)
        if known is None:
            raise
        sys.exit(_said(str(known), 2))
    stopping.check()  # a library may have swallowed it
    sys.exit(status if isinstance(status, int) else 0)


def application(wanted: str) -> typer.Typer:
    """All commands by name; only the `wanted` one is imported and can be called."""
    app = typer.Typer(
        help="From raw competition files to a scored submission; `make help` is the way in.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_options)
    for name in commands():
        said = _first_line(name)
        command = _command(name) if name == wanted else _placeholder
        app.command(name, help=None if name == wanted else said, short_help=said)(command)
    return app


def commands() -> list[str]:
    """The names of all commands: those of the modules in `stages`, with hyphens."""
    place = importlib.util.find_spec(STAGES)
    assert place is not None
    modules = pkgutil.iter_modules(place.submodule_search_locations)
    return sorted(module.name.replace("_", "-") for module in modules)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(importlib.metadata.version("segline"))
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


def _placeholder() -> None:
    """Never called: only the wanted command is."""


def _module(name: str) -> str:
    return f"{STAGES}.{name.replace('-', '_')}"


def _first_line(name: str) -> str:
    """What a stage says of itself, without importing it."""
    place = importlib.util.find_spec(_module(name))
    assert place is not None
    assert place.origin is not None
    said = ast.get_docstring(ast.parse(Path(place.origin).read_text())) or ""
    return said.splitlines()[0]


def _command(name: str) -> Callable[..., int | None]:
    """The stage's `run` with every parameter as an option; what it returns is the exit status."""
    if name in NEED_A_NET:
        _load_tensorflow_quietly()
    run = importlib.import_module(_module(name)).run
    stopping.check()
    hints = get_type_hints(run)

    @functools.wraps(run)
    def command(**options: Any) -> int | None:
        return run(**options)

    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=_option(key, hints[key]))
        for key, parameter in inspect.signature(run).parameters.items()
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _option(key: str, hint: Any) -> Any:
    """An option `--key` of the type `hint`; a run is given by its folder."""
    flag = "--" + key.rstrip("_").replace("_", "-")
    parser = (lambda text: RunFiles(Path(text))) if RunFiles in (hint, *get_args(hint)) else None
    return Annotated[hint, typer.Option(flag, parser=parser)]


def _load_tensorflow_quietly() -> None:
    """Import TensorFlow without the dozen lines it writes to standard error in passing."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _said(message: str, status: int) -> int:
    print(f"segline: {message}", file=sys.stderr)
    return status
