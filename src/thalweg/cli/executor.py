"""`thalweg executor`: what the image of an Executor begins with."""

from __future__ import annotations

from typing import Any

import click

from thalweg.cli.options import ModelCommand, given_values, model_options
from thalweg.config import DeploymentOptions


@click.command("executor", cls=ModelCommand)
@click.option(
    "--uses",
    default="config.yml",
    show_default=True,
    metavar="EXECUTOR",
    help="Its YAML, module:Class or file.py:Class.",
)
@model_options(DeploymentOptions, without=("uses",))
def executor_command(uses: str, **given: Any) -> None:
    """Run one Executor, as the entrypoint of its image.

    Where a Flow has started the container, it becomes a part of that Flow; else it is served alone.

    \b
    ENTRYPOINT ["thalweg", "executor", "--uses", "config.yml"]
    """
    from thalweg.cli.target import find, open_working_directory
    from thalweg.executor.loading import reference
    from thalweg.service.container import control, obey
    from thalweg.service.process import end

    open_working_directory()
    path = control()
    if path is not None:
        end(obey(path, reference(uses)))
    from thalweg.cli.serve import serve

    serve(find(uses, given_values(given)))
