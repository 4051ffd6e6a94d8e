"""Features of a worker that are used together: batches, limits, streams, probes, deadlines and plain documents over HTTP."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from thalweg import AsyncClient, Client, Deployment, Executor, dynamic_batching, requests
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import DeadlineExceeded, ExecutorFailed

CALLERS = 24
ROWS = 200


class Note(BaseDoc):
    text: str = ""
    size: int = 0
    """Documents that were in the call."""
    most: int = 0
    """Calls that ran at once, at most."""


class Everything(Executor):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lock = threading.Lock()
        self.running = self.most = 0

    @requests(on="/one", envelope=False)
    @dynamic_batching(preferred_batch_size=8, timeout=30)
    def one(self, docs: DocList[Note], parameters: dict[str, Any]) -> DocList[Note]:
        if any(doc.text == "bad" for doc in docs):
            raise ValueError("a bad note")
        mark = parameters.get("mark", "")
        return DocList[Note]([Note(id=doc.id, text=doc.text.upper() + mark, size=len(docs)) for doc in docs])

    @requests(on="/alone", max_concurrency=1)
    @dynamic_batching(preferred_batch_size=4, timeout=5)
    def alone(self, docs: DocList[Note]) -> None:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        threading.Event().wait(0.002)
        with self.lock:
            self.running -= 1
        for doc in docs:
            doc.size, doc.most = len(docs), self.most

    @requests(on="/patient")
    @dynamic_batching(preferred_batch_size=2, timeout=1500)
    async def patient(self, docs: DocList[Note]) -> None:
        for doc in docs:
            doc.size = len(docs)

    @requests(on="/rows")
    def rows(self, docs: DocList[Note]) -> Iterator[Note]:
        database = sqlite3.connect(":memory:")  # may be used in the thread only that made it
        database.execute("create table note (number)")
        database.executemany("insert into note values (?)", [(number,) for number in range(ROWS)])
        for (number,) in database.execute("select number from note order by number"):
            yield Note(text=str(number))
        database.close()

    @requests(on="/broken")
    @dynamic_batching(preferred_batch_size=2, timeout=20)
    def broken(self, docs: DocList[Note]) -> None:
        raise MemoryError("the device is gone")


@pytest.fixture(scope="module")
def served() -> Iterator[Deployment]:
    with Deployment(
        uses=Everything,
        protocol=["grpc", "http"],
        allow_concurrent=3,
        probe={"on": "/one", "document": {"text": "probe"}, "interval": 0.1},
    ) as deployment:
        yield deployment


async def test_plain_documents_share_batches_and_one_bad_one_fails_alone(served: Deployment) -> None:
    async with aiohttp.ClientSession(served.addresses[1]) as session:

        async def ask(number: int) -> tuple[int, Any]:
            text = "bad" if number == 5 else f"note {number}"
            async with session.post("/one", json={"text": text}, params={"mark": "!"}) as response:
                return response.status, await response.json()

        answers = await asyncio.gather(*(ask(number) for number in range(CALLERS)))
    assert [status for status, _ in answers] == [500 if number == 5 else 200 for number in range(CALLERS)]
    assert all(answers[number][1]["text"] == f"NOTE {number}!" for number in range(CALLERS) if number != 5)


async def test_batches_of_an_endpoint_with_a_limit_run_one_after_the_other_on_several_threads(
    served: Deployment,
) -> None:
    async with AsyncClient(served.addresses[0]) as client:

        async def ask(number: int) -> Note:
            sent = DocList[Note]([Note(text=str(number))])
            (note,) = await client.post("/alone", sent, return_type=DocList[Note], priority=number % 3)
            return note

        notes = await asyncio.gather(*(ask(number) for number in range(2 * CALLERS)))
    assert sorted(int(note.text) for note in notes) == list(range(2 * CALLERS))
    assert {note.most for note in notes} == {1}
    assert max(note.size for note in notes) > 1


async def test_a_deadline_in_a_batch_leaves_its_company_alone(served: Deployment) -> None:
    async with AsyncClient(served.addresses[0]) as client:

        async def ask(timeout: float) -> int:
            (note,) = await client.post("/patient", DocList[Note]([Note()]), return_type=DocList[Note], timeout=timeout)
            return note.size

        with pytest.raises(DeadlineExceeded):
            await ask(0.05)
        assert list(await asyncio.gather(ask(30), ask(30))) == [2, 2]


async def test_streams_stay_on_their_thread_while_calls_and_probes_go_on(served: Deployment) -> None:
    async with AsyncClient(served.addresses[0]) as client:

        async def read() -> list[str]:
            items = client.stream_doc("/rows", Note(), return_type=Note)
            return [note.text async for note in items]

        async def ask() -> str:
            (note,) = await client.post("/one", DocList[Note]([Note(text="a")]), return_type=DocList[Note])
            return note.text

        streams, texts = await asyncio.gather(
            asyncio.gather(*(read() for _ in range(6))), asyncio.gather(*(ask() for _ in range(CALLERS)))
        )
    assert streams == [[str(number) for number in range(ROWS)]] * 6
    assert set(texts) == {"A"}


def test_a_probe_goes_through_a_batched_endpoint(served: Deployment) -> None:
    assert Client(served.addresses[0]).is_flow_ready()


def test_an_exception_that_ends_a_worker_does_so_from_a_batch_and_a_new_one_answers() -> None:
    with Deployment(uses=Everything, replicas=2, exit_on_exceptions=["MemoryError"]) as deployment:
        with pytest.raises(ExecutorFailed, match="the device is gone"):
            deployment.post("/broken", DocList[Note]([Note()]), return_type=DocList[Note])
        for number in range(CALLERS):
            (note,) = deployment.post("/one", DocList[Note]([Note(text=f"n{number}")]), return_type=DocList[Note])
            assert note.text == f"N{number}"
