"""`thalweg completion`: what a shell needs to complete commands, options, files and names of running services."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_THALWEG_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def completion_command(shell: str | None) -> None:
    """Print what completes commands, options, files and names of running services. SHELL is yours if it is left out.

    \b
    bash    echo 'eval "$(thalweg completion bash)"' >> ~/.bashrc
    zsh     echo 'eval "$(thalweg completion zsh)"' >> ~/.zshrc
    fish    thalweg completion fish > ~/.config/fish/completions/thalweg.fish
    """
    from click.shell_completion import get_completion_class

    from thalweg.cli.main import main

    name = shell or Path(os.environ.get("SHELL", "")).name
    kind = get_completion_class(name) if name in SHELLS else None
    if kind is None:
        raise click.UsageError(f"For which shell? {', '.join(SHELLS)}.")
    click.echo(kind(main, {}, "thalweg", VARIABLE).source())


def complete_target(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What can be served: YAML, Python files, and the folders on the way."""
    from click.shell_completion import CompletionItem

    folder, _, start = incomplete.rpartition("/")
    shown = f"{folder}/" if "/" in incomplete else ""
    try:
        entries = sorted(Path(shown or ".").iterdir())
    except OSError:
        return []
    fitting = [entry for entry in entries if entry.name.startswith(start) and (start or not entry.name.startswith("."))]
    return [
        CompletionItem(shown + entry.name + ("/" if entry.is_dir() else ""))
        for entry in fitting
        if entry.is_dir() or entry.suffix in (".yml", ".yaml", ".json", ".py")
    ]
