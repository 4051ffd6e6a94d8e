"""How commands print: for people, with colours where a terminal shows them, or as JSON for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

UNBROKEN = 1000
"""Characters in a line where no terminal has an edge."""
F = TypeVar("F", bound=Callable[..., Any])


def _remember(ctx: click.Context, parameter: click.Parameter, value: bool) -> bool:
    """Errors are told as JSON too where the answer is."""
    ctx.meta["json"] = value
    return value


def json_option(command: F) -> F:
    """`--json`, which the command is given as `as_json`. Its errors are JSON on standard error then."""
    return click.option("--json", "as_json", is_flag=True, callback=_remember, help="Print JSON, for programs.")(
        command
    )


def print_json(value: Any) -> None:
    """`value` as one line of JSON, at once."""
    import json

    click.echo(json.dumps(value, ensure_ascii=False))
    sys.stdout.flush()


def coloured(stream: Any = None) -> bool:
    """Whether colours are wanted on `stream`, standard output where it is None: on a terminal that shows them, unless
    NO_COLOR is set (https://no-color.org)."""
    stream = sys.stdout if stream is None else stream
    return bool(not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty())


def console() -> Console:
    """For tables; neither reads markup in what services say nor colours numbers. Into a pipe or a file lines go whole."""
    from rich.console import Console

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else UNBROKEN
    return Console(highlight=False, markup=False, no_color=not coloured(), soft_wrap=False, width=width)


def as_bytes(count: float) -> str:
    """`12 MB`, in units of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 999.5:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def as_seconds(seconds: float) -> str:
    """`850 µs`, `12.3 ms`, `4.56 s`."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def as_age(seconds: float) -> str:
    """`12 s`, `3 min`, `5 h`, `2 d`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"
