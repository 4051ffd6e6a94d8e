"""The command `thalweg`. Each command loads what it needs when it runs, so that help comes at once."""

from __future__ import annotations

import sys
from typing import Any

import click

from thalweg import __version__
from thalweg.cli.call import call_command
from thalweg.cli.check import check_command
from thalweg.cli.failure import INTERRUPTED, exit_code, explanation
from thalweg.cli.ping import ping_command
from thalweg.cli.serve import serve_command
from thalweg.errors import ThalwegError


class Commands(click.Group):
    """A group whose commands may raise `ThalwegError`: told on standard error, and the exit code says of what kind."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ThalwegError as error:
            print(explanation(error), file=sys.stderr)
            ctx.exit(exit_code(error))
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def main() -> None:
    """Turn models into services: serve an Executor or a Flow, call it, check it.

    \b
    thalweg serve flow.yml
    thalweg call http://localhost:8080 /encode '{"text": "hi"}'
    thalweg check flow.yml
    thalweg ping http://localhost:8080
    """


main.add_command(serve_command)
main.add_command(call_command)
main.add_command(check_command)
main.add_command(ping_command)
