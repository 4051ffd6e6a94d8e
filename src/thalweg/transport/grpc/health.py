"""`grpc.health.v1.Health` over what the server says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any

import grpc
from grpc import aio

from thalweg.message.proto.health import CHECK, SERVICE, WATCH, HealthCheckRequest, HealthCheckResponse, ServingStatus
from thalweg.transport.grpc.failure import message_reader, readable_message

LOOK_SECONDS = 0.25
"""How often readiness is looked at for those who watch it; nobody tells when it changes."""
WHOLE = ""
"""Names the whole server."""
LIVENESS = "liveness"
"""Names the process, for who decides whether to replace it."""


class Health:
    """Answers health checks, for the whole server and for each of `services`. `ready` is asked each time; `stopping` makes
    it moot. For a service called `LIVENESS` it tells whether the process is to be kept, ready or not."""

    def __init__(self, ready: Callable[[], bool], services: Collection[str], alive: Callable[[], bool]) -> None:
        self._ready = ready
        self._alive = alive
        self._known = frozenset((WHOLE, *services))
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """From now on the server does not serve, and watchers are told so."""
        self._stopping.set()

    def handler(self) -> grpc.GenericRpcHandler:
        formats = {
            "request_deserializer": message_reader(HealthCheckRequest),
            "response_serializer": HealthCheckResponse.SerializeToString,
        }
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                CHECK: grpc.unary_unary_rpc_method_handler(self._check, **formats),
                WATCH: grpc.unary_stream_rpc_method_handler(self._watch, **formats),
            },
        )

    def status(self, service: str) -> ServingStatus:
        if service == LIVENESS:
            return ServingStatus.SERVING if self._alive() else ServingStatus.NOT_SERVING
        if service not in self._known:
            return ServingStatus.SERVICE_UNKNOWN
        serves = self._ready() and not self._stopping.is_set()
        return ServingStatus.SERVING if serves else ServingStatus.NOT_SERVING

    async def _check(self, request: Any, context: aio.ServicerContext[Any, Any]) -> Any:
        status = self.status((await readable_message(request, context)).service)
        if status is ServingStatus.SERVICE_UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"There is no service {request.service!r} here.")
        return HealthCheckResponse(status=status)

    async def _watch(self, request: Any, context: aio.ServicerContext[Any, Any]) -> None:
        await readable_message(request, context)
        told = None
        while True:
            last = self._stopping.is_set()  # before the status is told, so that the last one told is of the end
            status = self.status(request.service)
            if status is not told:
                await context.write(HealthCheckResponse(status=status))
                told = status
            if last:
                return
            await self._a_while()

    async def _a_while(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._stopping.wait()
        except TimeoutError:
            pass
