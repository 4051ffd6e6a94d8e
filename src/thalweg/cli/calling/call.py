"""`thalweg call`: one request, and its answers."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from thalweg.cli.calling.encryption import checked_address, encryption, encryption_options, with_scheme
from thalweg.cli.failure import EXIT_CODES
from thalweg.cli.output import coloured, json_option

if TYPE_CHECKING:
    from thalweg.message import Request
    from thalweg.transport.contract import Channel


LINES_AHEAD = 16
"""Lines of standard input that are read before the service takes them."""


def _json(text: str, what: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"{what} is not JSON: {error}") from error


def _documents(ctx: click.Context, parameter: click.Parameter, value: str | None) -> list[Any]:
    """The documents that the argument names: JSON, `-` for standard input, `@path` for a file; one or a list, or one on
    each line."""
    if value is None:
        return []
    if value == "-":
        if ctx.params.get("stream"):
            return []
        value = sys.stdin.read()
    elif value.startswith("@"):
        try:
            value = Path(value[1:]).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise click.BadParameter(f"{value[1:]} cannot be read: {error}") from error
    lines = [line for line in value.splitlines() if line.strip()]
    if len(lines) > 1 and all(line.lstrip().startswith("{") and line.rstrip().endswith("}") for line in lines):
        found = [_json(line, "DATA") for line in lines]
    else:
        found = _json(value, "DATA")
    documents = found if isinstance(found, list) else [found]
    if not all(isinstance(document, dict) for document in documents):
        raise click.BadParameter("DATA must be one JSON object, or a list of them.")
    return documents


def parse_parameters(ctx: click.Context, parameter: click.Parameter, value: str) -> dict[str, Any]:
    """A JSON object."""
    found = _json(value, "--parameters")
    if not isinstance(found, dict):
        raise click.BadParameter("It must be a JSON object.")
    return found


def parse_headers(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    """Lines such as `name: value`."""
    headers = {}
    for line in value:
        name, colon, text = line.partition(":")
        if not colon or not name.strip():
            raise click.BadParameter(f"{line!r} is no header: write 'name: value'.")
        headers[name.strip().lower()] = text.strip()
    return headers


def _fields(value: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for word in value:
        name, equals, path = word.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{word!r} names no field: write field=path.")
        yield name, Path(path)


def _contents(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    """Field -> what is in the file: text as it is, other files in base64, as JSON carries bytes."""
    import base64

    found = {}
    for name, path in _fields(value):
        try:
            data = path.read_bytes()
            found[name] = data.decode() if parameter.name == "texts" else base64.urlsafe_b64encode(data).decode()
        except (OSError, UnicodeDecodeError) as error:
            raise click.BadParameter(f"{path} cannot be read: {error}") from error
    return found


@click.command("call", epilog=EXIT_CODES)
@click.argument("address", callback=checked_address)
@click.argument("endpoint")
@click.option(
    "--stream", is_flag=True, is_eager=True, help="Send documents of standard input as they come, one a line."
)
@click.argument("documents", metavar="[DATA]", required=False, callback=_documents)
@click.option("--parameters", default="{}", metavar="JSON", callback=parse_parameters, help="Of the endpoint.")
@click.option("-p", "--parameter", "pairs", multiple=True, metavar="KEY=VALUE", help="One of them; may be repeated.")
@click.option(
    "--header", "headers", multiple=True, metavar="'NAME: VALUE'", callback=parse_headers, help="May be repeated."
)
@click.option("--file", "files", multiple=True, metavar="FIELD=PATH", callback=_contents, help="A field of bytes.")
@click.option("--text", "texts", multiple=True, metavar="FIELD=PATH", callback=_contents, help="A field of text.")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Give up after so long."
)
@click.option("--target", default="", metavar="REGEX", help="Only Executors whose whole name matches do their work.")
@encryption_options
@json_option
def call_command(
    address: str,
    endpoint: str,
    stream: bool,
    documents: list[Any],
    parameters: dict[str, Any],
    pairs: tuple[str, ...],
    **given: Any,
) -> None:
    """Send documents to an endpoint and print the answers.

    ADDRESS is http://, grpc:// or ws://host:port, or unix:///path; ENDPOINT a path such as /encode. DATA is one JSON
    object, a list of them, or one on each line; - reads it from standard input, @FILE from a file. --file and --text add
    what is in files to every document, or make one of it.

    Each answer is one line of JSON, and an endpoint that streams prints its items as they come; on a terminal they are
    set out for reading, unless --json is given.

    \b
    thalweg call http://localhost:8080 /encode '{"text": "hi"}'
    thalweg call grpc://localhost:50051 /search @queries.json -p limit=5
    thalweg call http://localhost:8080 /describe --file image=photo.jpg
    tail -f log.jsonl | thalweg call grpc://localhost:50051 /classify - --stream
    """
    import asyncio
    import json

    from thalweg.cli.target import pairs as parsed_pairs
    from thalweg.message import Request

    if not endpoint.startswith("/"):
        raise click.BadParameter(f"An endpoint begins with '/': did you mean '/{endpoint}'?", param_hint="'ENDPOINT'")
    parameters = {**parameters, **parsed_pairs(pairs)}
    fields = {**given.pop("files"), **given.pop("texts")}
    documents = [{**document, **fields} for document in documents or ([{}] if fields else [])]
    body = json.dumps({"data": documents, "parameters": parameters}).encode()
    request = Request(endpoint, (body,), target=given.pop("target"))
    if stream:
        request = Request(
            endpoint, (), parameters=parameters, target=request.target, inflow=_inflow(fields, parameters)
        )
    headers, timeout, as_json = given.pop("headers"), given.pop("timeout"), given.pop("as_json")
    tls = encryption(**given)
    if tls is not None:
        address = with_scheme(address, encrypted=True)
    asyncio.run(_call(address, request, headers, timeout, tls, pretty=coloured() and not as_json))


async def _inflow(fields: Mapping[str, Any], parameters: Mapping[str, Any]) -> AsyncGenerator[tuple[bytes, ...], None]:
    """A payload for each line of standard input, when it is there."""
    import json

    from thalweg.errors import MalformedRequest

    async for line in _lines():
        try:
            document = json.loads(line)
        except ValueError as error:
            raise MalformedRequest(f"A line of standard input is not JSON: {error}.") from None
        if not isinstance(document, dict):
            raise MalformedRequest("Each line of standard input must be one JSON object.")
        yield (json.dumps({"data": [{**document, **fields}], "parameters": parameters}).encode(),)


async def _lines() -> AsyncGenerator[str, None]:
    """The lines of standard input, as they come. A thread of their own reads them, which the end of the program does not
    wait for: the service may have said all it has to say while somebody still types."""
    import asyncio
    import threading

    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue(LINES_AHEAD)

    def read() -> None:
        while True:
            line = sys.stdin.readline()
            asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()
            if not line:
                return

    threading.Thread(target=read, name="standard input", daemon=True).start()
    while line := await lines.get():
        if line.strip():
            yield line


async def _call(
    address: str, request: Request, headers: Mapping[str, str], timeout: float | None, tls: Any, *, pretty: bool
) -> None:
    import asyncio
    from contextlib import aclosing
    from typing import cast

    from thalweg.errors import DeadlineExceeded
    from thalweg.message import Context
    from thalweg.transport import registry

    context = Context.with_timeout(timeout, metadata=dict(headers))
    channel: Channel = registry.channel(address, tls=tls)
    try:
        try:
            async with asyncio.timeout(timeout):
                await channel.connect()
        except TimeoutError:
            raise DeadlineExceeded(f"No connection to {address} within {timeout:g} s.") from None
        async with aclosing(cast(Any, channel.handle(request, context))) as answers:
            async for answer in answers:
                _print(b"".join(answer.body), pretty)
    finally:
        await channel.close()


def _print(answer: bytes, pretty: bool) -> None:
    if not pretty:
        click.echo(answer)
        return
    from rich.console import Console

    Console(soft_wrap=True).print_json(answer.decode())
