"""`thalweg executor`: what the image of an Executor begins with."""

from __future__ import annotations

from typing import Any

import click


@click.command("executor")
@click.option(
    "--uses",
    default="config.yml",
    show_default=True,
    metavar="EXECUTOR",
    help="Its YAML, module:Class or file.py:Class.",
)
@click.option("--protocol", multiple=True, metavar="NAME", help="http, websocket or grpc; may be repeated.")
@click.option("--port", multiple=True, type=int, metavar="NUMBER", help="One for each protocol, in the same order.")
@click.option("--host", metavar="ADDRESS", help="Address to listen on; by default all of this machine's.")
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

    serve(find(uses, {name: value for name, value in given.items() if value}))
