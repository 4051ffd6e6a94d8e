"""Callbacks, and answers in place of documents: alike over every transport, and for both clients."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client.conftest import Service
from thalweg import AsyncClient, Client
from thalweg.client import Answer
from thalweg.client.portal import Portal
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ExecutorFailed, InvalidDocument, Unavailable
from thalweg.testing.leaks import eventually
from thalweg.transport.contract import Server


class Number(BaseDoc):
    n: int


class Word(BaseDoc):
    word: str


def numbers(count: int) -> DocList[Number]:
    return DocList[Number]([Number(n=n) for n in range(count)])


class Log:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Answer[Any]]] = []

    def done(self, answer: Answer[Any]) -> None:
        self.told.append(("done", answer))

    def error(self, answer: Answer[Any]) -> None:
        self.told.append(("error", answer))

    def always(self, answer: Answer[Any]) -> None:
        self.told.append(("always", answer))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.told]


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.address) as made:
        yield made


def test_callbacks_hear_of_every_request_in_jinas_positions(everywhere: str):
    log = Log()
    with Client(everywhere) as client:
        out = client.post(
            "/fail", numbers(6), log.done, log.error, log.always, {"a": 1}, request_size=2, return_type=Number
        )
    assert out is None
    assert log.names == ["done", "always", "error", "always", "error", "always"]
    good, bad = log.told[0][1], log.told[2][1]
    assert good.docs.n == [0, 1]
    assert (good.ok, good.status.code, good.parameters, good.error) == (True, "SUCCESS", {"a": 1}, None)
    assert isinstance(bad.error, ExecutorFailed)
    assert (bad.ok, bad.status.code, bad.status.description) == (False, "ERROR", "it broke")
    assert (len(bad.docs), bad.inputs.n) == (0, [2, 3])
    assert bad.header.exec_endpoint == "/fail"
    assert len({answer.request_id for _, answer in log.told}) == 3
    assert all(len(answer.request_id) == 32 for _, answer in log.told)


def test_the_request_id_is_the_one_that_the_service_sees(everywhere: str, service: Service):
    with Client(everywhere) as client:
        answers = client.post("/echo", Number(n=1), return_responses=True)
    assert [answer.request_id for answer in answers] == [context.request_id for _, context in service.seen]


def test_on_error_is_called_where_nobody_listens(tmp_path: Path):
    log = Log()
    for address in (f"unix://{tmp_path}/nobody", "grpc://127.0.0.1:1", "http://127.0.0.1:1"):
        with Client(address) as client:
            out = client.post("/echo", numbers(2), on_error=log.error, request_size=1, return_type=Number)
        assert len(out) == 0
    assert log.names == ["error"] * 6
    assert all(isinstance(answer.error, Unavailable) for _, answer in log.told)


def test_with_on_error_alone_what_succeeded_is_returned(client: Client):
    log = Log()
    out = client.post("/fail", numbers(6), on_error=log.error, request_size=2, return_type=Number)
    assert out.n == [0, 1]
    assert len(log.told) == 2


def test_with_on_done_alone_an_error_is_raised(client: Client):
    log = Log()
    with pytest.raises(ExecutorFailed):
        client.post("/fail", numbers(6), on_done=log.done, request_size=2)
    assert log.names == ["done"]


def test_going_on_after_errors_returns_what_succeeded_and_says_what_did_not(
    client: Client, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING, "thalweg.client"):
        out = client.post("/fail", numbers(6), continue_on_error=True, request_size=2, return_type=Number)
    assert out.n == [0, 1]
    assert sum("it broke" in message for message in caplog.messages) == 2


def test_answers_in_place_of_documents_have_those_that_failed_too(client: Client):
    answers = client.post(
        "/fail", numbers(4), continue_on_error=True, return_responses=True, request_size=2, return_type=Number
    )
    assert [answer.ok for answer in answers] == [True, False]
    assert answers[0].docs.n == [0, 1]
    assert answers[0].data.docs.n == [0, 1]
    with pytest.raises(ExecutorFailed):
        client.post("/fail", numbers(4), return_responses=True, request_size=2)


def test_an_answer_as_plain_data(client: Client):
    (answer,) = client.post("/echo", Number(id="x", n=1), parameters={"a": 1}, return_responses=True)
    assert answer.to_dict() == {
        "header": {
            "request_id": answer.request_id,
            "exec_endpoint": "/echo",
            "target_executor": "",
            "status": {"code": "SUCCESS", "description": ""},
        },
        "parameters": {"a": 1},
        "routes": [],
        "data": [{"id": "x", "n": 1}],
    }


def test_items_of_a_stream_are_answers_of_their_own(client: Client):
    log = Log()
    client.post("/stream", Number(n=1), on_always=log.always, return_type=Number)
    assert log.names == ["always"] * 3


def test_an_error_in_the_middle_of_a_stream_follows_its_items(client: Client):
    log = Log()
    client.post("/break", Number(n=1), log.done, log.error)
    assert log.names == ["done", "error"]


def test_documents_that_do_not_fit_are_a_failure_of_their_request(client: Client):
    log = Log()
    out = client.post("/echo", numbers(2), on_error=log.error, return_type=Word)
    assert len(out) == 0
    assert isinstance(log.told[0][1].error, InvalidDocument)


def test_what_a_callback_raises_ends_the_call(client: Client, service: Service):
    def refuse(answer: Answer[Any]) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        client.post("/echo", numbers(6), on_done=refuse, request_size=1)
    assert "request" in caught.value.__notes__[0]
    with pytest.raises(RuntimeError, match="StopIteration"):
        client.post("/echo", numbers(6), on_done=lambda _: next(iter(())), request_size=1)


def test_what_a_callback_raises_is_logged_where_the_call_goes_on(client: Client, caplog: pytest.LogCaptureFixture):
    told = []

    def refuse(answer: Answer[Any]) -> None:
        told.append(answer)
        raise KeyError("mine")

    client.post("/echo", numbers(6), on_done=refuse, request_size=1, continue_on_error=True)
    assert len(told) == 6
    assert sum("callback failed" in message for message in caplog.messages) == 6


def test_callbacks_run_in_the_thread_that_called_and_may_call(client: Client):
    threads, found = set(), []

    def again(answer: Answer[Any]) -> None:
        threads.add(threading.get_ident())
        found.append(client.post("/echo", Number(n=7), return_type=Number).n)

    client.post("/echo", (Number(n=n) for n in range(3)), on_done=again, request_size=1)
    assert threads == {threading.get_ident()}
    assert found == [7, 7, 7]


async def test_callbacks_of_the_asynchronous_client_may_be_asynchronous(everywhere: str):
    told = []

    async def done(answer: Answer[Any]) -> None:
        await asyncio.sleep(0)
        told.append(answer.docs.n)

    async with AsyncClient(everywhere) as client:
        assert await client.post("/echo", numbers(4), on_done=done, request_size=2, return_type=Number) is None
    assert told == [[0, 1], [2, 3]]


async def test_results_come_as_they_are_there_where_order_does_not_matter(server: Server, service: Service):
    async with AsyncClient(server.address) as client:
        parts = client.post("/hold-first", numbers(4), request_size=1, results_in_order=False, return_type=Number)
        found = []
        async for part in parts:
            found += part.n
            if len(found) == 3:
                let_go(service)
        assert sorted(found[:3]) == [1, 2, 3]
        assert found[3] == 0


def let_go(service: Service) -> None:
    Portal.shared().loop.call_soon_threadsafe(service.release.set)


async def test_out_of_order_as_in_order_no_more_than_prefetch_are_under_way(server: Server, service: Service):
    async with AsyncClient(server.address) as client:
        out = await client.post(
            "/echo", numbers(200), request_size=1, prefetch=3, results_in_order=False, return_type=Number
        )
    assert sorted(out.n) == list(range(200))
    assert service.most_under_way <= 3


async def test_out_of_order_the_first_error_ends_the_call_too(server: Server, service: Service):
    async with AsyncClient(server.address) as client:
        with pytest.raises(ExecutorFailed):
            await client.post("/fail", numbers(50), request_size=1, results_in_order=False)
        await eventually(lambda: service.under_way == 0)

        async def broken() -> Any:
            yield Number(n=0)
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            await client.post("/echo", broken(), request_size=1, results_in_order=False)


async def test_a_call_is_awaited_or_iterated(server: Server):
    async with AsyncClient(server.address) as client:
        whole = await client.post("/echo", numbers(5), request_size=2, return_type=Number)
        assert whole.n == [0, 1, 2, 3, 4]
        parts = [part.n async for part in client.post("/echo", numbers(5), request_size=2, return_type=Number)]
        assert parts == [[0, 1], [2, 3], [4]]
        answers = client.post("/echo", numbers(5), request_size=2, return_responses=True)
        assert [len(answer.docs) async for answer in answers] == [2, 2, 1]
        assert len(await asyncio.create_task(client.post("/echo", numbers(3)))) == 3
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            tasks = [group.create_task(client.post("/echo", Number(n=n), return_type=Number)) for n in range(5)]
        assert [task.result().n for task in tasks] == [0, 1, 2, 3, 4]


async def test_leaving_an_iteration_calls_the_rest_off(server: Server, service: Service):
    async with AsyncClient(server.address) as client:
        parts = aiter(client.post("/stream", numbers(500), request_size=1))
        await anext(parts)
        await parts.aclose()  # type: ignore[attr-defined]
        await eventually(lambda: service.under_way == 0)
    assert len(service.seen) < 500
