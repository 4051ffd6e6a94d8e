"""Every command with its one line of help, loaded when it is used: so `thalweg --help` comes at once."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Any, NamedTuple

import click

from thalweg.cli import plugins
from thalweg.cli.failure import INTERRUPTED, exit_code, tell
from thalweg.errors import ThalwegError


class Listed(NamedTuple):
    """Where a command is, and what it is for."""

    place: str
    """`module:name`."""
    purpose: str


COMMANDS = {
    "new": Listed("thalweg.cli.project:new_command", "Begin a project: executor, flow, search or llm."),
    "check": Listed(
        "thalweg.cli.check:check_command", "Check a Flow, a Deployment or an Executor before it is served."
    ),
    "serve": Listed("thalweg.cli.serve:serve_command", "Serve an Executor or a Flow until Ctrl-C."),
    "executor": Listed("thalweg.cli.executor:executor_command", "Run one Executor, as the entrypoint of its image."),
    "call": Listed("thalweg.cli.calling.call:call_command", "Send documents to an endpoint and print the answers."),
    "run": Listed("thalweg.cli.run:run_command", "Send a whole collection through a Flow and write what comes of it."),
    "ping": Listed("thalweg.cli.calling.ping:ping_command", "Ask a service whether it answers."),
    "bench": Listed("thalweg.cli.load.command:bench_command", "Put an endpoint under load and measure it."),
    "ps": Listed("thalweg.cli.running.listing:ps_command", "List what runs on this machine."),
    "top": Listed("thalweg.cli.running.top:top_command", "Watch the processes of a running service."),
    "logs": Listed("thalweg.cli.running.logs:logs_command", "Print what a running service logs."),
    "reload": Listed("thalweg.cli.running.change:reload_command", "Start a running service's code anew, without loss."),
    "update": Listed("thalweg.cli.running.change:update_command", "Change a running service to what a file says."),
    "stop": Listed("thalweg.cli.running.change:stop_command", "Stop a running service."),
    "environments": Listed(
        "thalweg.cli.environments:environments_command", "List the libraries kept for Executors, or remove them."
    ),
    "graph": Listed("thalweg.cli.graph:graph_command", "Draw a Flow, as SVG or Mermaid."),
    "export": Listed("thalweg.cli.export:export_command", "Write a Flow in another form: mermaid, svg, schema."),
    "schema": Listed(
        "thalweg.cli.schema:schema_command", "Print the JSON Schema that editors check descriptions with."
    ),
    "help": Listed("thalweg.cli.help:help_command", "Tell what options and commands there are, and search them."),
    "flow": Listed("thalweg.cli.aliases:flow_command", "Serve a Flow, as Jina's command does."),
    "deployment": Listed("thalweg.cli.aliases:deployment_command", "Serve a Deployment, as Jina's command does."),
    "gateway": Listed("thalweg.cli.aliases:gateway_command", "Serve a Gateway of a class of your own."),
    "compat": Listed("thalweg.cli.compat:compat_command", "Run a program that was written for Jina or DocArray."),
    "completion": Listed("thalweg.cli.completion:completion_command", "Print what completes commands in a shell."),
    "version": Listed("thalweg.cli.version:version_command", "Tell the versions of Thalweg and of what it stands on."),
}


class Commands(click.Group):
    """Loads a command when it is asked for. What is no command may be a plugin: `thalweg-foo` on the path is `thalweg foo`.

    A command may raise `ThalwegError`: it is told on standard error, and the exit code says of what kind it was.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return plugins.command(cmd_name)
        module, _, name = entry.place.partition(":")
        loaded: click.Command = getattr(import_module(module), name)
        return loaded

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            near = difflib.get_close_matches(name, [*COMMANDS, *plugins.found()], n=1)
            hint = f" Did you mean '{near[0]}'?" if near else " 'thalweg --help' lists them."
            ctx.fail(f"No such command '{name}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.purpose) for name, entry in COMMANDS.items()])
        others = plugins.found()
        if others:
            with formatter.section("Plugins"):
                formatter.write_dl(list(others.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        purposes = {**{name: entry.purpose for name, entry in COMMANDS.items()}, **plugins.found()}
        offered = [CompletionItem(name, help=text) for name, text in purposes.items() if name.startswith(incomplete)]
        # Of the group itself only the options are left to tell: its commands need not be loaded for that.
        return [*offered, *(click.Command.shell_complete(self, ctx, incomplete))]

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ThalwegError as error:
            tell(error, as_json=bool(ctx.meta.get("json")))
            ctx.exit(exit_code(error))
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
