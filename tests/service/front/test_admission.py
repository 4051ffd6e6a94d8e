"""What a worker lets in, in which order it runs, and how much of it at once."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from thalweg.config import Limits
from thalweg.config.workers import WorkerOptions
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ConfigurationError, Overloaded, ThalwegError, Unavailable
from thalweg.executor import Executor, requests
from thalweg.executor.source import ExecutorSource, executor_class
from thalweg.message import Context, Pending, Request, Response
from thalweg.service.worker.worker import Worker


class Text(BaseDoc):
    text: str = ""


class Gate:
    """Holds calls up until the test lets them go on, and notes who ran and how many at once. Made anew for each test."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.lock = threading.Lock()
        self.running = 0
        self.most = 0
        self.ran: list[str] = []

    def enter(self, name: str) -> None:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
            self.ran.append(name)

    def leave(self) -> None:
        with self.lock:
            self.running -= 1


gate = Gate()


@pytest.fixture(autouse=True)
def _new_gate() -> Iterator[None]:
    gate.__init__()  # type: ignore[misc]
    yield
    gate.go.set()


class Held(Executor):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.constructed_on = threading.get_ident()
        self.closed_on = 0

    @requests(on="/hold")
    def hold(self, docs: DocList[Text]) -> None:
        gate.enter(docs[0].text)
        assert gate.go.wait(30)
        gate.leave()

    @requests(on=["/two", "/three"], max_concurrency=2)
    def hold_two(self, docs: DocList[Text]) -> None:
        self.hold(docs)

    @requests(on="/later", max_concurrency=2)
    async def hold_later(self, docs: DocList[Text]) -> None:
        gate.enter(docs[0].text)
        while not gate.go.is_set():  # noqa: ASYNC110  the test's thread sets it
            await asyncio.sleep(0.001)
        gate.leave()

    @requests(on="/stream", max_concurrency=1)
    async def stream(self, docs: DocList[Text]) -> AsyncIterator[Text]:
        gate.enter(docs[0].text)
        try:
            yield Text(text="1")
            while not gate.go.is_set():  # noqa: ASYNC110  the test's thread sets it
                await asyncio.sleep(0.001)
            yield Text(text="2")
        finally:
            gate.leave()

    def close(self) -> None:
        gate.ran.append(f"closed {threading.get_ident() == self.constructed_on}")


class Note:
    """A reply that keeps what it was told."""

    def __init__(self) -> None:
        self.response: Response | None = None
        self.error: ThalwegError | None = None

    def answer(self, response: Response) -> None:
        self.response = response

    def fail(self, error: ThalwegError) -> None:
        self.error = error

    @property
    def told(self) -> bool:
        return self.response is not None or self.error is not None


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Worker]:
    worker = Worker(ExecutorSource(executor_class(Held, "Held")), WorkerOptions(name="held", **options))
    await worker.start()
    try:
        yield worker
    finally:
        gate.go.set()
        await worker.close()
        assert worker.inflight == 0


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  other threads make it hold
            await asyncio.sleep(0.001)


def request(endpoint: str, text: str) -> Request:
    return Request(endpoint, (b'{"data":[{"text":"%b"}]}' % text.encode(),))


def submit(worker: Worker, endpoint: str, text: str, priority: int = 0, share: str = "") -> tuple[Pending, Note]:
    note = Note()
    pending = worker.submit(request(endpoint, text), Context(priority=priority, share=share), note)
    assert pending is not None
    return pending, note


async def occupied(worker: Worker, endpoint: str = "/hold") -> Note:
    """Have the thread of user code taken."""
    _, note = submit(worker, endpoint, "first")
    await until(lambda: gate.running)
    return note


# the order of what waits -------------------------------------------------------------------------------------------------


async def test_what_waits_runs_by_priority_and_then_by_turns() -> None:
    async with running() as worker:
        await occupied(worker)
        notes = [
            submit(worker, "/hold", name, priority, share)[1]
            for name, priority, share in [
                ("a1", 0, "a"), ("a2", 0, "a"), ("a3", 0, "a"), ("b1", 0, "b"), ("low", -1, ""), ("high", 1, "a")
            ]
        ]  # fmt: skip
        gate.go.set()
        await until(lambda: all(note.told for note in notes))
        assert gate.ran == ["first", "high", "a1", "b1", "a2", "a3", "low"]


