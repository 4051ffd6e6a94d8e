"""Jina's services over gRPC, in front of our handler: what a client or a Gateway of Jina 3.x calls.

A call ends well for gRPC whenever there is an answer, also one that tells of an error (metadata `is-error: true` follows
it). It ends with a status of gRPC's own where trying again elsewhere may help, which is what Jina's Gateways do then: nobody
was there (UNAVAILABLE) or it took too long (DEADLINE_EXCEEDED). On a stream of many requests each error is an answer of its
own, so that one request does not end the others.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import version
from operator import attrgetter
from time import time
from typing import Any

import grpc
from grpc import aio

from thalweg.docs.codecs import columns
from thalweg.docs.codecs.content import decode_content
from thalweg.errors import DeadlineExceeded, MalformedRequest, PayloadTooLarge, ThalwegError, Unavailable
from thalweg.graph.merge import RESULTS, merged_documents, merged_parameters
from thalweg.message import COLUMNS, Context, Request, Response, Visit
from thalweg.message.description import DRY_RUN_ENDPOINT
from thalweg.message.proto import jina
from thalweg.transport.grpc.call import as_metadata, context_of
from thalweg.transport.grpc.failure import abort
from thalweg.transport.grpc.ongoing import Ongoing
from thalweg.transport.jina.discovery import write_endpoints
from thalweg.transport.jina.exchange import (
    GATEWAY,
    DataCall,
    call_of,
    document_call_of,
    message_of,
    read_data_request,
    state_of,
    write_answer,
    write_document,
    write_failure,
)
from thalweg.transport.jina.snapshots import SnapshotServices

ERROR_KEY = "is-error"
IN_ORDER_KEY = "__results_in_order__"
PREFETCH_KEY = "__prefetch__"
PREFETCH = 1000
"""Requests of one stream that are worked on at once, where its caller asks for no other number."""

Rpc = aio.ServicerContext[Any, Any]


class JinaServices(grpc.GenericRpcHandler):
    """All methods of all services of Jina's."""

    def __init__(self, ongoing: Ongoing) -> None:
        self._ongoing = ongoing
        self._serving = ongoing.serving
        unary, stream = grpc.unary_unary_rpc_method_handler, grpc.stream_stream_rpc_method_handler
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            f"{jina.SINGLE_SERVICE}/process_single_data": unary(self._single),
            f"{jina.SEVERAL_SERVICE}/process_data": unary(self._several),
            f"{jina.DOCUMENT_SERVICE}/stream_doc": grpc.unary_stream_rpc_method_handler(self._document),
            f"{jina.CALL_SERVICE}/Call": stream(self._stream),
            f"{jina.DISCOVERY_SERVICE}/endpoint_discovery": unary(self._discover),
            f"{jina.DRY_RUN_SERVICE}/dry_run": unary(self._dry_run),
            f"{jina.INFO_SERVICE}/_status": unary(self._inform),
        }
        if self._serving.snapshots is not None:
            methods |= SnapshotServices(ongoing, self._serving.snapshots).methods
        self._methods = {f"/{path}": method for path, method in methods.items()}
        self.services = tuple(path.partition("/")[0] for path in methods)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        return self._methods.get(handler_call_details.method)

    # one answer -----------------------------------------------------------------------------------------------------------

    async def _single(self, data: bytes, rpc: Rpc) -> bytes:
        try:
            call = read_data_request(data)
        except ThalwegError as error:
            await abort(rpc, error, "")
        return await self._unary(call, len(data), rpc)

    async def _several(self, data: bytes, rpc: Rpc) -> bytes:
        try:
            call = _joined([call_of(message) for message in message_of(jina.DataRequests, data).requests])
        except ThalwegError as error:
            await abort(rpc, error, "")
        return await self._unary(call, len(data), rpc)

    async def _unary(self, call: DataCall, size: int, rpc: Rpc) -> bytes:
        context = context_of(rpc, self._serving.timeout, call.request_id)
        work = _Work(self._ongoing, call, size, context)
        error = await self._ongoing.run(work.done())
        if isinstance(error, (Unavailable, DeadlineExceeded)):
            await abort(rpc, error, context.request_id)
        if work.headers:
            await rpc.send_initial_metadata(as_metadata(work.headers))
        if error is not None:
            rpc.set_trailing_metadata(((ERROR_KEY, "true"),))
        return work.answer

    # many answers ---------------------------------------------------------------------------------------------------------

    async def _document(self, data: bytes, rpc: Rpc) -> None:
        try:
            call = document_call_of(message_of(jina.DocumentRequest, data))
        except ThalwegError as error:
            await abort(rpc, error, "")
        context = context_of(rpc, self._serving.timeout, call.request_id)
        call = call._replace(request_id=context.request_id)

        async def send(response: Response) -> None:
            for message in write_document(call, response):
                await rpc.write(message)

        failed = await self._ongoing.run(self._ongoing.answer(len(data), lambda: call.request, context, send))
        if failed is not None:
            await abort(rpc, failed, context.request_id)

    async def _stream(self, requests: AsyncIterator[bytes], rpc: Rpc) -> None:
        broken = await self._ongoing.run(self._exchange(requests, rpc))
        if broken is not None:
            await abort(rpc, broken, "")

    async def _exchange(self, requests: AsyncIterator[bytes], rpc: Rpc) -> ThalwegError | None:
        """Answer what comes, as many at once as the caller asks for. The stream ends at the first message that is none,
        when those before it are answered."""
        metadata = dict(rpc.invocation_metadata() or ())
        lane = _Lane(self._ongoing, rpc, str(metadata.get(IN_ORDER_KEY, "")).lower() == "true")
        room = asyncio.Semaphore(_prefetch(metadata, self._serving.limits.max_inflight))
        broken: ThalwegError | None = None
        async with asyncio.TaskGroup() as group:
            async for data in requests:
                try:
                    call = read_data_request(data)
                except ThalwegError as unreadable:
                    broken = unreadable
                    break
                await room.acquire()
                context = context_of(rpc, self._serving.timeout, call.request_id)
                task = group.create_task(lane.answer(_Work(self._ongoing, call, len(data), context)))
                task.add_done_callback(lambda _: room.release())
        if lane.failed:
            rpc.set_trailing_metadata(((ERROR_KEY, "true"),))
        return broken

    # about the service ----------------------------------------------------------------------------------------------------

    async def _discover(self, _: bytes, rpc: Rpc) -> bytes:
        try:
            return write_endpoints(self._serving.describe())
        except ThalwegError as unsaid:
            await abort(rpc, unsaid, "")

    async def _dry_run(self, _: bytes, rpc: Rpc) -> bytes:
        context = context_of(rpc, self._serving.timeout)
        error = await self._ongoing.run(
            self._ongoing.answer(0, lambda: Request(DRY_RUN_ENDPOINT), context, lambda _: None)
        )
        status = jina.State()
        if error is not None:
            state_of(error, status)
        data: bytes = status.SerializeToString()
        return data

    async def _inform(self, _: bytes, __: Rpc) -> bytes:
        versions = {name: version(name) for name in ("thalweg", "grpcio", "protobuf", "pydantic")}
        information = jina.Info(jina={**versions, "python": platform.python_version()})
        data: bytes = information.SerializeToString()
        return data


