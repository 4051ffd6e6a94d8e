"""`thalweg ping`: does it answer?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from thalweg.config import ClientTlsOptions

KINDS = ("executor", "gateway", "flow")
ENCRYPTED = {"grpc": "grpcs", "http": "https", "ws": "wss"}
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


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
@click.argument("target", nargs=-1, metavar="[executor|gateway|flow] ADDRESS")
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
@click.option("--tls", is_flag=True, help="Encrypt, as with grpcs://, https:// and wss://.")
@click.option("--ca", type=FILE, help="PEM file of the authorities to trust; the system's otherwise.")
@click.option("--certfile", type=FILE, help="PEM file of a certificate to show.")
@click.option("--keyfile", type=FILE, help="PEM file of its private key.")
@click.option("--no-verify", is_flag=True, help="Trust whoever answers. For tests only.")
def ping_command(
    target: tuple[str, ...],
    timeout: float,
    attempts: int,
    needed: int,
    interval: float,
    **encryption: Any,
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

    kind, address = _target(target)
    if needed > attempts:
        raise click.BadParameter(
            f"{needed} of {attempts} attempts cannot succeed.", param_hint="--min-successful-attempts"
        )
    options = _encryption(**encryption)
    address = _with_scheme(address, encrypted=options is not None)
    answered = 0
    for number in range(1, attempts + 1):
        answered += asyncio.run(
            _attempt(kind, address, timeout, options, f"{number}/{attempts}: " if attempts > 1 else "")
        )
        if answered >= needed:
            return
        if number < attempts:
            asyncio.run(asyncio.sleep(interval))
    raise SystemExit(1)


def _encryption(
    tls: bool, ca: Path | None, certfile: Path | None, keyfile: Path | None, no_verify: bool
) -> ClientTlsOptions | None:
    if not tls and not no_verify and ca is certfile is keyfile is None:
        return None
    from thalweg.config import ClientTlsOptions

    if keyfile is not None and certfile is None:
        raise click.UsageError("A --keyfile belongs to a --certfile; name that too.")
    return ClientTlsOptions(ca=ca, certfile=certfile, keyfile=keyfile, verify=not no_verify)


def _target(target: tuple[str, ...]) -> tuple[str, str]:
    match target:
        case (kind, address) if kind in KINDS:
            return kind, address
        case (address,) if address not in KINDS:
            return "service", address
        case (kind,):
            raise click.UsageError(f"Which {kind}? Give its address, such as grpc://localhost:50051.")
        case ():
            raise click.UsageError("Give an address, such as grpc://localhost:50051.")
    raise click.UsageError(f"{target[0]!r} is not one of {', '.join(KINDS)}.")


def _with_scheme(address: str, encrypted: bool) -> str:
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = "grpc", address
    return f"{ENCRYPTED.get(scheme, scheme) if encrypted else scheme}://{rest}"


async def _attempt(kind: str, address: str, timeout: float, tls: ClientTlsOptions | None, prefix: str) -> bool:
    """Ask once and say what came of it; whether it was an answer."""
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
    milliseconds = (perf_counter() - begin) * 1000
    if found:
        click.echo(f"{prefix}{address}: {found}", err=True)
        return False
    said = "all Executors answer" if kind == "flow" else "ready"
    click.echo(f"{prefix}{address}: {said}, {milliseconds:.1f} ms")
    return True


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