async def test_the_long_way_waits_in_the_same_queue() -> None:
    async def ask(name: str, priority: int) -> None:
        async with aclosing(worker.handle(request("/hold", name), Context(priority=priority))) as responses:
            assert [response async for response in responses]

    async with running() as worker:
        await occupied(worker)
        tasks = [asyncio.ensure_future(ask(name, priority)) for name, priority in (("low", -5), ("high", 5))]
        await until(lambda: worker.inflight == 3)
        gate.go.set()
        await asyncio.gather(*tasks)
        assert gate.ran == ["first", "high", "low"]


async def test_what_is_called_off_leaves_the_queue_at_once() -> None:
    async with running(queue=Limits(max_inflight=3)) as worker:
        await occupied(worker)
        for number in range(100):
            pending, note = submit(worker, "/hold", f"gone-{number}", number % 3, "x" * (number % 2))
            pending.cancel()
            pending.cancel()
            assert worker.inflight == 1
            assert not note.told
        gate.go.set()
        await until(lambda: worker.inflight == 0)
        assert gate.ran == ["first"]


# the limit ---------------------------------------------------------------------------------------------------------------


async def test_who_is_refused_hears_when_to_return() -> None:
    async with running(queue=Limits(max_inflight=2)) as worker:
        await occupied(worker)
        submit(worker, "/hold", "second")
        with pytest.raises(Overloaded, match="held has 2 requests") as refused:
            submit(worker, "/hold", "third")
        assert refused.value.retry_after == 1.0
        assert refused.value.executor == "held"


async def test_a_higher_priority_takes_the_place_of_a_lower_one() -> None:
    async with running(queue=Limits(max_inflight=3)) as worker:
        await occupied(worker)
        low = [submit(worker, "/hold", f"low-{number}", -1)[1] for number in range(2)]
        _, high = submit(worker, "/hold", "high", 1)
        assert isinstance(low[1].error, Overloaded)
        assert low[1].error.retry_after is not None
        assert worker.inflight == 3
        with pytest.raises(Overloaded):
            submit(worker, "/hold", "another", -1)
        gate.go.set()
        await until(lambda: high.told and low[0].told)
        assert gate.ran == ["first", "high", "low-0"]


async def test_a_full_queue_has_room_for_who_has_little_in_it() -> None:
    async with running(queue=Limits(max_inflight=5)) as worker:
        await occupied(worker)
        greedy = [submit(worker, "/hold", f"greedy-{number}", 0, "greedy")[1] for number in range(4)]
        modest = [submit(worker, "/hold", f"modest-{number}", 0, "modest")[1] for number in range(2)]
        with pytest.raises(Overloaded):
            submit(worker, "/hold", "modest-2", 0, "modest")
        assert [note.told for note in greedy] == [False, False, True, True]
        gate.go.set()
        await until(lambda: all(note.told for note in greedy + modest))
        assert gate.ran == ["first", "greedy-0", "modest-0", "greedy-1", "modest-1"]


async def test_an_endpoint_has_limits_of_its_own() -> None:
    async with running(queue_limits={"hold": {"max_inflight": 2}, "/two": {"max_inflight_bytes": 60}}) as worker:
        await occupied(worker)
        submit(worker, "/hold", "second")
        with pytest.raises(Overloaded, match="held has at /hold 2 requests"):
            submit(worker, "/hold", "third")
        submit(worker, "/two", "x" * 20)
        with pytest.raises(Overloaded, match="held has at /two 42 bytes"):
            submit(worker, "/two", "y")
        submit(worker, "/three", "z")


async def test_options_that_name_no_endpoint_are_refused_at_the_start() -> None:
    for option in ({"max_concurrency": {"/nowhere": 2}}, {"queue_limits": {"/nowhere": {"max_inflight": 1}}}):
        with pytest.raises(ConfigurationError, match=r"/nowhere, which held does not have.*/hold"):
            async with running(**option):
                raise AssertionError("it started")


# how much runs at once ---------------------------------------------------------------------------------------------------


async def test_synchronous_methods_run_one_at_a_time() -> None:
    async with running() as worker:
        notes = [submit(worker, "/hold", str(number))[1] for number in range(5)]
        await until(lambda: gate.running)
        gate.go.set()
        await until(lambda: all(note.told for note in notes))
        assert gate.most == 1
        assert gate.ran == ["0", "1", "2", "3", "4"]


