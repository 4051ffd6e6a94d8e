"""A Flow, Deployment or Executor of Jina 3.x at the other end of a gRPC connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import grpc
from grpc import aio
from msgspec.structs import replace

from thalweg.config import ChannelOptions, Limits
from thalweg.errors import (
    DeadlineExceeded,
    ExecutorFailed,
    InternalError,
    MalformedRequest,
    Overloaded,
    PayloadTooLarge,
    PeerLost,
    PermissionDenied,
    ServerError,
    ThalwegError,
    Unauthenticated,
    Unavailable,
    UnsupportedContent,
)
from thalweg.graph.merge import RESULTS
from thalweg.message import Context, EndpointDescription, Request, Response, ServiceDescription
from thalweg.message.description import DEFAULT_ENDPOINT
from thalweg.message.proto import jina
from thalweg.message.proto.reflection import INFO, SERVICE, VERSIONS, package, request_class, response_class
from thalweg.transport.forms import in_form
from thalweg.transport.jina.discovery import read_endpoints
from thalweg.transport.jina.exchange import (
    message_of,
    read_answer,
    read_document,
    write_data_request,
    write_document_requests,
)

SEPARATOR = "__"
WITHOUT_DOC = "missing 1 required positional argument: 'doc'"
MOST_STREAMING = 1024
"""Names of streaming endpoints that are remembered; an endpoint may be any text."""
ASK_SECONDS = 10.0
"""How long a peer may take to say what it is."""
HEALTH_CHECK = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"
"""A `HealthCheckResponse` whose status is SERVING."""

UNDESCRIBED = (grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNIMPLEMENTED)
"""How a peer ends that has no description: Jina 3.34 makes none of documents with a `DocList` among their fields. Such a
peer is taken to answer everything."""

_ERRORS: dict[grpc.StatusCode, type[ThalwegError]] = {
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.INVALID_ARGUMENT: MalformedRequest,
    grpc.StatusCode.NOT_FOUND: Unavailable,  # said by what stands before a peer that is not there
    grpc.StatusCode.OUT_OF_RANGE: PayloadTooLarge,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.UNAVAILABLE: PeerLost,
    grpc.StatusCode.UNIMPLEMENTED: UnsupportedContent,
}
"""What the statuses of gRPC mean for a call; the others are a `ServerError`."""


class JinaPeer:
    """Sends each request by itself, on one channel of gRPC's. Documents go and come as DocArray's messages, and are read
    only where somebody wants them in another form."""

    def __init__(
        self, rpc: aio.Channel, address: str, limits: Limits, options: ChannelOptions, services: frozenset[str]
    ) -> None:
        self._rpc: Any = rpc
        self._address = address
        self._limits = limits
        self._options = options
        self._services = services
        self.description = ServiceDescription(address)
        self._streaming: set[str] = set()
        self.executor = ""
        """The name of the Executor that the peer is in a Flow; empty for a client."""
        self.departed = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None

    @classmethod
    async def of(cls, rpc: aio.Channel, address: str, limits: Limits, options: ChannelOptions) -> JinaPeer:
        """What is at the other end of `rpc`, which belongs to the peer from now on.

        Raises:
            Unavailable: it is neither Thalweg nor Jina, or does not say yet which endpoints it has.
        """
        try:
            async with asyncio.timeout(ASK_SECONDS):
                services = await _listed(rpc)
                if not services & {jina.SINGLE_SERVICE, jina.CALL_SERVICE}:
                    raise Unavailable(f"What listens at {address} is neither Thalweg nor Jina.")
                peer = cls(rpc, address, limits, options, services)
                if jina.DISCOVERY_SERVICE in services:
                    peer.description = await peer._discover()
        except aio.AioRpcError as error:
            raise Unavailable(f"{address} does not say what it is ({_said(error)}).") from None
        except TimeoutError:
            raise Unavailable(f"{address} does not say in {ASK_SECONDS} seconds what it is.") from None
        peer._watcher = asyncio.create_task(peer._watch())
        return peer

    @property
    def connected(self) -> bool:
        return not self.departed.is_set()

    async def _discover(self) -> ServiceDescription:
        try:
            told = await self._method(jina.DISCOVERY_SERVICE, "endpoint_discovery")(
                b"", metadata=self._options.metadata
            )
        except aio.AioRpcError as error:
            if error.code() not in UNDESCRIBED:
                raise
            return ServiceDescription(self._address, (EndpointDescription(DEFAULT_ENDPOINT),))
        return read_endpoints(told, self._address)

    async def _watch(self) -> None:
        """Until the connection is not there any more."""
        try:
            state = self._rpc.get_state()
            while state is grpc.ChannelConnectivity.READY:
                await self._rpc.wait_for_state_change(state)
                state = self._rpc.get_state()
        finally:
            self.departed.set()

    async def ready(self) -> bool:
        """Whether all of it answers: a dry run where the peer has one, else what it says of its health. Raises
        `Unavailable`."""
        try:
            if jina.DRY_RUN_SERVICE in self._services:
                try:
                    told = await self._method(jina.DRY_RUN_SERVICE, "dry_run")(b"", metadata=self._options.metadata)
                    return bool(message_of(jina.State, told).code == jina.StatusCode.SUCCESS)
                except aio.AioRpcError as error:
                    if error.code() is not grpc.StatusCode.UNIMPLEMENTED:  # Executors list it, and have none
                        raise
            return bool(await self._rpc.unary_unary(HEALTH_CHECK)(b"", metadata=self._options.metadata) == SERVING)
        except aio.AioRpcError as error:
            raise Unavailable(f"{self._address} does not say whether it is ready ({_said(error)}).") from None

    async def close(self) -> None:
        """Fail what is under way, and close."""
        self.departed.set()
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        await self._rpc.close()

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        """See `thalweg.message.Handler`."""
        if request.inflow is not None:
            raise UnsupportedContent("Jina's protocol takes no documents while answers go out.")
        if request.size > self._limits.max_message_bytes:
            raise PayloadTooLarge(
                f"The request has {request.size} bytes; at most {self._limits.max_message_bytes} are sent."
            )
        sent = request.parameters
        if self.executor and sent:
            request = replace(request, parameters=_for(self.executor, sent))
        accept = request.accept or request.content_type
        answers = self._answers(request, context)
        try:
            async for response in answers:
                if request.parameters is not sent:
                    response.parameters = _answered(sent, response.parameters)
                yield in_form(response, accept)
        except aio.AioRpcError as error:
            raise self._error(error, context) from None
        finally:
            await answers.aclose()

    async def _answers(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        """By the method that the endpoint needs. A Gateway of Jina 3.34 with pydantic 2 does not describe its endpoints; one
        that streams is then known by its refusal, before anything has run, of a request without a `doc`."""
        endpoint = self.description.find(request.endpoint)
        streams = request.endpoint in self._streaming or (endpoint is not None and endpoint.streaming)
        if not streams or jina.DOCUMENT_SERVICE not in self._services:
            try:
                async for response in self._single(request, context):
                    yield response
                return
            except ExecutorFailed as error:
                if (
                    error.cause != "TypeError"
                    or WITHOUT_DOC not in error.message
                    or len(self._streaming) >= MOST_STREAMING
                ):
                    raise
                self._streaming.add(request.endpoint)
        async for response in self._documents(request, context):
            yield response

    async def _single(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        message = write_data_request(request, context.request_id)
        if jina.SINGLE_SERVICE in self._services:
            call = self._method(jina.SINGLE_SERVICE, "process_single_data")(message, **self._call(request, context))
            answer = await _finished(call)
        else:
            method = self._rpc.stream_stream(f"/{jina.CALL_SERVICE}/Call")
            call = method(iter((message,)), **self._call(request, context))
            try:
                answer = await call.read()
            finally:
                call.cancel()
            if not isinstance(answer, bytes):
                raise InternalError(f"{self._address} ended without an answer.")
        response, error = read_answer(answer, self._address)
        if error is not None:
            raise error
        yield response

    async def _documents(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        """A streaming endpoint takes one document; those of a request are sent one after the other."""
        method = self._rpc.unary_stream(f"/{jina.DOCUMENT_SERVICE}/stream_doc")
        for message in write_document_requests(request, context.request_id):
            call = method(message, **self._call(request, context))
            try:
                async for answer in call:
                    response, error = read_document(answer, self._address)
                    if error is not None:
                        raise error
                    yield response
            finally:
                call.cancel()

    def _method(self, service: str, name: str) -> Any:
        return self._rpc.unary_unary(f"/{service}/{name}")

    def _call(self, request: Request, context: Context) -> dict[str, Any]:
        """How a call is made: its metadata and the time that it has."""
        headers: Mapping[str, str] = {**context.metadata, **dict(self._options.metadata)}
        metadata = [(name, value) for name, value in headers.items() if _may_be_sent(name)]
        metadata.append(("endpoint", request.endpoint))
        if context.trace and "traceparent" not in headers:
            metadata.append(("traceparent", context.trace))
        return {"metadata": tuple(metadata), "timeout": context.remaining()}

    def _error(self, error: aio.AioRpcError, context: Context) -> ThalwegError:
        kind = _ERRORS.get(error.code(), ServerError)
        if kind is DeadlineExceeded:
            return DeadlineExceeded("The deadline of the request has passed.", request_id=context.request_id)
        return kind(f"{self._address} ended the call ({_said(error)}).", request_id=context.request_id)


def _for(executor: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that one Executor of a Flow is to see: a key `<executor>__<key>` as `<key>`, and none of the others'.
    Those of Thalweg see to that themselves."""
    own = executor + SEPARATOR
    seen = {key: value for key, value in parameters.items() if SEPARATOR not in key or key == RESULTS}
    return seen | {key.removeprefix(own): value for key, value in parameters.items() if key.startswith(own)}


