import asyncio

import pytest

from thalweg import Executor, Flow, requests
from thalweg.client import Answer
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import EndpointNotFound, Unavailable
from thalweg.orchestration.asynchronous import AsyncFlow


class Number(BaseDoc):
    n: int


class Twice(Executor):
    @requests(on="/twice")
    def twice(self, docs: DocList[Number], **kwargs) -> DocList[Number]:
        return DocList[Number]([Number(id=doc.id, n=2 * doc.n) for doc in docs])


async def test_a_flow_is_started_called_and_stopped_without_blocking_the_loop():
    async with Flow(asyncio=True, name="awaited").add(uses=Twice, name="first").add(uses=Twice) as flow:
        assert isinstance(flow, AsyncFlow)
        assert await flow.is_ready()
        assert await flow.is_flow_ready()
        assert (await flow.post("/twice", Number(n=1), return_type=Number)).n == 4
        numbers = [Number(n=n) for n in range(5)]
        parts = [part.n async for part in flow.post("/twice", numbers, request_size=2, return_type=Number)]
        assert parts == [[0, 4], [8, 12], [16]]
        assert [one.n async for one in flow.stream("/twice", numbers[:2], return_type=Number)] == [0, 4]
        told: list[Answer[Number]] = []
        await flow.post("/wrong", numbers, on_error=told.append)
        assert isinstance(told[0].error, EndpointNotFound)
        assert set((await flow.profiling(show_table=False, rounds=2)).executors) == {"first", "executor1"}
    assert not flow.running
    with pytest.raises(Unavailable, match="not running"):
        await flow.post("/twice", Number(n=1))


def test_an_asynchronous_flow_may_be_entered_plainly_and_called_from_several_loops():
    with AsyncFlow().add(uses=Twice) as flow:

        async def call(n: int) -> int:
            found = (await flow.post("/twice", Number(n=n), return_type=Number)).n
            await flow.client.close()
            return found

        assert [asyncio.run(call(n)) for n in range(3)] == [0, 2, 4]
