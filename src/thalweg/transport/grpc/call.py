"""The plain call: one request in one message, for people and for other languages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from time import monotonic
from typing import Any

import grpc
import msgspec
from grpc import aio

from thalweg.errors import MalformedRequest
from thalweg.message import JSON, Context, Request, Response
from thalweg.message.proto.gateway import CallRequest, CallResponse
from thalweg.message.proto.structure import plain
from thalweg.transport.grpc.failure import REQUEST_ID_KEY, abort, message_reader, readable_message
from thalweg.transport.grpc.ongoing import Ongoing

TRACE_KEY = "traceparent"

_NAME = re.compile(r"(?!grpc-|:)[a-z0-9_.-]+(?<!-bin)\Z")


class Calls:
    """Answers plain calls of one server."""

    def __init__(self, ongoing: Ongoing) -> None:
        self._ongoing = ongoing

    def method(self) -> grpc.RpcMethodHandler[Any, Any]:
        return grpc.unary_stream_rpc_method_handler(
            self._call,
            request_deserializer=message_reader(CallRequest),
            response_serializer=CallResponse.SerializeToString,
        )

    async def _call(self, message: Any, rpc: aio.ServicerContext[Any, Any]) -> None:
        await readable_message(message, rpc)
        context = context_of(rpc, self._ongoing.serving.timeout)
        as_documents = not message.body and not message.accept
        first = True

        async def send(response: Response) -> None:
            nonlocal first
            if first and response.headers:
                await rpc.send_initial_metadata(as_metadata(response.headers))
            first = False
            await rpc.write(reply(response, as_documents))

        error = await self._ongoing.run(
            self._ongoing.answer(message.ByteSize(), lambda: read_call(message), context, send)
        )
        if error is not None:
            await abort(rpc, error, context.request_id)


def context_of(rpc: aio.ServicerContext[Any, Any], timeout: float | None, request_id: str = "") -> Context:
    """The context of a call: its metadata, and the time that it has. `timeout` is for those that name none; `request_id`
    is one that the message itself has."""
    metadata = {key: value for key, value in rpc.invocation_metadata() or () if isinstance(value, str)}
    remaining = rpc.time_remaining()
    if remaining is None:
        remaining = timeout
    return Context(
        deadline=None if remaining is None else monotonic() + remaining,
        metadata=metadata,
        trace=metadata.get(TRACE_KEY, ""),
        request_id=request_id or metadata.get(REQUEST_ID_KEY, ""),
    )


def as_metadata(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The headers of an answer that gRPC can carry: names of letters, digits, `_`, `-` and `.`, and none of its own."""
    return tuple((name, value) for name, value in headers.items() if _NAME.match(name))


def read_call(message: Any) -> Request:
    """The request that a `CallRequest` holds. Raises `MalformedRequest`."""
    parameters = plain(message.parameters)
    if not message.body:
        if message.content_type not in ("", JSON):
            raise MalformedRequest(
                f"`content_type` says {message.content_type!r}, and there is no `body` of that type."
            )
        body = msgspec.json.encode({"data": [plain(one) for one in message.data], "parameters": parameters})
        return Request(message.endpoint, (body,), JSON, message.accept or JSON, {}, message.target)
    if message.data:
        raise MalformedRequest("The call has both `data` and `body`; give one of them.")
    content_type = message.content_type or JSON
    return Request(message.endpoint, tuple(message.body), content_type, message.accept, parameters, message.target)


def reply(response: Response, as_documents: bool) -> Any:
    """The `CallResponse` for `response`: as documents where that is wanted and its JSON has the usual form."""
    message = CallResponse()
    if as_documents and response.content_type == JSON and _fill(message, response):
        return message
    message.content_type = response.content_type
    message.body.extend(bytes(part) for part in response.body)
    message.parameters.update(response.parameters)
    return message


def _fill(message: Any, response: Response) -> bool:
    content = msgspec.json.decode(b"".join(response.body) or b"{}")
    if not isinstance(content, dict):
        return False
    data = content.get("data", [])
    documents = data if isinstance(data, list) else [data]
    if not all(isinstance(one, dict) for one in documents):
        return False
    for one in documents:
        message.data.add().update(one)
    message.parameters.update({**response.parameters, **(content.get("parameters") or {})})
    return True
