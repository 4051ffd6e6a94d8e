"""Options of the command line, made of the models: each that Python and YAML have, with the same line of help."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import click

from thalweg.cli.words import OptionShape, fits_too, is_value, shape_of, value_of_words
from thalweg.config.catalogue import Entry, entries, title
from thalweg.config.options import Options
from thalweg.config.runnables import DeploymentOptions
from thalweg.config.servers import GatewayOptions
from thalweg.config.spellings import NO_EFFECT, REFUSED, RENAMED, TRANSLATED, modern
from thalweg.errors import ConfigurationError

Command = TypeVar("Command", bound=Callable[..., Any])

OLD_FLAGS = frozenset(
    (
        "disable_reduce",
        "expose_graphql_endpoint",
        "force_update",
        "metrics",
        "monitoring",
        "native",
        "no_crud_endpoints",
        "no_debug_endpoints",
        "no_reduce",
        "proxy",
        "quiet",
        "stateful",
        "suppress_root_logging",
        "tracing",
    )
)
"""Of Jina's arguments those that stand alone."""

OLD_MAPPINGS = frozenset(
    ("override_with", "override_metas", "override_requests", "uvicorn_kwargs", "raft_configuration")
)


class ModelOption(click.Option):
    """An option of a model, in the group of those that belong together. Its value is what the model takes."""

    def __init__(self, entry: Entry, name: str, group: str) -> None:
        self.entry = entry
        self.group = group
        self.shape = shape_of(entry.schema)
        dashed = name.replace("_", "-")
        flag = self.shape is OptionShape.FLAG
        super().__init__(
            [f"--{dashed}/--no-{dashed}" if flag else f"--{dashed}", name],
            multiple=not flag,
            default=None,
            metavar=None if flag else _metavar(entry, self.shape),
            help=_help(entry),
            type=bool if flag else str,
            expose_value=True,
        )

    @property
    def may_stand_alone(self) -> bool:
        """Whether it may have a value, or none and mean true."""
        variants = self.entry.schema.get("anyOf", ())
        return self.shape is not OptionShape.FLAG and any(one.get("type") == "boolean" for one in variants)

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        words = super().type_cast_value(ctx, value)
        if self.shape is OptionShape.FLAG or not words:
            return words if self.shape is OptionShape.FLAG else None
        try:
            return GivenValue(value_of_words(words, self.shape, self.entry.schema))
        except ConfigurationError as error:
            raise click.BadParameter(str(error), ctx, self) from None


class GivenValue:
    """A value that was given; null among them, which an option that was left out is too."""

    def __init__(self, value: Any) -> None:
        self.value = value


class OldOption(click.Option):
    """An argument that Jina has and Thalweg has in another way, or not at all. Its use is told when options are made."""

    def __init__(self, name: str) -> None:
        flag = name in OLD_FLAGS
        self.shape = OptionShape.MAPPING if name in OLD_MAPPINGS else OptionShape.FLAG if flag else OptionShape.SCALAR
        super().__init__(
            [f"--{name.replace('_', '-')}", name], hidden=True, is_flag=flag, default=None, multiple=not flag
        )

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        words = super().type_cast_value(ctx, value)
        if self.shape is OptionShape.FLAG or not words:
            return words or None
        return GivenValue(value_of_words(words, self.shape, {"type": "integer"}))


