"""`thalweg graph`: a picture of a Flow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from thalweg.cli.completion import complete_target

if TYPE_CHECKING:
    from thalweg.config import FlowOptions

SUFFIXES = {".svg": "svg", ".mmd": "mermaid", ".mermaid": "mermaid", ".md": "markdown"}
FORMS = ("svg", "mermaid", "markdown")
OUTPUT = click.Path(dir_okay=False, path_type=Path, allow_dash=True)


@click.command("graph")
@click.argument("target", shell_complete=complete_target)
@click.option(
    "-o", "--output", type=OUTPUT, help="File to write; standard output without it. Its ending says the form."
)
@click.option("--format", "form", type=click.Choice(FORMS), help="svg if the file does not say it.")
@click.option("--vertical", is_flag=True, help="From top to bottom, not from left to right.")
def graph_command(target: str, output: Path | None, form: str | None, vertical: bool) -> None:
    """Draw a Flow or a Deployment: Executors, replicas, shards, conditions, and what waits for what.

    TARGET is what serve takes. No code is imported and nothing is asked of the network.

    \b
    thalweg graph flow.yml -o flow.svg
    thalweg graph flow.yml --format mermaid
    """
    write_out(drawing(flow_of_target(target), form or picture_form(output), vertical), output)


def picture_form(output: Path | None) -> str:
    """The form that the ending of `output` says; SVG where nothing says one."""
    ending = "" if output is None else output.suffix.lower()
    if ending and ending not in SUFFIXES:
        raise click.BadParameter(
            f"{ending} is no form that can be drawn; end it with one of {', '.join(SUFFIXES)}, or say which by --format.",
            param_hint="'--output'",
        )
    return SUFFIXES.get(ending, "svg")


def flow_of_target(target: str) -> FlowOptions:
    """The Flow that `target` names, with the Executors of Flows inside of it; a Deployment is one of a single Executor.

    Raises:
        ConfigurationError: it names none.
    """
    from thalweg.cli.target import find, open_working_directory
    from thalweg.config import FlowOptions
    from thalweg.orchestration.blueprint import as_flow
    from thalweg.orchestration.deployment import Deployment
    from thalweg.orchestration.flow import Flow
    from thalweg.orchestration.nesting import flattened

    open_working_directory()
    found = find(target, {})
    if isinstance(found, FlowOptions):
        return flattened(Flow.of(found).options)
    return as_flow(Deployment.of(found).options)


def drawing(flow: FlowOptions, form: str, vertical: bool) -> str:
    """The picture's source, in one of `FORMS`."""
    from thalweg.export.mermaid import diagram
    from thalweg.export.svg import svg

    if form == "svg":
        return svg(flow, vertical)
    source = diagram(flow, vertical)
    return source if form == "mermaid" else f"```mermaid\n{source}\n```"


def write_out(text: str, output: Path | None) -> None:
    """Print `text`, or write it to a file and say so on standard error.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    from thalweg.errors import ConfigurationError

    if output is None or str(output) == "-":
        click.echo(text)
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{output} cannot be written: {error.strerror}.") from None
    click.echo(f"{output} is written.", err=True)