class _Work:
    """One request that is to have one answer. What a streaming endpoint gives is put together, up to the largest answer
    that there may be."""

    def __init__(self, ongoing: Ongoing, call: DataCall, size: int, context: Context) -> None:
        self._ongoing = ongoing
        self._call = call._replace(request_id=context.request_id)
        self._size = size
        self._context = context
        self._responses: list[Response] = []
        self._response_bytes = 0
        self.headers: Mapping[str, str] = {}
        self.answer = b""

    async def done(self) -> ThalwegError | None:
        """Work until `answer` is there; what went wrong, which it tells of too."""
        context, call = self._context, self._call
        context.visits = []
        start = time()
        error = await self._ongoing.answer(self._size, lambda: call.request, context, self._gather)
        visits = self._visits(Visit(self._ongoing.serving.describe().name, start, time()))
        try:
            if error is None:
                self.answer = write_answer(call, self._responses, visits)
        except ThalwegError as unwritable:
            error = unwritable
        if error is not None:
            self.answer = write_failure(call, error, visits)
        return error

    def _gather(self, response: Response) -> None:
        limit = self._ongoing.serving.limits.max_message_bytes
        self._response_bytes += response.size
        if self._response_bytes > limit:
            raise PayloadTooLarge(f"The answer has more than {limit} bytes together; ask for it as a stream.")
        if not self._responses:
            self.headers = response.headers
        self._responses.append(response)

    def _visits(self, whole: Visit) -> list[Visit]:
        """A Gateway stands among the stops under a name that Jina's users know; an Executor served alone is the only
        one."""
        executors = sorted(self._context.visits or (), key=attrgetter("start"))
        return [whole._replace(name=GATEWAY), *executors] if executors else [whole]


class _Lane:
    """The answers of one stream: one is written at a time, and in the order of the requests where that is asked for."""

    def __init__(self, ongoing: Ongoing, rpc: Rpc, ordered: bool) -> None:
        self._ongoing = ongoing
        self._rpc = rpc
        self._ordered = ordered
        self._last: asyncio.Event | None = None
        self._writing = asyncio.Lock()
        self.failed = False

    def answer(self, work: _Work) -> Any:
        before, self._last = self._last, asyncio.Event()
        return self._answer(work, before if self._ordered else None, self._last)

    async def _answer(self, work: _Work, before: asyncio.Event | None, written: asyncio.Event) -> None:
        if await work.done() is not None:
            self.failed = True
        if before is not None:
            await before.wait()
        async with self._writing:
            await self._rpc.write(work.answer)
        written.set()


def _prefetch(metadata: Mapping[str, str | bytes], most: int) -> int:
    """How many requests of a stream may be under way."""
    try:
        wanted = int(metadata.get(PREFETCH_KEY, 0))
    except ValueError:
        wanted = 0
    return min(wanted if wanted > 0 else PREFETCH, most)


def _joined(calls: list[DataCall]) -> DataCall:
    """Several requests as one: the first, with the documents of all joined by their ids, and what Executors reported to
    each."""
    if not calls:
        raise MalformedRequest("The list of requests is empty.")
    if len(calls) == 1:
        return calls[0]
    first = calls[0].request
    branches = [decode_content(call.request.content_type, call.request.body, None)[0] for call in calls]
    reported = merged_parameters([call.request.parameters for call in calls]).get(RESULTS)
    parameters = {**first.parameters, RESULTS: reported} if reported else first.parameters
    body = columns.encode(merged_documents(branches))
    request = Request(first.endpoint, body, COLUMNS, first.accept, parameters, first.target)
    return DataCall(request, calls[0].request_id)
