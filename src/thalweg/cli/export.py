"""`thalweg export`: what is known of a Flow, in another form. Jina's spellings are understood."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from thalweg.cli.completion import complete_target
from thalweg.cli.graph import OUTPUT, SUFFIXES, drawing, flow_of_target, write_out

F = TypeVar("F", bound=Callable[..., Any])


def picture_of_flow(*, required: bool) -> Callable[[F], F]:
    """The arguments of a command that draws: the Flow, where the picture goes, and which way it runs."""

    def taking(command: F) -> F:
        command = click.option(
            "--vertical", "--vertical-layout", is_flag=True, help="From top to bottom, not from left to right."
        )(command)
        command = click.argument("output", type=OUTPUT, required=required)(command)
        return click.argument("source", shell_complete=complete_target)(command)

    return taking


@click.group("export")
def export_command() -> None:
    """Write a Flow in another form: a picture, or the JSON Schema that editors check its YAML with.

    \b
    thalweg export svg flow.yml flow.svg
    thalweg export schema schema.json
    """


@export_command.command("svg")
@picture_of_flow(required=False)
def export_svg(source: str, output: Path | None, vertical: bool) -> None:
    """Draw a Flow as SVG."""
    write_out(drawing(flow_of_target(source), "svg", vertical), output)


@export_command.command("mermaid")
@picture_of_flow(required=False)
def export_mermaid(source: str, output: Path | None, vertical: bool) -> None:
    """Draw a Flow as a Mermaid flowchart."""
    write_out(drawing(flow_of_target(source), "mermaid", vertical), output)


@export_command.command("flowchart")
@picture_of_flow(required=True)
def export_flowchart(source: str, output: Path, vertical: bool) -> None:
    """Draw a Flow in the form that the ending of OUTPUT says: .svg, .mmd or .md."""
    form = SUFFIXES.get(output.suffix.lower())
    if form is None:
        raise click.BadParameter(f"{output} ends with none of {', '.join(SUFFIXES)}.", param_hint="'OUTPUT'")
    write_out(drawing(flow_of_target(source), form, vertical), output)


@export_command.command("schema")
@click.argument("output", type=OUTPUT, required=False)
@click.option("--json-path", "--schema-path", "json_paths", type=OUTPUT, multiple=True, help="A file for it, as JSON.")
@click.option("--yaml-path", "yaml_paths", type=OUTPUT, multiple=True, help="A file for it, as YAML.")
def export_schema(output: Path | None, json_paths: tuple[Path, ...], yaml_paths: tuple[Path, ...]) -> None:
    """Write the JSON Schema of YAML files of Flows, Deployments and Executors. %s in a path becomes the version."""
    import json

    import yaml

    from thalweg import __version__
    from thalweg.config.schema import json_schema

    schema = json_schema()
    for path in yaml_paths:
        write_out(yaml.safe_dump(schema, sort_keys=False).rstrip(), Path(str(path).replace("%s", __version__)))
    paths = [*([output] if output else []), *json_paths]
    for path in paths:
        write_out(json.dumps(schema, indent=2), Path(str(path).replace("%s", __version__)))
    if not paths and not yaml_paths:
        write_out(json.dumps(schema, indent=2), None)