async def test_synchronous_methods_run_side_by_side_where_they_may() -> None:
    async with running(allow_concurrent=3) as worker:
        notes = [submit(worker, "/hold", str(number))[1] for number in range(5)]
        await until(lambda: gate.running == 3)
        gate.go.set()
        await until(lambda: all(note.told for note in notes))
        assert gate.most == 3


async def test_the_first_of_several_threads_constructs_and_closes() -> None:
    async with running(allow_concurrent=4) as worker:
        notes = [submit(worker, "/hold", str(number))[1] for number in range(20)]
        gate.go.set()
        await until(lambda: all(note.told for note in notes))
    assert gate.ran[-1] == "closed True"


async def test_closing_waits_for_every_thread_and_drops_what_waits() -> None:
    async with running(allow_concurrent=2) as worker:
        held = [submit(worker, "/hold", str(number))[1] for number in range(2)]
        await until(lambda: gate.running == 2)
        waiting = [submit(worker, "/hold", "dropped", priority, "x")[1] for priority in (-10, 0, 10)]
        closing = asyncio.ensure_future(worker.close())
        await until(lambda: worker._invocation is not None and worker._invocation.closing)
        gate.go.set()
        await closing
        assert all(note.response is not None for note in held)
        assert all(isinstance(note.error, Unavailable) for note in waiting)
        assert gate.ran[-1] == "closed True"
        assert "dropped" not in gate.ran


@pytest.mark.parametrize("endpoint", ["/two", "/later"])
async def test_an_endpoint_works_on_no_more_than_it_may(endpoint: str) -> None:
    async with running(allow_concurrent=8) as worker:
        notes = [submit(worker, endpoint, str(number))[1] for number in range(4)]
        _, high = submit(worker, endpoint, "high", 1)
        gone, nobody = submit(worker, endpoint, "gone")
        await until(lambda: gate.running == 2)
        gone.cancel()
        assert worker.inflight == 5
        gate.go.set()
        await until(lambda: high.told and all(note.told for note in notes))
        assert gate.most == 2
        assert gate.ran.index("high") < gate.ran.index("3")
        assert "gone" not in gate.ran
        assert not nobody.told


async def test_the_paths_of_a_method_share_its_limit() -> None:
    async with running(allow_concurrent=8) as worker:
        notes = [submit(worker, endpoint, endpoint)[1] for endpoint in ("/two", "/three", "/two", "/three")]
        await until(lambda: gate.running == 2)
        gate.go.set()
        await until(lambda: all(note.told for note in notes))
        assert gate.most == 2


async def test_the_options_say_another_limit() -> None:
    async with running(max_concurrency={"/later": 3}) as worker:
        notes = [submit(worker, "/later", str(number))[1] for number in range(6)]
        await until(lambda: gate.running == 3)
        gate.go.set()
        await until(lambda: all(note.told for note in notes))
        assert gate.most == 3


async def test_streams_wait_for_their_turn_too() -> None:
    async with running() as worker:
        first = worker.handle(request("/stream", "one"), Context())
        await anext(first)
        second = worker.handle(request("/stream", "two"), Context())
        coming = asyncio.ensure_future(anext(second))
        third = worker.handle(request("/stream", "three"), Context())
        leaving = asyncio.ensure_future(anext(third))
        await until(lambda: worker.inflight == 3)
        leaving.cancel()
        await until(lambda: worker.inflight == 2)
        assert gate.ran == ["one"]
        await first.aclose()
        await coming
        assert gate.ran == ["one", "two"]
        await second.aclose()
        await until(lambda: worker.inflight == 0)


@pytest.mark.parametrize("endpoint", ["/two", "/later"])
async def test_what_waits_for_its_endpoint_is_told_of_the_close(endpoint: str) -> None:
    async with running(allow_concurrent=4) as worker:
        held = [submit(worker, endpoint, str(number))[1] for number in range(2)]
        await until(lambda: gate.running == 2)
        _, waiting = submit(worker, endpoint, "waiting")
        closing = asyncio.ensure_future(worker.close())
        await until(lambda: worker._invocation is not None and worker._invocation.closing)
        gate.go.set()
        await closing
        assert isinstance(waiting.error, Unavailable)
        assert all(note.told for note in held)
        assert "waiting" not in gate.ran
