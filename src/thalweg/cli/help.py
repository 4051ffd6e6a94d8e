"""`thalweg help`: every option and command, by name or by a word of its description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import click

TOPICS = ("flow", "gateway", "executor", "deployment", "client")


def _complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from thalweg.cli.commands import COMMANDS

    return [name for name in (*TOPICS, *COMMANDS) if name.startswith(incomplete)]


@click.command("help", context_settings={"ignore_unknown_options": True})
@click.argument("query", nargs=-1, shell_complete=_complete)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def help_command(query: tuple[str, ...], as_json: bool) -> None:
    """Tell what options and commands there are.

    QUERY is flow, gateway, executor, deployment or client, for all options of it; the name of a command, of an option, or of
    a group of options such as Limits; an option of Jina; or words, which are searched for in names and descriptions.

    \b
    thalweg help deployment
    thalweg help max_inflight
    thalweg help how many replicas

    Ends with 1 where nothing is found.
    """
    found = list(_found(" ".join(query).strip()))
    if as_json:
        click.echo(json.dumps([one for one in found if "option" in one or "command" in one], indent=2))
    else:
        click.echo("\n".join(_lines(found)) if found else _nothing(" ".join(query)))
    if not found:
        raise SystemExit(1)


def _found(query: str) -> Iterator[dict[str, Any]]:
    """What `query` means: options and commands as they are told, each with the heading that it stands under."""
    from thalweg.cli.commands import COMMANDS
    from thalweg.config.catalogue import TOPICS as MODELS
    from thalweg.config.catalogue import entries, nested, title, topic

    if not query:
        for name, (where, _) in MODELS.items():
            yield {"heading": "Options: thalweg help TOPIC", "topic": name, "text": where}
        for name, command in COMMANDS.items():
            yield {"heading": "Commands: thalweg COMMAND --help", "command": name, "text": command.purpose}
        return
    name = query.strip("-").replace("-", "_")
    if name.lower() in MODELS:
        for entry in topic(name.lower()):
            yield _option(entry, title(entry.group), name.lower())
        return
    groups = {group.lower(): model for group, model in nested().items()}
    if name.lower() in groups:
        model = groups[name.lower()]
        for entry in entries(model):
            yield _option(entry, title(model), model.__name__)
        return
    if query in COMMANDS:
        yield {"heading": "Commands: thalweg COMMAND --help", "command": query, "text": COMMANDS[query].purpose}
    named = list(_options(lambda entry: entry.name == name))
    yield from named
    if not named and query not in COMMANDS:
        yield from _old(name)
        yield from _searched(query)


def _options(chosen: Any) -> Iterator[dict[str, Any]]:
    """Every option that `chosen` takes, once, with all places that it is an option of."""
    from thalweg.config.catalogue import TOPICS as MODELS
    from thalweg.config.catalogue import entries, nested, topic

    places: dict[tuple[str, str], dict[str, Any]] = {}
    every = [(name, topic(name)) for name in MODELS]
    every += [(name, entries(model)) for name, model in nested().items()]
    for where, options in every:
        for entry in options:
            if chosen(entry):
                known = places.setdefault((entry.name, entry.text), _option(entry, "", where))
                known["of"] = list(dict.fromkeys([*known["of"], where]))
    for option in places.values():
        option["heading"] = f"Of {', '.join(option['of'])}"
        yield option


def _searched(query: str) -> Iterator[dict[str, Any]]:
    from thalweg.cli.commands import COMMANDS

    words = query.lower().split()
    for name, entry in COMMANDS.items():
        if all(word in f"{name} {entry.purpose}".lower() for word in words):
            yield {"heading": "Commands: thalweg COMMAND --help", "command": name, "text": entry.purpose}
    yield from _options(lambda entry: all(word in f"{entry.name} {entry.text}".lower() for word in words))


def _old(name: str) -> Iterator[dict[str, Any]]:
    """What became of an argument of Jina's."""
    from thalweg.config.spellings import NO_EFFECT, REFUSED, RENAMED, TRANSLATED

    heading = "Of Jina"
    if name in RENAMED:
        yield {"heading": heading, "option": name, "text": f"Write {RENAMED[name]}."}
    elif name in TRANSLATED:
        yield {"heading": heading, "option": name, "text": f"Write {TRANSLATED[name].ours}."}
    elif name in NO_EFFECT:
        yield {"heading": heading, "option": name, "text": f"Has no effect: {NO_EFFECT[name]}."}
    elif name in REFUSED:
        yield {"heading": heading, "option": name, "text": f"Is refused: {REFUSED[name]}."}


def _option(entry: Any, heading: str, where: str) -> dict[str, Any]:
    kind = entry.model.__name__ if entry.model is not None else ""
    return {
        "heading": heading,
        "option": entry.name,
        "of": [where],
        "takes": entry.kind,
        "default": entry.default,
        "text": entry.text,
        "more": kind,
    }


def _lines(found: list[dict[str, Any]]) -> Iterator[str]:
    heading = None
    formatter = click.HelpFormatter(width=100)
    rows: list[tuple[str, str]] = []
    for one in [*found, {"heading": None}]:
        if one["heading"] != heading:
            if rows:
                with formatter.section(str(heading)):
                    formatter.write_dl(rows, col_max=28)
            heading, rows = one["heading"], []
        if "text" in one:
            rows.append((one.get("option") or one.get("command") or one.get("topic", ""), _told(one)))
    yield formatter.getvalue().rstrip("\n")


def _told(one: dict[str, Any]) -> str:
    parts = [str(one["text"])]
    if one.get("takes"):
        default = f"; {one['default']} by default" if one.get("default") else ""
        parts.append(f"({one['takes']}{default})")
    if one.get("more"):
        parts.append(f"See: thalweg help {one['more']}")
    return " ".join(parts)


def _nothing(query: str) -> str:
    from thalweg.cli.commands import COMMANDS
    from thalweg.config.catalogue import TOPICS as MODELS
    from thalweg.config.catalogue import topic

    known = {entry.name for name in MODELS for entry in topic(name)} | set(COMMANDS) | set(MODELS)
    near = get_close_matches(query.strip("-").replace("-", "_"), sorted(known), n=3)
    return f"There is nothing about {query!r}." + (f" Did you mean {', '.join(near)}?" if near else "")
