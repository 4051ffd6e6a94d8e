"""`thalweg compat`: run a program that was written for Jina or DocArray."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click


@click.command(
    "compat",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[--only PACKAGE] [-m] PROGRAM [ARGUMENT]...")
def compat_command(words: Sequence[str]) -> NoReturn:
    """Run a program that was written for Jina or DocArray, as it is.

    PROGRAM is a Python file, or a module after -m; what follows is its own. --only docarray leaves a real Jina in its
    place. The exit code is the program's.

    \b
    thalweg compat app.py --port 8080
    """
    sys.stdout.flush()
    # The program takes this process's place, so that its signals and its exit code are its own.
    os.execv(sys.executable, [sys.executable, "-m", "thalweg.compat", *words])
