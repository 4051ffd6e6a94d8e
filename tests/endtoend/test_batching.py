"""Dynamic batching through real processes and sockets, with many callers at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.endtoend.scripts import eventually
from thalweg import AsyncClient, Client, Deployment, Executor, Flow, dynamic_batching, requests
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ExecutorFailed

CALLERS = 64
LONG_MS = 60_000.0


class Word(BaseDoc):
    text: str
    size: int = 0
    """Documents that were in the call."""


ARRIVED: list[str] = []
"""What was counted so far, in the worker's process."""


def counted(doc: Word) -> float:
    ARRIVED.append(doc.id)
    return 1


class Capitals(Executor):
    @requests(on="/upper")
    @dynamic_batching(preferred_batch_size=8, timeout=30)
    def upper(self, docs: DocList[Word], parameters: dict[str, Any]) -> DocList[Word]:
        if any(doc.text.startswith("bad") for doc in docs):
            raise ValueError("a bad word")
        mark = parameters.get("mark", "")
        return DocList[Word]([Word(id=doc.id, text=doc.text.upper() + mark, size=len(docs)) for doc in docs])

    @requests(on="/slow")
    @dynamic_batching(preferred_batch_size=8, timeout=30)
    async def slow(self, docs: DocList[Word], **kwargs: Any) -> DocList[Word]:
        await asyncio.sleep(0.01)
        return DocList[Word]([Word(id=doc.id, text=doc.text[::-1], size=len(docs)) for doc in docs])

    @requests(on="/patient")
    @dynamic_batching(preferred_batch_size=100, timeout=LONG_MS, custom_metric=counted, use_custom_metric=True)
    def patient(self, docs: DocList[Word], **kwargs: Any) -> None:
        for doc in docs:
            doc.size = len(docs)

    @requests(on="/arrived")
    def arrived(self, docs: DocList[Word]) -> None:
        docs[0].size = len(ARRIVED)


@pytest.fixture(scope="module")
def served() -> Iterator[Deployment]:
    with Deployment(uses=Capitals, protocol=["grpc", "http"]) as deployment:
        yield deployment


@pytest.mark.parametrize("index", [0, 1], ids=["grpc", "http"])
async def test_many_callers_at_once_get_each_their_own_answer(served: Deployment, index: int) -> None:
    async with AsyncClient(served.addresses[index]) as client:

        async def ask(number: int) -> tuple[list[str], list[str], set[int]]:
            mark = "!" if number % 2 else "?"
            sent = DocList[Word]([Word(text=f"w{number}-{part}") for part in range(1 + number % 11)])
            got = await client.post("/upper", sent, return_type=DocList[Word], parameters={"mark": mark})
            assert [doc.id for doc in got] == [doc.id for doc in sent]
            return [doc.text.upper() + mark for doc in sent], [doc.text for doc in got], {doc.size for doc in got}

        answers = await asyncio.gather(*(ask(number) for number in range(4 * CALLERS)))
    assert all(wanted == got for wanted, got, _ in answers)
    sizes = set().union(*(sizes for _, _, sizes in answers))
    assert max(sizes) == 8


def test_one_bad_document_among_many_callers_is_its_own_callers_error(served: Deployment) -> None:
    with Client(served.addresses[0]) as client, ThreadPoolExecutor(CALLERS) as callers:

        def ask(number: int) -> Any:
            text = f"bad{number}" if number % 16 == 3 else f"w{number}"
            try:
                return client.post("/upper", Word(text=text), return_type=Word).text
            except ExecutorFailed as error:
                return error

        answers = list(callers.map(ask, range(CALLERS)))
    for number, answer in enumerate(answers):
        if number % 16 == 3:
            assert isinstance(answer, ExecutorFailed)
            assert answer.cause == "ValueError"
        else:
            assert answer == f"W{number}"


async def test_coroutines_are_batched_too(served: Deployment) -> None:
    async with AsyncClient(served.addresses[0]) as client:
        calls = (client.post("/slow", Word(text=f"ab{n}"), return_type=Word) for n in range(CALLERS))
        answers = await asyncio.gather(*calls)
    assert sorted(answer.text for answer in answers) == sorted(f"{n}"[::-1] + "ba" for n in range(CALLERS))
    assert max(answer.size for answer in answers) == 8


def test_what_waits_when_the_service_stops_is_answered() -> None:
    deployment = Deployment(uses=Capitals, protocol="http").start()
    answers: list[Any] = []

    def ask() -> None:
        with Client(deployment.addresses[0]) as client:
            answers.append(client.post("/patient", Word(text="x"), return_type=Word))

    callers = [threading.Thread(target=ask) for _ in range(3)]
    for caller in callers:
        caller.start()
    with Client(deployment.addresses[0]) as client:
        eventually(lambda: client.post("/arrived", Word(text=""), return_type=Word).size == 3)
    deployment.close()
    for caller in callers:
        caller.join(30)
    assert [answer.text for answer in answers] == ["x"] * 3


def test_each_replica_of_a_flow_makes_its_own_batches() -> None:
    options = {"/upper": {"preferred_batch_size": 3, "timeout": 20}}
    with (
        Flow(protocol="grpc").add(uses=Capitals, replicas=2, uses_dynamic_batching=options) as flow,
        ThreadPoolExecutor(CALLERS) as callers,
    ):
        answers = list(
            callers.map(lambda n: flow.post("/upper", Word(text=f"w{n}"), return_type=Word), range(2 * CALLERS))
        )
    assert [answer.text for answer in answers] == [f"W{n}" for n in range(2 * CALLERS)]
    assert max(answer.size for answer in answers) == 3
