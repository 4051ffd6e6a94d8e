"""`thalweg flow`, `deployment` and `gateway`: `serve` under the names that Jina's users know. Options count here."""

from __future__ import annotations

from typing import Any

import click

from thalweg.cli.failure import EXIT_CODES
from thalweg.cli.options import ModelCommand, given_values, model_options
from thalweg.config import DeploymentOptions, GatewayOptions


def _serve(uses: str, expected: str, given: dict[str, Any]) -> None:
    from thalweg.cli.serve import begin
    from thalweg.cli.target import find, open_working_directory
    from thalweg.config import FlowOptions
    from thalweg.errors import ConfigurationError

    open_working_directory()
    found = find(uses, given_values(given))
    if isinstance(found, FlowOptions) != (expected == "Flow"):
        other = "Deployment" if expected == "Flow" else "Flow"
        raise ConfigurationError(f"{uses} describes a {other}: thalweg {other.lower()} --uses {uses}")
    begin(found)


@click.command("flow", cls=ModelCommand, epilog=EXIT_CODES)
@click.option("--uses", required=True, metavar="FILE", help="YAML of the Flow.")
@model_options(GatewayOptions, DeploymentOptions, without=("uses",))
def flow_command(uses: str, **given: Any) -> None:
    """Serve a Flow until Ctrl-C, as `thalweg serve FILE` does.

    \b
    thalweg flow --uses flow.yml --port 8080
    """
    _serve(uses, "Flow", given)


@click.command("deployment", cls=ModelCommand, epilog=EXIT_CODES)
@click.option("--uses", required=True, metavar="TARGET", help="YAML of the Deployment, or which Executor it is.")
@model_options(DeploymentOptions, without=("uses",))
def deployment_command(uses: str, **given: Any) -> None:
    """Serve a Deployment until Ctrl-C, as `thalweg serve TARGET` does.

    \b
    thalweg deployment --uses deployment.yml --replicas 2
    """
    _serve(uses, "Deployment", given)


@click.command("gateway", cls=ModelCommand, epilog=EXIT_CODES)
@model_options(GatewayOptions)
def gateway_command(**given: Any) -> None:
    """Serve a Gateway with no Executor behind it, of a class of your own, until Ctrl-C.

    \b
    thalweg gateway --uses gateway.py:Mine --protocol http --port 8080
    """
    from thalweg.cli.serve import begin
    from thalweg.cli.target import open_working_directory
    from thalweg.config import FlowOptions
    from thalweg.config.load import parse_options

    open_working_directory()
    gateway = parse_options(GatewayOptions, given_values(given), "thalweg gateway")
    begin(FlowOptions(name="gateway", gateway=gateway))
