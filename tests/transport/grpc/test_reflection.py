"""Reflection, asked with the client that others use, and used to call us without any file of ours."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc import aio
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from tests.transport.grpc.conftest import ServeType

SERVICES = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "jina.JinaDataRequestRPC",
    "jina.JinaDiscoverEndpointsRPC",
    "jina.JinaGatewayDryRunRPC",
    "jina.JinaInfoRPC",
    "jina.JinaRPC",
    "jina.JinaSingleDataRequestRPC",
    "jina.JinaSingleDocumentRequestRPC",
    "thalweg.v1.Gateway",
]


def learn(address: str) -> tuple[list[str], DescriptorPool, list[str]]:
    """What a client that knows nothing of us learns of a server."""
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(database)
        methods = [method.name for method in pool.FindServiceByName("thalweg.v1.Gateway").methods]
        pool.FindMessageTypeByName("thalweg.v1.CallRequest")
        pool.FindMessageTypeByName("thalweg.v1.CallResponse")
        return sorted(database.get_services()), pool, methods


async def test_a_stranger_learns_the_services_and_calls_one(serve: ServeType) -> None:
    served, channel = await serve()
    services, pool, methods = await asyncio.to_thread(learn, served.address.removeprefix("grpc://"))
    assert services == SERVICES
    assert methods == ["Call", "Exchange", "Describe"]
    request, response = (
        GetMessageClass(pool.FindMessageTypeByName(f"thalweg.v1.{name}")) for name in ("CallRequest", "CallResponse")
    )
    call = channel.unary_stream(
        "/thalweg.v1.Gateway/Call",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )
    asked = {"endpoint": "/one", "data": [{"text": "hello", "n": 3.0}], "parameters": {"k": 1.0}}
    answers = [json_format.MessageToDict(one) async for one in call(json_format.ParseDict(asked, request()))]
    assert answers == [{"data": asked["data"], "parameters": asked["parameters"]}]


def requests() -> Iterator[tuple[str, Any]]:
    extension = reflection_pb2.ExtensionRequest(containing_type="thalweg.v1.Frames", extension_number=1)
    yield "file_by_filename", "thalweg/v1/nothing.proto"
    yield "file_containing_symbol", "thalweg.v1.Nothing"
    yield "file_containing_extension", extension
    yield "all_extension_numbers_of_type", "thalweg.v1.Nothing"


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
@pytest.mark.parametrize("asked,value", list(requests()), ids=lambda value: value if isinstance(value, str) else "")
async def test_what_is_not_here_is_not_found(serve: ServeType, version: str, asked: str, value: Any) -> None:
    _, channel = await serve()
    (answer,) = await told(channel, version, reflection_pb2.ServerReflectionRequest(**{asked: value}))
    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_both_versions_answer_in_the_order_of_the_questions(serve: ServeType, version: str) -> None:
    _, channel = await serve()
    answers = await told(
        channel,
        version,
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_by_filename="thalweg/v1/gateway.proto"),
        reflection_pb2.ServerReflectionRequest(all_extension_numbers_of_type="thalweg.v1.Frames"),
    )
    assert [service.name for service in answers[0].list_services_response.service] == SERVICES
    assert len(answers[1].file_descriptor_response.file_descriptor_proto) == 2
    assert answers[2].all_extension_numbers_response.base_type_name == "thalweg.v1.Frames"
    assert answers[1].original_request.file_by_filename == "thalweg/v1/gateway.proto"


async def told(channel: aio.Channel, version: str, *asked: Any) -> list[Any]:
    call = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    async with asyncio.timeout(60):
        return [answer async for answer in call(iter(asked))]


async def test_every_service_of_jinas_that_is_told_of_is_there_and_described(serve: ServeType) -> None:
    served, channel = await serve()

    def described() -> list[str]:
        with grpc.insecure_channel(served.address.removeprefix("grpc://")) as plain:
            pool = DescriptorPool(ProtoReflectionDescriptorDatabase(plain))
            found = [pool.FindServiceByName(name) for name in SERVICES if name.startswith("jina.")]
            return [f"/{method.containing_service.full_name}/{method.name}" for one in found for method in one.methods]

    for path in await asyncio.to_thread(described):
        call: Any = channel.stream_stream(path)(timeout=10.0)
        await call.write(b"")
        await call.done_writing()
        with suppress(aio.AioRpcError):  # an empty list of requests is refused
            async for _ in call:
                pass
        assert await call.code() is not grpc.StatusCode.UNIMPLEMENTED, path
