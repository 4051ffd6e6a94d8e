"""`thalweg reload`, `update` and `stop`: change what runs, and end it."""

from __future__ import annotations

from pathlib import Path

import click

from thalweg.cli.output import json_option, print_json
from thalweg.cli.running.choice import chosen, complete_service, service_argument

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("reload")
@service_argument
@json_option
def reload_command(name: str | None, as_json: bool) -> None:
    """Start a running service's code anew, without loss: new processes come up, then the old ones end.

    Where the new code does not become ready, the old one goes on, and the command ends with 1.
    """
    one = chosen(name)
    _tell(one.name, "reloaded", one.reload(), as_json)


@click.command("update")
@click.argument("file", type=FILE)
@click.argument("name", metavar="[SERVICE]", required=False, shell_complete=complete_service)
@json_option
def update_command(file: Path, name: str | None, as_json: bool) -> None:
    """Change a running service to what FILE says, without loss.

    Executors that changed get new processes; the old ones end once those are ready. What does not become ready never gets
    a request: everything stays as it was, and the command ends with 1.

    \b
    thalweg update flow.yml my-flow
    """
    one = chosen(name)
    _tell(one.name, "updated", one.update(file.read_text("utf-8")), as_json)


@click.command("stop")
@service_argument
@click.option("--at-once", is_flag=True, help="Do not wait for requests under way.")
@json_option
def stop_command(name: str | None, at_once: bool, as_json: bool) -> None:
    """Stop a running service: requests under way end first. Returns when nothing of it is left."""
    one = chosen(name)
    one.stop(at_once=at_once)
    _tell(one.name, "stopped", "", as_json)


def _tell(name: str, done: str, message: str, as_json: bool) -> None:
    if as_json:
        print_json({"name": name, "done": done, "message": message})
    else:
        click.echo(f"{name} is {done}{f': {message}' if message else '.'}")
