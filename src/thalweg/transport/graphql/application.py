"""The ASGI application: https://graphql.github.io/graphql-over-http by `GET` and `POST`, and the page."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from math import ceil
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from thalweg.config import GraphqlOptions
from thalweg.errors import InternalError, MalformedRequest, PayloadTooLarge, ThalwegError, UnsupportedContent
from thalweg.message import Context
from thalweg.message.status import http_status, to_failure
from thalweg.transport.admission import Admission
from thalweg.transport.contract import Receive, Scope, Send, Serving
from thalweg.transport.graphql.page import asset, page
from thalweg.transport.graphql.query import Asked, Engine, QueryRefused, told_error
from thalweg.transport.http import headers as fields
from thalweg.transport.http.failures import encode_failure
from thalweg.transport.http.headers import Metadata

log = logging.getLogger("thalweg.server")

JSON = b"application/json"
RESULT = b"application/graphql-response+json"
"""Says that the HTTP status tells of errors, too."""
HTML = b"text/html"


class _Body(msgspec.Struct):
    query: str
    variables: dict[str, Any] | None = None
    operationName: str | None = None
    extensions: dict[str, Any] | None = None


_read_body = msgspec.json.Decoder(_Body).decode


class GraphqlApplication:
    """Answers one path, and shows the files of its page below it."""

    def __init__(self, serving: Serving, options: GraphqlOptions) -> None:
        self._serving = serving
        self._options = options
        self._engine = Engine(serving, options)
        self._admission = Admission(serving.limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = _Request(scope)
        try:
            await self._answer(request, receive, send)
        except ThalwegError as error:
            await _fail(send, error, request.context)
        except Exception as error:
            log.error("request %s failed unexpectedly", request.context.request_id, exc_info=error)
            await _fail(send, InternalError("An unexpected error; the server's log has it."), request.context)

    async def _answer(self, request: _Request, receive: Receive, send: Send) -> None:
        rest = request.path.rpartition(self._options.path)[2]
        if rest.strip("/"):
            found = asset(rest.strip("/")) if self._options.page else None
            if found is None:
                await _write(send, 404, JSON, b'{"detail":"There is no such file.","code":"not_found"}')
            else:
                kind, content = found
                await _write(send, 200, kind, content, [(b"cache-control", b"max-age=3600")])
            return
        if request.method not in ("GET", "HEAD", "POST"):
            content = b'{"detail":"GraphQL comes by GET or POST.","code":"client_error"}'
            await _write(send, 405, JSON, content, [(b"allow", b"GET, POST")])
        elif request.method != "POST" and self._options.page and HTML in request.accept:
            await _write(send, 200, b"text/html; charset=utf-8", page(self._serving, self._options.path))
        else:
            await self._run(request, receive, send)

    async def _run(self, request: _Request, receive: Receive, send: Send) -> None:
        timeout = request.timeout if request.timeout is not None else self._serving.timeout
        context = request.context
        context.deadline = None if timeout is None else monotonic() + timeout
        self._admission.admit(0)
        try:
            asked = await self._asked(request, receive)
            given: dict[str, str] = {}
            work = asyncio.ensure_future(self._engine.run(asked, context, given, reading=request.method != "POST"))
            gone = asyncio.ensure_future(_departure(receive))
            try:
                await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    return  # the caller has left
                try:
                    result, ran = work.result(), True
                except QueryRefused as refused:
                    result, ran = {"errors": [told_error(error, context) for error in refused.errors]}, False
            finally:
                for task in (work, gone):
                    task.cancel()
                await asyncio.gather(work, gone, return_exceptions=True)
        finally:
            self._admission.release(0)
        modern = RESULT in request.accept
        extra = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
        if context.given_request_id:
            extra.append((b"x-request-id", context.given_request_id.encode()))
        body = msgspec.json.encode(result, enc_hook=str)
        await _write(send, 400 if modern and not ran else 200, RESULT if modern else JSON, body, extra)

    async def _asked(self, request: _Request, receive: Receive) -> Asked:
        if request.method != "POST":
            return self._asked_by_url(request)
        if request.content_type.partition(b";")[0].strip().lower() != JSON:
            raise UnsupportedContent("A query comes as application/json: {'query': ..., 'variables': {...}}.")
        data = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                raise MalformedRequest("The caller left.")
            data += message.get("body", b"")
            more = message.get("more_body", False)
            self._check_size(len(data))
        try:
            body = _read_body(bytes(data))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedRequest(f"The body is none of {{'query': ..., 'variables': {{...}}}}: {error}") from None
        return Asked(body.query, body.variables or {}, body.operationName)

    def _asked_by_url(self, request: _Request) -> Asked:
        self._check_size(len(request.query))
        try:
            found = dict(parse_qsl(request.query.decode("ascii"), max_num_fields=16))
            variables = msgspec.json.decode(found.get("variables") or "{}", type=dict[str, Any])
        except (ValueError, msgspec.MsgspecError) as error:
            raise MalformedRequest(f"The query string is none of query=...&variables=...: {error}") from None
        if not found.get("query"):
            raise MalformedRequest("There is no query.")
        return Asked(found["query"], variables, found.get("operationName"))

    def _check_size(self, size: int) -> None:
        if size > self._options.max_bytes:
            raise PayloadTooLarge(f"The query has more than {self._options.max_bytes} bytes, which is most.")


class _Request:
    """What the head of a request says."""

    def __init__(self, scope: Scope) -> None:
        lines: list[tuple[bytes, bytes]] = [(name.lower(), value) for name, value in scope["headers"]]
        found = dict(lines)
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope.get("query_string", b"")
        self.accept = found.get(b"accept", b"")
        self.content_type = found.get(b"content-type", b"")
        timeout = found.get(fields.TIMEOUT.encode())
        self.timeout = fields.parsed_timeout(timeout) if timeout else None
        self.context = Context(
            metadata=Metadata(lines),
            trace=found.get(fields.TRACE.encode(), b"").decode("latin-1"),
            request_id=fields.parsed_request_id(found.get(fields.REQUEST_ID.encode(), b"")),
        )


async def _departure(receive: Receive) -> None:
    """Return when the caller has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _fail(send: Callable[[Any], Awaitable[None]], error: ThalwegError, context: Context) -> None:
    """A request that is no query at all: the body of an error, which GraphQL's clients find in `errors`, too."""
    failure = to_failure(error, context.request_id)
    body = msgspec.json.decode(encode_failure(failure))
    told = {**body, "errors": [{"message": failure.message, "extensions": body}]}
    lines = [(b"x-request-id", failure.request_id.encode())]
    if error.retry_after is not None:
        lines.append((b"retry-after", b"%d" % max(1, ceil(error.retry_after))))
    await _write(send, http_status(error), JSON, msgspec.json.encode(told), lines)


async def _write(
    send: Callable[[Any], Awaitable[None]],
    status: int,
    content_type: bytes,
    body: bytes,
    lines: list[tuple[bytes, bytes]] | None = None,
) -> None:
    all_lines = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        (b"x-content-type-options", b"nosniff"),
        *(lines or ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": all_lines})
    await send({"type": "http.response.body", "body": body})
