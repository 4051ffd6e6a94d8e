import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.client.conftest import Service
from thalweg import AsyncClient
from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec
from thalweg.docs.typing import NdArray
from thalweg.errors import (
    ConfigurationError,
    DeadlineExceeded,
    ExecutorFailed,
    InvalidDocument,
    MalformedRequest,
    Unavailable,
)
from thalweg.testing.leaks import eventually, no_leaks
from thalweg.transport.contract import Server


class Number(BaseDoc):
    n: int


class Vector(BaseDoc):
    v: NdArray[3]


@pytest.fixture
async def client(server: Server) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.address) as made:
        yield made


def numbers(count: int) -> DocList[Number]:
    return DocList[Number]([Number(n=n) for n in range(count)])


async def generated(count: int, read: list[int]) -> AsyncIterator[Number]:
    for n in range(count):
        read.append(n)
        yield Number(n=n)


def plainly(count: int) -> Iterator[Number]:
    for n in range(count):
        yield Number(n=n)


@pytest.mark.parametrize(
    "inputs",
    [
        numbers(5),
        list(numbers(5)),
        tuple(numbers(5)),
        plainly(5),
        [{"n": n} for n in range(5)],
        DocVec[Number](list(numbers(5))),
    ],
    ids=["DocList", "list", "tuple", "generator", "mappings", "DocVec"],
)
async def test_inputs_of_any_kind_come_back_in_order(client: AsyncClient, service: Service, inputs: Any):
    out = await client.post("/echo", inputs, request_size=2, return_type=DocList[Number])
    assert isinstance(out, DocList[Number])
    assert out.n == [0, 1, 2, 3, 4]
    assert len(service.seen) == 3


async def test_an_asynchronous_generator_is_read_lazily_and_bounded(server: Server, service: Service):
    read: list[int] = []
    async with AsyncClient(server.address, prefetch=2) as client:
        stream = client.stream("/echo", generated(1000, read), request_size=5, return_type=Number)
        assert (await anext(stream)).n == 0
        assert len(read) <= 4 * 5
        assert [document.n async for document in stream] == list(range(1, 1000))
    assert service.most_under_way <= 2


async def test_one_document_comes_back_as_one_where_a_document_is_asked_for(client: AsyncClient):
    out = await client.post("/echo", Number(n=3), return_type=Number)
    assert isinstance(out, Number)
    assert isinstance(await client.post("/echo", Number(n=3), return_type=DocList[Number]), DocList)
    untyped = await client.post("/echo", Number(n=3))
    assert isinstance(untyped[0], AnyDoc)
    assert untyped[0].n == 3


async def test_ids_and_tensors_survive_the_journey(client: AsyncClient):
    sent = Vector(id="x", v=[1.0, 2.0, 3.0])
    got = await client.post("/echo", sent, return_type=Vector)
    assert (got.id, got.v.tolist()) == ("x", [1.0, 2.0, 3.0])


async def test_without_inputs_an_endpoint_is_called_with_no_documents(client: AsyncClient, service: Service):
    assert len(await client.post("/echo")) == 0
    assert len(await client.post("/echo", [])) == 0
    assert len(service.seen) >= 1


async def test_what_goes_along_with_the_documents_arrives(client: AsyncClient, service: Service):
    await client.post(
        "/echo", Number(n=1), parameters={"a": [1, "x"]}, headers={"X-User": "me"}, timeout=30, target_executor="enc"
    )
    request, context = service.seen[0]
    assert request.parameters == {"a": [1, "x"]}
    assert request.target == "enc"
    assert context.metadata["x-user"] == "me"
    remaining = context.remaining()
    assert remaining is not None
    assert 0 < remaining <= 30


async def test_parameters_may_be_a_model(client: AsyncClient, service: Service):
    class Settings(BaseModel):
        limit: int = 3

    await client.post("/echo", Number(n=1), parameters=Settings())
    assert service.seen[0][0].parameters == {"limit": 3}


