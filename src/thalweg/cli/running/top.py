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
    from rich.text import Text

    from thalweg.orchestration.control.questions import ProcessStatus, ServiceStatus

COLUMNS = ("PROCESS", "PHASE", "PID", "RATE", "ERRORS", "P50", "P99", "BUSY", "QUEUE", "BATCH", "MEMORY", "RESTARTS")
LEAST_FIRST = ("BATCH", "BUSY", "QUEUE", "PID", "P50", "ERRORS", "RESTARTS", "MEMORY", "P99")
"""Columns that a narrow terminal does without, in this order."""
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
        out.print(_headline(status), soft_wrap=True)
        for part in parts(status, out.width):
            out.print(part)
        return
    from rich.console import Group
    from rich.live import Live

    with Live(console=console(), screen=True, auto_refresh=False) as live:
        while True:
            status = one.status()
            shown = [_headline(status), "", *parts(status, live.console.width), "", "Ctrl-C ends it."]
            live.update(Group(*shown), refresh=True)
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


def parts(status: ServiceStatus, width: int) -> list[Table | Text]:
    """A line for each process, and below them why some are not ready. Where `width` characters are too few, there is less
    room between the columns, and those that say least are left out."""
    from rich.text import Text

    rows = [cells(process) for process in status.processes]
    shown = list(range(len(COLUMNS)))
    gap = 2 if _width(rows, shown, 2) <= width else 1
    for index in _least_said(rows):
        if _width(rows, shown, gap) <= width:
            break
        shown.remove(index)
    why = [one for one in status.processes if one.reason and one.phase not in GOOD]
    return [_table(rows, shown, gap), *(Text(f"{one.title or one.node}: {one.reason}", "dim") for one in why)]


def _table(rows: list[list[Text]], shown: list[int], gap: int) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, gap, 0, 0))
    for index in shown:
        table.add_column(COLUMNS[index], justify="left" if index < 2 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(row[index] for index in shown))
    return table


def _width(rows: list[list[Text]], shown: list[int], gap: int) -> int:
    widest = (max(len(COLUMNS[index]), *(len(row[index]) for row in rows), 0) for index in shown)
    return sum(width + gap for width in widest) - gap


def _least_said(rows: list[list[Text]]) -> list[int]:
    """The columns that can be left out: first those that say nothing of any process."""
    can_go = [COLUMNS.index(title) for title in LEAST_FIRST]
    return sorted(can_go, key=lambda index: any(row[index].plain not in ("-", "0", "") for row in rows))


def cells(process: ProcessStatus) -> list[Text]:
    """What the columns of `COLUMNS` say of one process; `-` where there is nothing to say."""
    from rich.text import Text

    colour = "green" if process.phase in GOOD else "yellow" if process.phase in UNDER_WAY else "red"
    return [
        Text(process.title or process.node),
        Text(process.phase, colour),
        Text("-" if process.pid is None else str(process.pid)),
        Text(f"{process.rate:.1f}/s"),
        Text(f"{process.error_rate:.1f}/s", "red") if process.error_rate else Text("-"),
        Text(_milliseconds(process.p50_ms)),
        Text(_milliseconds(process.p99_ms)),
        Text(str(process.in_flight)),
        Text(str(process.queued)),
        Text("-" if process.batch is None else f"{process.batch:.1f}"),
        Text(as_bytes(process.memory_bytes) if process.memory_bytes else "-"),
        Text(str(process.restarts), "red" if process.restarts else ""),
    ]


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else as_seconds(value / 1000)
