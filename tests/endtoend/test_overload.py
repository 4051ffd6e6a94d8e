"""Ten thousand requests at once, and an Executor that is slow."""

import asyncio
import time
from collections import Counter
from typing import Literal

import psutil
import pytest

from tests.endtoend.samples import Text
from thalweg import AsyncClient, Deployment, Executor, Flow, requests
from thalweg.docs import DocList
from thalweg.errors import Overloaded

REQUESTS = 10_000
PAYLOAD = "x" * 4096
LIMIT = 100
GROWTH_BYTES = 60 << 20
"""Far below what the requests hold together with all that is made for each: more than 40 MB of payload alone in each of
two processes, and three times that with what holds it."""


class Steady(Executor):
    @requests(on="/do")
    def do(self, docs: DocList[Text], **kwargs: object) -> None:
        time.sleep(0.02)


class Sluggish(Executor):
    @requests(on="/do")
    async def do(self, docs: DocList[Text], **kwargs: object) -> None:
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("index", [0, 1], ids=["http", "grpc"])
async def test_too_many_requests_are_answered_or_refused_and_memory_stays(index: int) -> None:
    with Flow(protocol=["http", "grpc"], limits={"max_inflight": LIMIT}).add(uses=Sluggish) as flow:
        async with AsyncClient(flow.addresses[index]) as client:
            await client.post("/do", Text(text=PAYLOAD))
            services = [psutil.Process(pid) for pid in flow.pids.values()]
            before = [service.memory_info().rss for service in services]
            ends = Counter(await asyncio.gather(*(end_of(client) for _ in range(REQUESTS))))
            grown = [service.memory_info().rss - at_first for service, at_first in zip(services, before, strict=True)]
            assert set(ends) <= {"answered", "refused"}
            assert ends["answered"] >= LIMIT
            assert ends["refused"] > 0
            assert max(grown) < GROWTH_BYTES
            assert len(await client.post("/do", Text(text=PAYLOAD))) == 1


async def end_of(client: AsyncClient) -> str:
    try:
        (document,) = await client.post("/do", Text(text=PAYLOAD), return_type=DocList[Text], timeout=60)
    except Overloaded as error:
        return "refused" if error.retry_after else "refused without a word on when to come back"
    assert document.text == PAYLOAD
    return "answered"


@pytest.mark.parametrize("protocol", ["http", "grpc", "websocket"])
async def test_what_cannot_be_done_in_time_is_refused_at_once(protocol: Literal["http", "grpc", "websocket"]) -> None:
    with Deployment(uses=Steady, protocol=protocol) as deployment:
        async with AsyncClient(deployment.addresses[0]) as client:
            for _ in range(10):
                await client.post("/do", Text(text=""), timeout=60)
            patient = [asyncio.ensure_future(client.post("/do", Text(text=""))) for _ in range(400)]
            await asyncio.wait(patient, return_when=asyncio.FIRST_COMPLETED)
            with pytest.raises(Overloaded, match="requests to do before this one") as refused:
                await client.post("/do", Text(text=""), timeout=2, max_attempts=1)
            assert refused.value.retry_after is not None
            assert refused.value.retry_after > 1
            for task in patient:
                task.cancel()
            await asyncio.gather(*patient, return_exceptions=True)


async def test_who_says_no_time_waits_as_long_as_it_takes() -> None:
    with Deployment(uses=Steady) as deployment:
        async with AsyncClient(deployment.addresses[0]) as client:
            await client.post("/do", Text(text=""), timeout=60)
            assert len(await asyncio.gather(*(client.post("/do", Text(text="")) for _ in range(100)))) == 100
