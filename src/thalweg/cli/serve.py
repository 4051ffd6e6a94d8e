"""`thalweg serve`: start a Flow or a Deployment and keep it running."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import click

from thalweg.cli.completion import complete_target
from thalweg.cli.options import ModelCommand, given_values, model_options
from thalweg.cli.output import json_option
from thalweg.config import DeploymentOptions, FlowOptions, GatewayOptions

if TYPE_CHECKING:
    from thalweg.orchestration import Deployment, Flow

Again: TypeAlias = tuple[str, Callable[[], FlowOptions | DeploymentOptions]]
SAID_BY_TARGET = ("uses",)
"""Options that the target says."""


@click.command("serve", cls=ModelCommand)
@click.argument("target", shell_complete=complete_target)
@json_option
@model_options(DeploymentOptions, GatewayOptions, without=SAID_BY_TARGET)
def serve_command(target: str, as_json: bool, **given: Any) -> None:
    """Serve an Executor or a Flow until Ctrl-C.

    TARGET is a YAML file of a Flow, a Deployment or an Executor; package.module:Class; file.py:Class; or docker://image.
    A function with @requests will do in place of a class. What the options say comes before what the file says.

    \b
    thalweg serve flow.yml
    thalweg serve encoder.py:Encoder --protocol http --port 8080 --replicas 2
    thalweg serve encoder.py:Encoder --uses-with model=minilm batch=32 --limits max_inflight=100

    The first Ctrl-C or SIGTERM lets requests under way end, the second one stops at once, with exit code 130 or 143.
    """
    from thalweg.cli.target import find, open_working_directory

    open_working_directory()
    values = given_values(given)
    begin(find(target, values), (target, lambda: find(target, values)), as_json)


def begin(options: FlowOptions | DeploymentOptions, again: Again | None = None, as_json: bool = False) -> None:
    """`serve`, and end as after Ctrl-C where SIGTERM comes before anybody waits for it."""
    signal.signal(signal.SIGTERM, _terminate)
    serve(options, again, as_json)


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM while nobody waits for it yet; `block` has a handler of its own."""
    _end_by(number)


def _end_by(number: int) -> NoReturn:
    """With the code that a shell gives to what a signal has ended."""
    sys.exit(128 + number)


def serve(options: FlowOptions | DeploymentOptions, again: Again | None = None, as_json: bool = False) -> None:
    """Start it, show how it goes, and return once it was told to end. `again` is what it was made of, where that is a file,
    and how that is read once more."""
    from thalweg import __version__
    from thalweg.cli.start.board import Board
    from thalweg.cli.start.display import display

    running = runnable(options)
    if again is not None and Path(again[0]).is_file():
        running.read_from(*again)
    shown = display(Board(running.options), f"thalweg {__version__}: {running.name}", as_json)
    cut_short = 0
    try:
        running.start(shown.tell)
        shown.ready(running.addresses)
        cut_short = running.block()
    except (KeyboardInterrupt, SystemExit):
        if not running.running:
            raise
        # It came after the start and before anybody waited for it: stop as if it had come a moment later.
    finally:
        running.close()
        shown.close()
    if cut_short:
        _end_by(cut_short)


def runnable(options: FlowOptions | DeploymentOptions) -> Flow | Deployment:
    """What can be started of `options`."""
    from thalweg.orchestration.deployment import Deployment
    from thalweg.orchestration.flow import Flow

    return Flow.of(options) if isinstance(options, FlowOptions) else Deployment.of(options)
