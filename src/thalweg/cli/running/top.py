"""`thalweg top`: the processes of a running service, live."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from thalweg.cli.output import as_age, as_bytes, as_seconds, console, json_option, print_json
from thalweg.cli.running.choice import chosen, service_argument

if TYPE_CHECKING:
    from rich.table import Table

    from thalweg.orchestration.control.questions import ProcessStatus, ServiceStatus

COLUMNS = ("PROCESS", "PHASE", "PID", "RATE", "ERRORS", "P50", "P99", "BUSY", "QUEUE", "BATCH", "MEMORY", "RESTARTS")
GOOD, UNDER_WAY = ("ready", "asleep"), ("launched", "loading", "described", "starting")


@click.command("top")
@service_argument
@click.option("--once", is_flag=True, help="Print one table and end.")
@click.option(
    "--interval", type=click.FloatRange(min=0.1), default=1.0, metavar="SECONDS", help="From one look to the next."
)
@json_option
def top_command(name: str | None, once: bool, interval: float, as_json: bool) -> None:
    """Watch the processes of a running service: rate, latency, queue, batches, memory, restarts.

    SERVICE is a name, a process id, an address or a port; it may be left out where only one runs. Rates and latencies are
    those of the last ten seconds. With --json each look is one line; without a terminal there is one look only.

    \b
    thalweg top
    thalweg top my-flow --once
    """
    one = chosen(name)
    if as_json:
        while True:
            print_json(as_plain(one.status()))
            if once:
                return
            time.sleep(interval)
    if once or not sys.stdout.isatty():
        status = one.status()
        out = console()
        out.print(_headline(status))
        out.print(table_of(status))
        return
    from rich.console import Group
    from rich.live import Live

    with Live(console=console(), screen=True, auto_refresh=False) as live:
        while True:
            status = one.status()
            live.update(Group(_headline(status), "", table_of(status), "", "Ctrl-C ends it."), refresh=True)
            time.sleep(interval)


def as_plain(status: ServiceStatus) -> dict[str, Any]:
    """The status as JSON can say it."""
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(status)
    for tagged in (plain, plain["identity"]):
        tagged.pop("type", None)
    return plain


def _headline(status: ServiceStatus) -> str:
    one = status.identity
    up = f"up {as_age(time.time() - one.since)}" if one.since else "starting"
    ready = "ready" if status.ready else "not ready"
    return f"{one.name} ({one.kind}, process {one.pid}): {ready}, {up}. {', '.join(one.addresses)}"


def table_of(status: ServiceStatus) -> Table:
    """A line for each process, with why it is not ready below those that are not."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for index, title in enumerate(COLUMNS):
        table.add_column(title, justify="left" if index < 2 else "right", no_wrap=index != 1)
    for process in status.processes:
        table.add_row(*cells(process), style=None)
        if process.reason and process.phase not in GOOD:
            table.add_row("", process.reason, style="dim")
    return table


def cells(process: ProcessStatus) -> list[Any]:
    """What the columns of `COLUMNS` say of one process; `-` where there is nothing to say."""
    from rich.text import Text

    colour = "green" if process.phase in GOOD else "yellow" if process.phase in UNDER_WAY else "red"
    return [
        process.title or process.node,
        Text(process.phase, colour),
        "-" if process.pid is None else str(process.pid),
        f"{process.rate:.1f}/s",
        Text(f"{process.error_rate:.1f}/s", "red") if process.error_rate else "-",
        _milliseconds(process.p50_ms),
        _milliseconds(process.p99_ms),
        str(process.in_flight),
        str(process.queued),
        "-" if process.batch is None else f"{process.batch:.1f}",
        as_bytes(process.memory_bytes) if process.memory_bytes else "-",
        Text(str(process.restarts), "red" if process.restarts else ""),
    ]


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else as_seconds(value / 1000)
