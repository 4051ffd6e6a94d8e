"""`@write`: what it marks, and the lock behind it."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from thalweg import Executor, requests, write
from thalweg.config.workers import WorkerOptions
from thalweg.docs import BaseDoc, DocList
from thalweg.executor.description import describe
from thalweg.executor.endpoint import endpoints
from thalweg.executor.source import ExecutorSource
from thalweg.executor.writing import WriteLock, exclusive
from thalweg.transport.jina.discovery import read_endpoints, write_endpoints


class Text(BaseDoc):
    text: str = ""


class Store(Executor):
    @write
    @requests(on="/index")
    def index(self, docs: DocList[Text]) -> None: ...

    @requests(on=["/delete", "/clear"])
    @write
    async def delete(self, docs: DocList[Text]) -> None: ...

    @requests(on="/search")
    def search(self, docs: DocList[Text]) -> None: ...


def test_it_may_stand_above_or_below_requests() -> None:
    found = endpoints(Store)
    assert {path for path, endpoint in found.items() if endpoint.writes} == {"/index", "/delete", "/clear"}


def test_a_service_says_which_endpoints_write_and_so_does_what_is_read_of_it() -> None:
    description = describe(ExecutorSource(Store), WorkerOptions(name="store"))
    assert [endpoint.path for endpoint in description.endpoints if endpoint.writes] == ["/clear", "/delete", "/index"]
    far = read_endpoints(write_endpoints(description), "store")
    assert [endpoint.path for endpoint in far.endpoints if endpoint.writes] == ["/clear", "/delete", "/index"]


def test_a_method_that_streams_cannot_write() -> None:
    with pytest.raises(TypeError, match="@write cannot stand here: it streams"):

        class Streaming(Executor):
            @write
            @requests(on="/letters")
            def letters(self, doc: Text) -> Iterator[Text]:
                yield doc


def test_it_stands_above_what_can_be_called() -> None:
    with pytest.raises(TypeError, match="belongs above a method"):
        write("/index")  # type: ignore[type-var]


def test_threads_and_coroutines_have_the_lock_one_at_a_time() -> None:
    lock = WriteLock()
    inside = 0
    most = 0

    def enter() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)

    def leave() -> None:
        nonlocal inside
        inside -= 1

    def in_a_thread() -> None:
        for _ in range(300):
            with lock:
                enter()
                leave()

    async def in_a_coroutine() -> None:
        for _ in range(100):
            async with lock:
                enter()
                await asyncio.sleep(0)
                leave()

    async def in_coroutines() -> None:
        await asyncio.gather(*(in_a_coroutine() for _ in range(3)))

    workers = [threading.Thread(target=in_a_thread) for _ in range(2)]
    workers.append(threading.Thread(target=lambda: asyncio.run(in_coroutines())))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert not worker.is_alive()
    assert most == 1


async def test_who_gives_up_waiting_does_not_keep_the_lock() -> None:
    lock = WriteLock()

    async def take() -> str:
        async with lock:
            return "had"

    async with lock:
        waiting = asyncio.create_task(take())
        behind = asyncio.create_task(take())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()
    assert await asyncio.wait_for(behind, 30) == "had"


async def test_who_gives_up_when_its_turn_has_just_come_hands_it_on() -> None:
    lock = WriteLock()

    async def take() -> str:
        async with lock:
            return "had"

    async with lock:
        waiting = asyncio.create_task(take())
        behind = asyncio.create_task(take())
        await asyncio.sleep(0)
    waiting.cancel()  # the lock was handed to it, and it has not run since
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()
    assert await asyncio.wait_for(behind, 30) == "had"


async def test_an_exclusive_method_frees_the_lock_when_it_raises() -> None:
    lock = WriteLock()

    def fails() -> None:
        raise ValueError("no")

    async def fails_later() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        exclusive(fails, lock)()
    with pytest.raises(ValueError, match="no"):
        await exclusive(fails_later, lock)()
    async with asyncio.timeout(30), lock:
        pass
