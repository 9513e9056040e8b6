"""What a stage claims while it works: its output for itself, the settings and data that it reads unchanged.

So two Makes never write one file, and nobody's settings or data change below a stage that reads them.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from segline.base import leftovers, locks
from segline.base.console import console
from segline.config.places import RunFiles

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def makes(
    output: Callable[..., Path],
) -> Callable[[Callable[Given, Answer]], Callable[Given, Answer]]:
    """A stage of a run that makes `output(its arguments)`; refused while another process does."""

    def claiming(stage: Callable[Given, Answer]) -> Callable[Given, Answer]:
        @functools.wraps(stage)
        def run(*given: Given.args, **named: Given.kwargs) -> Answer:
            arguments = inspect.signature(stage).bind(*given, **named)
            arguments.apply_defaults()
            files, out = _run_of(arguments.arguments), output(**arguments.arguments)
            with contextlib.ExitStack() as claims:
                claims.enter_context(locks.held(files.data.images, shared=True, wait=True))
                claims.enter_context(locks.held(files.makefile, shared=True))
                claims.enter_context(locks.held(out))
                leftovers.sweep(files.folder, deep=True)
                leftovers.sweep(out.parent)
                return stage(*given, **named)

        return run

    return claiming


def makes_data(
    is_fresh: Callable[[RunFiles], bool],
) -> Callable[[Callable[[RunFiles], None]], Callable[[RunFiles], None]]:
    """A stage that writes into the data set of a run, once nobody reads it.

    Who would have to wait does nothing if it `is_fresh`: another Make was faster.
    """

    def claiming(stage: Callable[[RunFiles], None]) -> Callable[[RunFiles], None]:
        @functools.wraps(stage)
        def run(run: RunFiles) -> None:
            fresh = functools.partial(is_fresh, run)
            with (
                locks.held(run.makefile, shared=True),
                locks.held(run.data.images, wait=True, unless=fresh) as is_ours,
            ):
                if not is_ours:
                    console.print(f"{run.data.folder}: made by another process meanwhile")
                    return
                leftovers.sweep(run.data.folder)
                leftovers.sweep(Path(tempfile.gettempdir()))
                stage(run)

        return run

    return claiming


def _run_of(arguments: dict[str, Any]) -> RunFiles:
    run = arguments["run"]
    assert isinstance(run, RunFiles)
    return run