class ModelCommand(click.Command):
    """A command with options of models: in its help each group stands by itself, and several values may follow one
    option, as in `--env a=1 'b: 2' '{"c": 3}'` and `--port 8080 50051`. What is not given is looked for in the environment:
    `THALWEG_SERVE_PORT` for `--port` of `serve`."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        prefix = f"THALWEG_{(self.name or '').upper()}"
        return super().make_context(info_name, args, parent, **{"auto_envvar_prefix": prefix, **extra})

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(self._spread(args)))

    def _spread(self, args: Sequence[str]) -> Iterator[str]:
        """`args` with the name of an option before each of its values."""
        known = {name: option for option in self.params if isinstance(option, ModelOption) for name in option.opts}
        old = {name: option for option in self.params if isinstance(option, OldOption) for name in option.opts}
        words = iter(args)
        word = next(words, None)
        while word is not None:
            positive = f"--{word[5:]}" if word.startswith("--no-") else ""
            if positive in known and known[positive].may_stand_alone:
                yield from (positive, "false")
                word = next(words, None)
                continue
            yield word
            if word == "--":
                yield from words
                return
            option = known.get(word) or old.get(word)
            name, word = word, next(words, None)
            schema = option.entry.schema if isinstance(option, ModelOption) else {}
            if (
                isinstance(option, ModelOption)
                and option.may_stand_alone
                and (word is None or not is_value(word, schema))
            ):
                yield "true"
            elif option is not None and option.shape in (OptionShape.LIST, OptionShape.MAPPING) and word is not None:
                yield word
                word = next(words, None)
                while word is not None and fits_too(word, option.shape, schema):
                    yield from (name, word)
                    word = next(words, None)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                group = parameter.group if isinstance(parameter, ModelOption) else "Options"
                groups.setdefault(group, []).append(record)
        for group in ("Options", *(name for name in groups if name != "Options")):
            if group in groups:
                with formatter.section(group):
                    formatter.write_dl(groups[group])


def model_options(*models: type[Options], without: Sequence[str] = ()) -> Callable[[Command], Command]:
    """Give a command all options of `models`, and those of Jina's that are understood, but for `without`."""

    def decorate(command: Command) -> Command:
        parameters: list[click.Option] = getattr(command, "__click_params__", [])
        taken = {*without, *(str(parameter.name) for parameter in parameters)}
        found: list[click.Option] = []
        for entry in (entry for model in models for entry in entries(model)):
            if entry.name not in taken:
                taken.add(entry.name)
                found.append(ModelOption(entry, entry.name, title(entry.group)))
        found += [OldOption(name) for name in OLD_NAMES if name not in taken and name.removeprefix("no_") not in taken]
        command.__click_params__ = [*reversed(found), *parameters]  # type: ignore[attr-defined]
        return command

    return decorate


OLD_NAMES = tuple(dict.fromkeys((*RENAMED, *TRANSLATED, "ssl_certfile", "ssl_keyfile", *NO_EFFECT, *REFUSED)))


def given_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, of all the options of a command, in today's words; old ones are told. Placeholders such as
    `${{ ENV.TOKEN }}` are filled in: a secret need not stand on the command line, where others see it."""
    from thalweg.config.source import read

    found = {
        name: value.value if isinstance(value, GivenValue) else value
        for name, value in values.items()
        if value not in (None, ()) or isinstance(value, GivenValue)
    }
    translated = modern(read(found).data, {*DeploymentOptions.model_fields, *GatewayOptions.model_fields})
    for old, reason in translated.refused.items():
        raise click.UsageError(f"--{old.replace('_', '-')}: {reason}.")
    for text in translated.told.values():
        click.echo(f"warning: {text}", err=True)
    return translated.values


def _metavar(entry: Entry, shape: OptionShape) -> str:
    if shape is OptionShape.MAPPING:
        return "KEY=VALUE..."
    words = {"text": "TEXT", "number": "NUMBER", "whole number": "NUMBER"}
    kind = entry.kind.removeprefix("list of ")
    many = "..." if shape is OptionShape.LIST else ""
    choices = _choices(entry.schema)
    return f"[{'|'.join(choices)}]{many}" if choices else f"{words.get(kind, 'VALUE')}{many}"


def _choices(schema: Mapping[str, Any]) -> list[str]:
    variants = [*schema.get("anyOf", ()), schema]
    items = [one["items"] for one in variants if isinstance(one.get("items"), Mapping)]
    return [str(choice) for one in (*variants, *items) for choice in one.get("enum", ())]


def _help(entry: Entry) -> str:
    inner = ""
    if entry.model is not None:
        inner = f" Keys: {', '.join(entry.model.model_fields)}."
    return f"{entry.text}{inner}{f' [default: {entry.default}]' if entry.default else ''}"
