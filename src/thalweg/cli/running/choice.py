"""Which running service a command means."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from thalweg.orchestration.running import RunningService

F = TypeVar("F", bound=Callable[..., Any])


def complete_service(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of what runs."""
    from click.shell_completion import CompletionItem

    from thalweg.orchestration.running import services

    return [CompletionItem(one.name, help=one.kind) for one in services() if one.name.startswith(incomplete)]


def service_argument(command: F) -> F:
    """The argument SERVICE, which the command is given as `name`; it may be left out where only one service runs."""
    return click.argument("name", metavar="[SERVICE]", required=False, shell_complete=complete_service)(command)


def chosen(name: str | None) -> RunningService:
    """The one that is called so, or has this process id, address or port; the only one where `name` is None.

    Raises:
        ConfigurationError: none is called so, or several are.
        Unavailable: nothing runs.
        click.UsageError: no name was given, and several run.
    """
    from thalweg.errors import Unavailable
    from thalweg.orchestration.running import service, services

    running = services()
    if not running:
        raise Unavailable("Nothing runs on this machine that is yours: start it with 'thalweg serve'.")
    if name is not None:
        return service(name)
    if len(running) > 1:
        listed = ", ".join(f"{one.name} (process {one.pid})" for one in running)
        raise click.UsageError(f"Which service? There are {listed}.")
    return running[0]
