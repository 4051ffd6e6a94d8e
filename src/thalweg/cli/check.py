"""`thalweg check`: what would happen at a start, without starting anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from thalweg.cli.completion import complete_target
from thalweg.cli.output import json_option, print_json

if TYPE_CHECKING:
    from thalweg.cli.start.board import Row
    from thalweg.message import EndpointDescription, ServiceDescription


@click.command("check")
@click.argument("target", shell_complete=complete_target)
@click.option("--mermaid", is_flag=True, help="Print the graph as a Mermaid flowchart instead.")
@json_option
def check_command(target: str, mermaid: bool, as_json: bool) -> None:
    """Check a Flow, a Deployment or an Executor before it is served.

    Reads TARGET (as for serve), imports the code of every Executor in a process of its own without constructing any,
    and checks the graph and whether each Executor's output can feed the next one. Prints the graph and the endpoints, or
    the error; ends with 1 where there is one.

    \b
    thalweg check flow.yml
    """
    from thalweg.cli.graph import flow_of_target
    from thalweg.cli.start.board import Board
    from thalweg.export.mermaid import diagram
    from thalweg.orchestration.inspection import inspect

    flow = flow_of_target(target)
    descriptions = inspect(flow)
    rows = Board(flow).rows[1:]
    if as_json:
        print_json({"target": target, "executors": [_told(row, descriptions.get(row.name)) for row in rows]})
    else:
        click.echo(diagram(flow) if mermaid else "\n".join(_report(target, rows, descriptions)))


def _told(row: Row, description: ServiceDescription | None) -> dict[str, Any]:
    endpoints = description.endpoints if description else ()
    return {
        "name": row.name,
        "code": row.code,
        "needs": list(row.reads),
        "processes": len(row.steps),
        "endpoints": [
            {
                "path": endpoint.path,
                "input": _title(endpoint.input_schema),
                "output": _title(endpoint.output_schema or endpoint.input_schema),
                "streaming": endpoint.streaming,
            }
            for endpoint in endpoints
        ],
    }


def _report(target: str, rows: list[Row], descriptions: Mapping[str, ServiceDescription]) -> Iterator[str]:
    yield f"{target} is fine: {len(rows)} Executor{'s' if len(rows) != 1 else ''}"
    for row in rows:
        replicas = f", {len(row.steps)} replicas" if len(row.steps) > 1 else ""
        yield f"\n{row.name}: {row.code or 'passes documents on'}, reads {', '.join(row.reads)}{replicas}"
        description = descriptions.get(row.name)
        for endpoint in description.endpoints if description else ():
            yield f"    {endpoint.path}  {_signature(endpoint)}"


def _signature(endpoint: EndpointDescription) -> str:
    """`Text -> Embedded`, or `Text -> Embedded, streaming`."""
    given = _title(endpoint.output_schema or endpoint.input_schema)
    return f"{_title(endpoint.input_schema)} -> {given}{', streaming' if endpoint.streaming else ''}"


def _title(schema: dict[str, Any] | None) -> str:
    return str((schema or {}).get("title", "any document"))