def _answered(sent: Mapping[str, Any], answered: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as they were sent, and what Executors reported."""
    return {**sent, RESULTS: answered[RESULTS]} if answered.get(RESULTS) else dict(sent)


async def _finished(call: Any) -> bytes:
    try:
        return bytes(await call)
    except asyncio.CancelledError:
        call.cancel()
        raise


async def _listed(rpc: Any) -> frozenset[str]:
    """The services that a server tells of, by whichever version of reflection it has."""
    for version in reversed(VERSIONS):
        request = request_class(version)(list_services="")
        call = rpc.stream_stream(f"/{package(version)}.{SERVICE}/{INFO}")(iter((request.SerializeToString(),)))
        try:
            async for data in call:
                listed = response_class(version).FromString(data).list_services_response
                return frozenset(service.name for service in listed.service)
        except aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                raise
        finally:
            call.cancel()
    return frozenset()


def _may_be_sent(name: str) -> bool:
    return not name.startswith(("grpc-", ":", "thalweg-")) and not name.endswith("-bin") and name not in _HOP_BY_HOP


_HOP_BY_HOP = frozenset(
    (
        "accept",
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "te",
        "user-agent",
    )
)
"""Headers of the connection on which a request came, which say nothing about another one."""


def _said(error: aio.AioRpcError) -> str:
    return f"{error.code().name}: {error.details() or 'no details'}"
