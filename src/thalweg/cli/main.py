"""The command `thalweg`. Each command loads what it needs when it runs, so that help comes at once."""

from __future__ import annotations

import click

from thalweg.cli.commands import Commands
from thalweg.cli.failure import EXIT_CODES


def _tell_versions(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from thalweg.cli.version import versions

        click.echo("\n".join(f"{name} {version}" for name, version in versions().items() if version != "-"))
        ctx.exit()


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.option(
    "-v",
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_tell_versions,
    help="Tell the versions of Thalweg and of what it stands on.",
)
def main() -> None:
    """Turn models into services: serve an Executor or a Flow, call it, measure it, look after it.

    \b
    thalweg new my-search --template search
    thalweg serve flow.yml
    thalweg call http://localhost:8080 /encode '{"text": "hi"}'
    thalweg bench http://localhost:8080 /encode
    thalweg top
    """
