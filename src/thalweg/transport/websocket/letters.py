"""The messages of `thalweg.json`; pure.

A caller writes, and `id` is whatever JSON text or number it likes (null where there is none):

    {"id": 1, "endpoint": "/encode", "data": [{"text": "hello"}], "parameters": {"top": 3}}
    {"id": 1, "cancel": true}

Beside those may stand `header` with `request_id`, `target_executor`, `timeout` (seconds) and `priority`, and `headers` with
what a request over HTTP would have as headers of its own; those of the opening handshake count for every request.

An answer has the `id`, and else what a body over HTTP has. `more` says that another message follows:

    {"id": 1, "data": [{"embedding": [0.1]}], "parameters": {}}

    {"id": 2, "more": true, "data": [{"token": "a"}], "parameters": {}}
    {"id": 2, "more": true, "data": [{"token": "b"}], "parameters": {}}
    {"id": 2, "more": false}

    {"id": 3, "error": {"detail": "...", "code": "endpoint_not_found", "request_id": "4f..", "executor": ""}}

`more` works the other way too. A request that has it goes on with the next message of its `id`, which needs no `endpoint`,
and ends with the first one that does not have it:

    {"id": 4, "endpoint": "/translate", "data": [{"text": "one"}], "more": true}
    {"id": 4, "data": [{"text": "two"}], "more": true}
    {"id": 4, "more": false}

Headers that an Executor sets are in `headers` of an answer. For an endpoint without an envelope `data` is its one document.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from thalweg.errors import MalformedRequest
from thalweg.message import JSON, Buffer, Response
from thalweg.message.status import Failure
from thalweg.transport.http.failures import encode_failure
from thalweg.transport.http.headers import LONGEST_TIMEOUT

LONGEST_ID = 128
"""Bytes of an `id` as JSON."""
NO_ID = b"null"
NOTHING: tuple[Buffer, ...] = ()


class LetterHeader(msgspec.Struct):
    """The `header` of a request; names of Jina's first version count as well."""

    request_id: str | None = None
    target_executor: str | None = None
    timeout: float | None = None
    priority: int = 0
    requestId: str | None = None
    targetExecutor: str | None = None


class CallerLetter(msgspec.Struct):
    """A message of a caller."""

    id: msgspec.Raw = msgspec.Raw(NO_ID)
    endpoint: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    parameters: msgspec.Raw = msgspec.Raw(b"")
    header: LetterHeader | None = None
    headers: dict[str, str] = {}
    cancel: bool = False
    more: bool = False
    execEndpoint: str = ""
    targetExecutor: str = ""
    target_executor: str = ""

    @property
    def key(self) -> bytes:
        return bytes(self.id)

    @property
    def path(self) -> str:
        """The endpoint, with the slash that begins it."""
        path = self.endpoint or self.execEndpoint
        return path if path.startswith("/") or not path else f"/{path}"

    @property
    def target(self) -> str:
        header = self.header or LetterHeader()
        return header.target_executor or header.targetExecutor or self.target_executor or self.targetExecutor

    @property
    def request_id(self) -> str:
        header = self.header or LetterHeader()
        return header.request_id or header.requestId or ""

    @property
    def timeout(self) -> float | None:
        """Seconds. Raises `MalformedRequest`."""
        timeout = self.header.timeout if self.header is not None else None
        if timeout is None:
            return None
        if timeout < 0:
            raise MalformedRequest(f"header.timeout is {timeout}; it takes a number of seconds, such as 2.5.")
        return min(timeout, LONGEST_TIMEOUT)

    def body(self, envelope: bool) -> tuple[Buffer, ...]:
        """Its documents and parameters, as the body of a request over HTTP would have them."""
        if not envelope:
            return (bytes(self.data) or b"{}",)
        data, parameters = bytes(self.data), bytes(self.parameters)
        if not parameters:
            return (b'{"data":' + data + b"}" if data else b"{}",)
        if not data:
            return (b'{"parameters":' + parameters + b"}",)
        return (b'{"data":' + data + b',"parameters":' + parameters + b"}",)


_decode = msgspec.json.Decoder(CallerLetter).decode


def read_letter(text: bytes) -> CallerLetter:
    """Raises `MalformedRequest`, with what is wrong and where."""
    try:
        letter = _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest(
            f'The message is not one of {{"id": ..., "endpoint": "/...", "data": [...], "parameters": {{...}}}}: {error}'
        ) from None
    identity = letter.key
    if len(identity) > LONGEST_ID or identity[:1] in b"[{tf" or not _is_utf8(identity):
        raise MalformedRequest(f"An id is a JSON text or number of at most {LONGEST_ID} bytes, or null.")
    return letter


def _is_utf8(text: bytes) -> bool:
    """Not looked at by what finds the end of a value."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def answer_letter(key: bytes, response: Response, *, more: bool, envelope: bool) -> bytes:
    """The message that carries `response`."""
    body = _joined(response.body)
    start = b'{"id":' + key + (b',"more":true' if more else b"")
    if response.headers:
        start += b',"headers":' + msgspec.json.encode(response.headers)
    if not envelope:
        return start + b',"data":' + body + b"}"
    if response.content_type != JSON or response.parameters:
        body = _with_parameters(body, response.parameters)
    inside = body.strip()[1:-1]
    return start + b"," + inside + b"}" if inside.strip() else start + b"}"


def _with_parameters(body: bytes, beside: dict[str, Any]) -> bytes:
    found = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    own = msgspec.json.decode(found.get("parameters", msgspec.Raw(b"{}")), type=dict[str, Any])
    return msgspec.json.encode({**found, "parameters": {**beside, **own}}, enc_hook=str)


def end_letter(key: bytes) -> bytes:
    """The last message of an answer that has no more documents."""
    return b'{"id":' + key + b',"more":false}'


def failure_letter(key: bytes, failure: Failure) -> bytes:
    """The last message of an answer that failed."""
    return b'{"id":' + key + b',"error":' + encode_failure(failure) + b"}"


def _joined(parts: Sequence[Buffer]) -> bytes:
    return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)