async def test_items_of_a_stream_come_one_by_one(client: AsyncClient):
    items = [d async for d in client.stream("/stream", numbers(2), return_type=AnyDoc)]
    assert [(d.n, getattr(d, "item", 0)) for d in items] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


async def test_closing_a_stream_calls_the_rest_off(client: AsyncClient, service: Service):
    stream = client.stream("/stream", numbers(500), return_type=AnyDoc)
    await anext(stream)
    await stream.aclose()
    await eventually(lambda: service.under_way == 0)
    assert len(service.seen) < 500


async def test_the_first_error_ends_the_call_and_calls_the_others_off(client: AsyncClient, service: Service):
    with pytest.raises(ExecutorFailed, match="it broke") as caught:
        await client.post("/fail", numbers(10), request_size=1)
    assert caught.value.executor == "enc"
    await eventually(lambda: service.under_way == 0)


async def test_an_error_of_the_callers_own_generator_comes_out_unchanged(client: AsyncClient, service: Service):
    async def broken() -> AsyncIterator[Number]:
        yield Number(n=0)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await client.post("/echo", broken(), request_size=1)
    await eventually(lambda: service.under_way == 0)


async def test_a_deadline_is_held_and_the_server_told(client: AsyncClient, service: Service):
    with pytest.raises(DeadlineExceeded):
        await client.post("/hold", Number(n=1), timeout=0.05)
    await eventually(lambda: service.under_way == 0)


async def test_cancelling_a_call_calls_its_requests_off(client: AsyncClient, service: Service):
    call = asyncio.ensure_future(client.post("/hold", numbers(3), request_size=1))
    await eventually(lambda: service.under_way == 3)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await eventually(lambda: service.under_way == 0)


async def test_an_answer_of_another_schema_is_refused(client: AsyncClient):
    with pytest.raises(InvalidDocument, match="v"):
        await client.post("/echo", Number(n=1), return_type=Vector)


@pytest.mark.parametrize("inputs", [5, "text", [5], object()], ids=["number", "text", "numbers", "object"])
async def test_inputs_that_are_no_documents_are_refused(client: AsyncClient, inputs: Any):
    with pytest.raises(MalformedRequest, match="input"):
        await client.post("/echo", inputs)


async def test_wrong_arguments_are_refused_with_the_reason(client: AsyncClient, server: Server):
    with pytest.raises(ConfigurationError, match="request_size"):
        await client.post("/echo", Number(n=1), request_size=0)
    with pytest.raises(MalformedRequest, match="return_type"):
        await client.post("/echo", Number(n=1), return_type=int)  # type: ignore[arg-type]
    with pytest.raises(MalformedRequest, match="parameters"):
        await client.post("/echo", Number(n=1), parameters={"a": object()})
    with pytest.raises(ConfigurationError, match="prefetch"):
        AsyncClient(server.address, prefetch=0)
    with pytest.raises(ConfigurationError, match="carrier-pigeon"):
        AsyncClient("carrier-pigeon://roof")


async def test_readiness_is_what_the_service_says(client: AsyncClient, service: Service, tmp_path: Path):
    assert await client.is_ready()
    service.is_ready = False
    assert not await client.is_ready()
    assert not await AsyncClient(f"unix://{tmp_path}/nobody").is_ready()


async def test_calling_nobody_says_so(tmp_path: Path):
    with pytest.raises(Unavailable, match="nobody"):
        await AsyncClient(f"unix://{tmp_path}/nobody").post("/echo")


async def test_many_calls_at_once_get_their_own_answers(client: AsyncClient):
    async def one(n: int) -> int:
        return int((await client.post("/echo", Number(n=n), return_type=Number)).n)

    assert await asyncio.gather(*(one(n) for n in range(300))) == list(range(300))


async def test_a_client_leaves_nothing_behind(server: Server):
    async with no_leaks(), AsyncClient(server.address) as client:
        await client.post("/echo", numbers(10), request_size=1)
        await anext(client.stream("/stream", numbers(3)))
        with pytest.raises(ExecutorFailed):
            await client.post("/fail", numbers(10), request_size=1)
