"""`thalweg ps`: what runs on this machine."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

import click

from thalweg.cli.output import as_age, console, json_option, print_json

if TYPE_CHECKING:
    from thalweg.orchestration.running import RunningService


@click.command("ps")
@json_option
def ps_command(as_json: bool) -> None:
    """List the Flows and Deployments that you run on this machine, however they were started."""
    from thalweg.orchestration.running import services

    running = services()
    if as_json:
        print_json([_described(one) for one in running])
    elif running:
        _print_table(running)
    else:
        click.echo("Nothing runs.", err=True)


def _described(one: RunningService) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": one.kind,
        "pid": one.pid,
        "since": one.since or None,
        "addresses": list(one.addresses),
        "directory": str(one.directory),
    }


def _print_table(running: list[RunningService]) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 3, 0, 0))
    for title in ("NAME", "KIND", "PROCESS", "UP", "ADDRESSES"):
        table.add_column(title, overflow="fold")
    for one in running:
        up = as_age(time() - one.since) if one.since else "starting"
        table.add_row(one.name, one.kind, str(one.pid), up, "\n".join(one.addresses))
    console().print(table)
