"""The plain call: one request in one message, for people and for other languages."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

import grpc
import msgspec
from grpc import aio

from thalweg.errors import MalformedRequest, ThalwegError, Unavailable
from thalweg.message import JSON, Context, Request, Response
from thalweg.message.proto.gateway import CallRequest, CallResponse
from thalweg.message.proto.structure import plain
from thalweg.transport.admission import Admission
from thalweg.transport.contract import Serving
from thalweg.transport.dispatch import dispatch
from thalweg.transport.grpc.failure import REQUEST_ID_KEY, abort

TRACE_KEY = "traceparent"


class Calls:
    """Answers plain calls of one server, within the limits that all its requests share."""

    def __init__(self, serving: Serving, admission: Admission) -> None:
        self._serving = serving
        self._admission = admission
        self._tasks: set[asyncio.Task[Any]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False

    def method(self) -> grpc.RpcMethodHandler[Any, Any]:
        return grpc.unary_stream_rpc_method_handler(
            self._call,
            request_deserializer=CallRequest.FromString,
            response_serializer=CallResponse.SerializeToString,
        )

    async def finished(self, seconds: float) -> None:
        """Wait until no call is under way, and cancel what has not ended after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            for task in self._tasks:
                task.cancel()
            await self._idle.wait()

    async def _call(self, message: Any, rpc: aio.ServicerContext[Any, Any]) -> None:
        context = _context(rpc, self._serving.timeout)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._idle.clear()
        try:
            error = await self._answer(message, context, rpc)
        except asyncio.CancelledError:
            if not self.draining:
                raise
            error = Unavailable("The server stopped before the answer was complete.")
        finally:
            self._tasks.discard(task)
            if not self._tasks:
                self._idle.set()
        if error is not None:
            await abort(rpc, error, context.given_request_id)

    async def _answer(self, message: Any, context: Context, rpc: aio.ServicerContext[Any, Any]) -> ThalwegError | None:
        size = message.ByteSize()
        try:
            if self.draining:
                raise Unavailable("The server is shutting down.")
            self._admission.admit(size)
        except ThalwegError as error:
            return error
        try:
            request = read_call(message)
            as_documents = not message.body and not message.accept
            return await dispatch(
                self._serving.handler, request, context, lambda response: rpc.write(reply(response, as_documents))
            )
        except ThalwegError as error:
            return error
        finally:
            self._admission.release(size)


def _context(rpc: aio.ServicerContext[Any, Any], timeout: float | None) -> Context:
    metadata = {key: value for key, value in rpc.invocation_metadata() or () if isinstance(value, str)}
    remaining = rpc.time_remaining()
    if remaining is None:
        remaining = timeout
    return Context(
        deadline=None if remaining is None else monotonic() + remaining,
        metadata=metadata,
        trace=metadata.get(TRACE_KEY, ""),
        request_id=metadata.get(REQUEST_ID_KEY, ""),
    )


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
