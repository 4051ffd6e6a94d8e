"""`thalweg environments`: the libraries of Executors that are kept on this machine."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

import click

from thalweg.cli.output import as_age, as_bytes, console, json_option, print_json

if TYPE_CHECKING:
    from thalweg.orchestration.launchers.environment.stock import KeptEnvironment

DAY_SECONDS = 86400


@click.command("environments")
@click.option("--unused", type=click.FloatRange(min=0), metavar="DAYS", help="Only those not used for so many days.")
@click.option("--remove", "removing", is_flag=True, help="Remove them, but none that a process runs in.")
@json_option
def environments_command(unused: float | None, removing: bool, as_json: bool) -> None:
    """List the environments that were made for Executors with requirements of their own, or remove them.

    \b
    thalweg environments
    thalweg environments --unused 30 --remove
    """
    from thalweg.orchestration.launchers.environment.stock import kept_environments, remove

    now = time()
    found = kept_environments()
    if unused is not None:
        found = [one for one in found if not one.in_use and now - one.last_used >= unused * DAY_SECONDS]
    removed = [one for one in found if not one.in_use and remove(one)] if removing else []
    if as_json:
        print_json([_described(one, one in removed) for one in found])
    elif removing:
        size = sum(one.size_bytes for one in removed)
        click.echo(f"removed {len(removed)} of {len(found)}, {as_bytes(size)}")
    elif found:
        _print_table(found, now)
    else:
        click.echo("None is kept.", err=True)


def _described(one: KeptEnvironment, removed: bool) -> dict[str, Any]:
    return {
        "folder": str(one.folder),
        "requirements": list(one.requirements),
        "size_bytes": one.size_bytes,
        "last_used": one.last_used,
        "in_use": one.in_use,
        "removed": removed,
    }


def _print_table(found: list[KeptEnvironment], now: float) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 3, 0, 0))
    for title in ("ENVIRONMENT", "LAST USED", "SIZE", "REQUIREMENTS"):
        table.add_column(title, overflow="fold")
    for one in found:
        used = "in use" if one.in_use else f"{as_age(max(0.0, now - one.last_used))} ago"
        table.add_row(one.folder.name[:12], used, as_bytes(one.size_bytes), ", ".join(one.requirements) or "unfinished")
    console().print(table)
