"""`thalweg ping`: does it answer?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from thalweg.cli.calling.encryption import checked_address, encryption, encryption_options, with_scheme
from thalweg.cli.output import json_option, print_json

if TYPE_CHECKING:
    from thalweg.config import ClientTlsOptions

KINDS = ("executor", "gateway", "flow")


def _target(ctx: click.Context, parameter: click.Parameter, target: tuple[str, ...]) -> tuple[str, str]:
    match target:
        case (kind, address) if kind in KINDS:
            return kind, checked_address(ctx, parameter, address)
        case (address,) if address not in KINDS:
            return "service", checked_address(ctx, parameter, address)
        case (kind,):
            raise click.UsageError(f"Which {kind}? Give its address, such as grpc://localhost:50051.")
        case ():
            raise click.UsageError("Give an address, such as grpc://localhost:50051.")
    raise click.UsageError(f"{target[0]!r} is not one of {', '.join(KINDS)}.")


@click.command(
    "ping",
    epilog="""
\b
Exit codes:
    0  enough attempts were answered
    1  too few were
    2  the command line is wrong
""",
)
@click.argument("target", nargs=-1, metavar="[executor|gateway|flow] ADDRESS", callback=_target)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=3.0,
    metavar="SECONDS",
    help="For each; 3 by default.",
)
@click.option("--attempts", type=click.IntRange(min=1), default=1, metavar="N", help="How often to ask.")
@click.option(
    "--min-successful-attempts",
    "needed",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="How many must succeed.",
)
@click.option(
    "--interval",
    type=click.FloatRange(min=0),
    default=1.0,
    metavar="SECONDS",
    help="From one attempt's end to the next.",
)
@encryption_options
@json_option
def ping_command(
    target: tuple[str, str],
    timeout: float,
    attempts: int,
    needed: int,
    interval: float,
    as_json: bool,
    **encrypted: Any,
) -> None:
    """Ask a service whether it answers.

    ADDRESS is [SCHEME://]HOST:PORT with grpc, http or ws as the scheme, grpcs, https or wss where it is encrypted, or
    unix:///path; grpc where there is none. An executor or a gateway is asked whether it is ready, as its probe says. Of a
    flow each Executor is asked, through the Gateway, to run its probe: a dry run.

    \b
    thalweg ping grpc://localhost:50051
    thalweg ping flow https://example.org --timeout 10 --attempts 5 --min-successful-attempts 3
    """
    import asyncio

    kind, address = target
    if needed > attempts:
        raise click.BadParameter(
            f"{needed} of {attempts} attempts cannot succeed.", param_hint="--min-successful-attempts"
        )
    options = encryption(**encrypted)
    address = with_scheme(address, encrypted=options is not None)
    answered = 0
    for number in range(1, attempts + 1):
        problem, milliseconds = asyncio.run(_attempt(kind, address, timeout, options))
        answered += not problem
        if as_json:
            told = {"attempt": number, "address": address, "ok": not problem, "ms": round(milliseconds, 3)}
            print_json({**told, "problem": problem} if problem else told)
        else:
            _tell(kind, f"{number}/{attempts}: {address}" if attempts > 1 else address, problem, milliseconds)
        if answered >= needed:
            return
        if number < attempts:
            asyncio.run(asyncio.sleep(interval))
    raise SystemExit(1)


def _tell(kind: str, who: str, problem: str, milliseconds: float) -> None:
    if problem:
        click.echo(f"{who}: {problem}", err=True)
    else:
        click.echo(f"{who}: {'all Executors answer' if kind == 'flow' else 'ready'}, {milliseconds:.1f} ms")


async def _attempt(kind: str, address: str, timeout: float, tls: ClientTlsOptions | None) -> tuple[str, float]:
    """Ask once: what is wrong, empty where nothing is, and the milliseconds that it took."""
    import asyncio
    from time import perf_counter

    from thalweg.errors import ConfigurationError, ThalwegError

    begin = perf_counter()
    try:
        async with asyncio.timeout(timeout):
            found = await _asked(kind, address, timeout, tls)
    except TimeoutError:
        found = f"no answer within {timeout:g} s"
    except ConfigurationError:
        raise
    except ThalwegError as error:
        where = "" if not error.executor or error.executor in error.message else f" (Executor {error.executor})"
        found = f"{error.code}: {error}{where}"
    return found, (perf_counter() - begin) * 1000


async def _asked(kind: str, address: str, timeout: float, tls: ClientTlsOptions | None) -> str:
    """What is wrong; empty where nothing is."""
    from contextlib import aclosing

    from thalweg.message import Context, Request
    from thalweg.message.description import DRY_RUN_ENDPOINT
    from thalweg.transport import registry

    channel = registry.channel(address, tls=tls)
    try:
        await channel.connect()
        if kind == "flow":
            request = Request(DRY_RUN_ENDPOINT, (b'{"data": []}',))
            async with aclosing(channel.handle(request, Context.with_timeout(timeout))) as answers:
                async for _ in answers:
                    pass
            return ""
        return "" if await channel.ready() else f"the {kind} is there, but not ready"
    finally:
        await channel.close()
