"""Commands that others bring: an executable `thalweg-foo` on the path is `thalweg foo`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

PREFIX = "thalweg-"


def found() -> dict[str, str]:
    """The plugins by name, with where each lies. The first on the path counts, as in a shell."""
    plugins: dict[str, str] = {}
    for folder in os.get_exec_path():
        try:
            with os.scandir(folder or ".") as entries:
                names = sorted(entry.name for entry in entries if entry.name.startswith(PREFIX))
        except OSError:  # a folder of the path need not exist
            continue
        for name in names:
            path = Path(folder, name)
            if path.is_file() and os.access(path, os.X_OK):
                plugins.setdefault(name.removeprefix(PREFIX), str(path))
    return plugins


def command(name: str) -> click.Command | None:
    """A command that becomes the plugin `name`; None where there is none."""
    path = shutil.which(PREFIX + name) if name.replace("-", "").replace("_", "").isalnum() else None
    if path is None:
        return None

    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def become(words: Sequence[str]) -> NoReturn:
        sys.stdout.flush()
        sys.stderr.flush()
        # This process becomes the plugin: its signals, its terminal and its exit code are the plugin's own.
        os.execv(path, [path, *words])

    return click.command(
        name, context_settings={"ignore_unknown_options": True, "help_option_names": []}, help=f"The plugin {path}."
    )(become)
