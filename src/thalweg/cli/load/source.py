"""What requests of a load hold: documents from a file, or made up after what the service says of its endpoint."""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

from thalweg.cli.load.generation import Generator
from thalweg.errors import ConfigurationError, EndpointNotFound, ThalwegError, Unavailable

VARIANTS = 64
"""Different requests that are made up; then the first one comes again."""
DESCRIBE_SECONDS = 10.0
OPENAPI_BYTES = 16 << 20


def read_documents(path: Path) -> list[dict[str, Any]]:
    """Documents of a file: one JSON object, a list of them, or one on each line.

    Raises:
        ConfigurationError: the file cannot be read, or holds something else.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from None
    try:
        found = json.loads(text)
    except ValueError:
        found = [_parsed(line, f"{path}:{number}") for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    documents = found if isinstance(found, list) else [found]
    if not documents or not all(isinstance(document, dict) for document in documents):
        raise ConfigurationError(f"{path} must hold JSON objects: one, a list of them, or one on each line.")
    return documents


def _parsed(line: str, where: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ConfigurationError(f"{where}: {error}.") from None


async def made_up(address: str, endpoint: str, size: int, seed: int) -> list[list[dict[str, Any]]]:
    """Requests of `size` documents each that fit what the endpoint takes.

    Raises:
        EndpointNotFound: the service has no such endpoint.
        ConfigurationError: it does not say what the endpoint takes, or that cannot be made up.
    """
    try:
        async with asyncio.timeout(DESCRIBE_SECONDS):
            schema, document = await _schema(address, endpoint)
    except TimeoutError:
        raise Unavailable(f"{address} does not say what it takes within {DESCRIBE_SECONDS:g} s.") from None
    generate = Generator(schema, seed, document)
    try:
        return [[generate() for _ in range(size)] for _ in range(VARIANTS)]
    except (ValueError, KeyError) as error:
        raise ConfigurationError(
            f"Documents for {endpoint} cannot be made up: {error}. Give some with --data."
        ) from None


async def _schema(address: str, endpoint: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The schema of one document of the endpoint, and what its references are looked up in."""
    scheme, _, rest = address.partition("://")
    if scheme in ("grpc", "grpcs"):
        return await _by_grpc(address, endpoint), None
    if scheme == "unix":
        raise ConfigurationError(f"A socket does not say what {endpoint} takes: give documents with --data.")
    page = f"{'https' if scheme in ('https', 'wss') else 'http'}://{rest.rstrip('/')}/openapi.json"
    return await _by_openapi(page, endpoint)


async def _by_grpc(address: str, endpoint: str) -> dict[str, Any]:
    from thalweg.transport.grpc.client import GrpcChannel
    from thalweg.transport.registry import channel

    opened = channel(address)
    assert isinstance(opened, GrpcChannel)
    try:
        await opened.connect()
        described = await opened.describe()
    finally:
        await opened.close()
    found = described.find(endpoint)
    if found is None:
        raise _unknown(endpoint, [one.path for one in described.endpoints])
    return found.input_schema or {"type": "object", "properties": {"text": {"type": "string"}}}


async def _by_openapi(page: str, endpoint: str) -> tuple[dict[str, Any], dict[str, Any]]:
    import aiohttp

    try:
        async with aiohttp.ClientSession() as session, session.get(page) as answer:
            if answer.status != 200:
                raise ConfigurationError(f"{page} answers {answer.status}: give documents with --data.")
            document = json.loads(await answer.content.read(OPENAPI_BYTES))
    except (aiohttp.ClientConnectionError, OSError) as error:
        raise Unavailable(f"Nobody answers at {page}: {error}.") from None
    except (aiohttp.ClientError, ValueError) as error:
        raise ConfigurationError(f"{page} cannot be understood ({error}): give documents with --data.") from None
    paths = document.get("paths", {})
    operation = paths.get(endpoint, {}).get("post")
    if operation is None:
        raise _unknown(endpoint, [path for path, one in paths.items() if "post" in one])
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return _document_of(body, document), document


def _document_of(body: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """The schema of one document inside of the envelope `{"data": [...]}`."""
    for schema in _alternatives(body, document):
        data = schema.get("properties", {}).get("data")
        for variant in _alternatives(data, document) if data else ():
            if variant.get("type") == "array" and "items" in variant:
                items: dict[str, Any] = variant["items"]
                return items
    return {"type": "object", "properties": {"text": {"type": "string"}}}


def _alternatives(schema: dict[str, Any], document: dict[str, Any]) -> list[dict[str, Any]]:
    while "$ref" in schema:
        found: Any = document
        for part in str(schema["$ref"]).removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        schema = found
    parts = itertools.chain.from_iterable(schema.get(word, ()) for word in ("anyOf", "oneOf"))
    return [schema, *(one for part in parts for one in _alternatives(part, document))]


def _unknown(endpoint: str, known: list[str]) -> ThalwegError:
    return EndpointNotFound(f"There is no endpoint {endpoint}; there are {', '.join(sorted(known)) or 'none'}.")
