"""Health checks, asked with the client that others use."""

import asyncio

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.transport.grpc.conftest import ServeType
from thalweg.message.proto.gateway import SERVICE
from thalweg.testing.conformance.subject import Answering, Settings, echo

Status = health_pb2.HealthCheckResponse.ServingStatus
SERVING, NOT_SERVING, UNKNOWN = Status.SERVING, Status.NOT_SERVING, Status.SERVICE_UNKNOWN


@pytest.mark.parametrize("service", ["", SERVICE, "jina.JinaRPC", "jina.JinaSingleDataRequestRPC"])
@pytest.mark.parametrize("ready", [True, False])
async def test_the_status_is_what_the_server_says_of_itself(serve: ServeType, service: str, ready: bool) -> None:
    _, channel = await serve(Settings(ready=lambda: ready).serving(Answering(echo)))
    answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service))
    assert answer.status == (SERVING if ready else NOT_SERVING)


async def test_a_service_that_is_not_here_is_not_found(serve: ServeType) -> None:
    _, channel = await serve()
    with pytest.raises(aio.AioRpcError) as caught:
        await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="other"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_watching_tells_of_each_change_and_of_the_end(serve: ServeType) -> None:
    ready = False
    served, channel = await serve(Settings(ready=lambda: ready).serving(Answering(echo)))
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
    seen = []
    async with asyncio.timeout(60):
        async for answer in watch:
            seen.append(answer.status)
            if len(seen) == 1:
                ready = True
            elif len(seen) == 2:
                stopping = asyncio.create_task(served.stop())
        await stopping
    assert seen == [NOT_SERVING, SERVING, NOT_SERVING]


async def test_watching_a_service_that_is_not_here_says_so(serve: ServeType) -> None:
    _, channel = await serve()
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service="other"))
    async with asyncio.timeout(60):
        assert (await watch.read()).status == UNKNOWN
    watch.cancel()
