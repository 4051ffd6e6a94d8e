"""`thalweg call`: one request, and its answer as JSON."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from thalweg.cli.failure import EXIT_CODES

if TYPE_CHECKING:
    from thalweg.message import Request


def _json(text: str, what: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"{what} is not JSON: {error}") from error


def _documents(ctx: click.Context, parameter: click.Parameter, value: str | None) -> list[Any]:
    """The documents that the argument names: JSON, `-` for standard input, `@path` for a file."""
    if value is None:
        return []
    if value == "-":
        value = sys.stdin.read()
    elif value.startswith("@"):
        try:
            with open(value[1:], encoding="utf-8") as file:
                value = file.read()
        except (OSError, UnicodeDecodeError) as error:
            raise click.BadParameter(f"{value[1:]} cannot be read: {error}") from error
    found = _json(value, "DATA")
    documents = found if isinstance(found, list) else [found]
    if not all(isinstance(document, dict) for document in documents):
        raise click.BadParameter("DATA must be one JSON object, or a list of them.")
    return documents


def _parameters(ctx: click.Context, parameter: click.Parameter, value: str) -> dict[str, Any]:
    found = _json(value, "--parameters")
    if not isinstance(found, dict):
        raise click.BadParameter("It must be a JSON object.")
    return found


def _headers(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    headers = {}
    for line in value:
        name, colon, text = line.partition(":")
        if not colon or not name.strip():
            raise click.BadParameter(f"{line!r} is no header: write 'name: value'.")
        headers[name.strip().lower()] = text.strip()
    return headers


@click.command("call", epilog=EXIT_CODES)
@click.argument("address")
@click.argument("endpoint")
@click.argument("documents", metavar="[DATA]", required=False, callback=_documents)
@click.option("--parameters", default="{}", metavar="JSON", callback=_parameters, help="Parameters of the endpoint.")
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", callback=_headers, help="May be repeated.")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Give up after so long."
)
@click.option("--target", default="", metavar="REGEX", help="Only Executors whose whole name matches do their work.")
def call_command(
    address: str,
    endpoint: str,
    documents: list[Any],
    parameters: dict[str, Any],
    headers: Mapping[str, str],
    timeout: float | None,
    target: str,
) -> None:
    """Send documents to an endpoint and print the answer as JSON.

    ADDRESS is http://host:port, grpc://host:port or unix:///path, ENDPOINT a path such as /encode. DATA is one JSON
    object or a list of them; - reads it from standard input, @FILE from a file. Each answer is one line; a streaming
    endpoint prints its items as they come.

    \b
    thalweg call http://localhost:8080 /encode '{"text": "hi"}'
    thalweg call grpc://localhost:50051 /search @queries.json --parameters '{"limit": 5}'
    """
    import asyncio
    import json

    from thalweg.message import Request

    if not endpoint.startswith("/"):
        raise click.BadParameter(f"An endpoint begins with '/': did you mean '/{endpoint}'?", param_hint="'ENDPOINT'")
    body = json.dumps({"data": documents, "parameters": parameters}).encode()
    asyncio.run(_print_answers(address, Request(endpoint, (body,), target=target), headers, timeout))


async def _print_answers(address: str, request: Request, headers: Mapping[str, str], timeout: float | None) -> None:
    import asyncio
    from contextlib import aclosing
    from typing import cast

    from thalweg.errors import DeadlineExceeded
    from thalweg.message import Context
    from thalweg.transport import registry

    context = Context.with_timeout(timeout, metadata=dict(headers))
    channel = registry.channel(address)
    try:
        try:
            async with asyncio.timeout(timeout):
                await channel.connect()
        except TimeoutError:
            raise DeadlineExceeded(f"No connection to {address} within {timeout:g} s.") from None
        async with aclosing(cast(Any, channel.handle(request, context))) as answers:
            async for answer in answers:
                click.echo(b"".join(answer.body))
    finally:
        await channel.close()
