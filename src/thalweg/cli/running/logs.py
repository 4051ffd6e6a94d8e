"""`thalweg logs`: what a running service writes."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from thalweg.cli.output import coloured, json_option, print_json
from thalweg.cli.running.choice import chosen, service_argument

if TYPE_CHECKING:
    from thalweg.orchestration.logs.line import LogLine

COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31;1m", "DEBUG": "\x1b[2m"}


@click.command("logs")
@service_argument
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until the service stops.")
@click.option(
    "-n", "--lines", type=click.IntRange(min=0), default=100, metavar="N", help="How many from before; 100 by default."
)
@click.option("--process", default="", metavar="NAME", help="Of one process (enc/0), or of one Executor (enc).")
@json_option
def logs_command(name: str | None, follow: bool, lines: int, process: str, as_json: bool) -> None:
    """Print what the processes of a running service write: their logs and their output, in one order.

    SERVICE is a name, a process id, an address or a port; it may be left out where only one runs.

    \b
    thalweg logs --follow
    thalweg logs my-flow --process enc --lines 1000
    """
    import msgspec

    bright = coloured()
    for line in chosen(name).logs(lines, follow=follow, process=process):
        if as_json:
            print_json(msgspec.to_builtins(line))
        else:
            click.echo(printed(line, bright), color=bright)
            sys.stdout.flush()


def printed(line: LogLine, bright: bool) -> str:
    """Time, process and text; what belongs together is indented below its first line."""
    at = datetime.fromtimestamp(line.time).strftime("%H:%M:%S.%f")[:-3]
    first, *rest = line.text.splitlines() or [""]
    level = f"{line.level} " if line.level else ""
    text = f"{at} {line.process}: {level}{first}"
    if bright:
        colour = COLOURS.get(line.level, "")
        end = "\x1b[0m" if colour else ""
        text = f"\x1b[2m{at}\x1b[0m \x1b[36m{line.process}\x1b[0m: {colour}{level}{first}{end}"
    return "\n".join([text, *(f"    {more}" for more in rest)])
