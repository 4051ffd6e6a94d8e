"""The threads in which user code runs."""

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from thalweg.executor.thread import ComputeThreads, Letter, LoopThread, Mailbox


def deliver(letter: Letter) -> None:
    letter.deliver()


@pytest_asyncio.fixture
async def compute() -> AsyncIterator[ComputeThreads]:
    thread = ComputeThreads("test-compute", Mailbox(asyncio.get_running_loop(), deliver))
    thread.start()
    yield thread
    await thread.stop()
    assert not thread.alive


@pytest_asyncio.fixture
async def coroutines() -> AsyncIterator[LoopThread]:
    thread = LoopThread("test-coroutines")
    thread.start()
    yield thread
    await thread.stop()
    assert not thread.alive


class CountingLoop:
    """Notes wake-ups, and makes them when it is told to."""

    def __init__(self) -> None:
        self.woken: list[Callable[[], None]] = []

    def call_soon_threadsafe(self, callback: Callable[[], None]) -> None:
        self.woken.append(callback)

    call_soon = call_soon_threadsafe


def test_many_letters_wake_the_loop_once() -> None:
    loop: Any = CountingLoop()
    read: list[int] = []
    mailbox = Mailbox(loop, read.append)
    for number in range(5):
        mailbox.put(number)
    assert len(loop.woken) == 1
    loop.woken.pop()()
    assert read == [0, 1, 2, 3, 4]
    mailbox.put(5)
    assert len(loop.woken) == 1


def test_letters_put_while_reading_are_read_too() -> None:
    loop: Any = CountingLoop()
    read: list[int] = []

    def take(number: int) -> None:
        read.append(number)
        if number < 3:
            mailbox.put(number + 1)

    mailbox = Mailbox(loop, take)
    mailbox.put(0)
    loop.woken.pop(0)()
    assert read == [0, 1, 2, 3]


def test_a_letter_that_cannot_be_read_does_not_hold_up_the_others() -> None:
    loop: Any = CountingLoop()
    read: list[int] = []

    def take(number: int) -> None:
        read.append(10 // number)

    mailbox = Mailbox(loop, take)
    for number in (5, 0, 2):
        mailbox.put(number)
    with pytest.raises(ZeroDivisionError):
        loop.woken.pop(0)()
    loop.woken.pop(0)()
    assert read == [2, 5]


def test_letters_to_a_closed_loop_are_lost_in_silence() -> None:
    loop = asyncio.new_event_loop()
    mailbox: Mailbox[int] = Mailbox(loop, print)
    loop.close()
    mailbox.put(1)


async def test_jobs_run_in_order_on_one_thread(compute: ComputeThreads) -> None:
    ran: list[tuple[int, str]] = []

    def job(number: int) -> Callable[[], int]:
        def run() -> int:
            ran.append((number, threading.current_thread().name))
            return number * 2

        return run

    results = await asyncio.gather(*(compute.do(job(number)) for number in range(20)))
    assert results == [number * 2 for number in range(20)]
    assert ran == [(number, "test-compute") for number in range(20)]


async def test_what_a_job_raises_comes_out_unchanged(compute: ComputeThreads) -> None:
    error = KeyError("x")

    def fail() -> None:
        raise error

    with pytest.raises(KeyError) as caught:
        await compute.do(fail)
    assert caught.value is error


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), StopIteration()])
async def test_what_would_end_the_loop_comes_out_as_an_error(compute: ComputeThreads, error: BaseException) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(RuntimeError, match=type(error).__name__) as caught:
        await compute.do(fail)
    assert caught.value.__cause__ is error


async def test_a_running_job_shows_for_how_long_it_has_run(compute: ComputeThreads) -> None:
    begun, go = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        go.wait()

    assert compute.busy_for == 0.0
    task = asyncio.ensure_future(compute.do(wait))
    await asyncio.to_thread(begun.wait)
    assert compute.busy_for > 0.0
    go.set()
    await task
    assert compute.busy_for == 0.0


async def test_stopping_finishes_what_was_put_before(compute: ComputeThreads) -> None:
    ran: list[int] = []
    tasks = [asyncio.ensure_future(compute.do(lambda number=number: ran.append(number))) for number in range(5)]
    await asyncio.sleep(0)
    await compute.stop()
    assert ran == [0, 1, 2, 3, 4]
    await asyncio.gather(*tasks)
    await compute.stop()


async def test_coroutines_run_on_their_own_loop(coroutines: LoopThread) -> None:
    async def where() -> tuple[str, bool]:
        return threading.current_thread().name, asyncio.get_running_loop() is here

    here = asyncio.get_running_loop()
    assert await coroutines.do(where()) == ("test-coroutines", False)


async def test_a_loop_that_is_blocked_owes_an_answer(coroutines: LoopThread) -> None:
    begun, go = threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        go.wait()

    coroutines.call(block)
    await asyncio.to_thread(begun.wait)
    assert coroutines.silent_for() == 0.0
    assert coroutines.silent_for() > 0.0
    go.set()

    async def nothing() -> None: ...

    await coroutines.do(nothing())
    assert coroutines.silent_for() == 0.0


async def test_cancelling_all_waits_for_their_end(coroutines: LoopThread) -> None:
    ended = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    task = asyncio.ensure_future(coroutines.do(forever()))
    await coroutines.do(asyncio.sleep(0))
    await coroutines.do(asyncio.sleep(0))
    await coroutines.cancel_all()
    assert ended == [True]
    with pytest.raises(asyncio.CancelledError):
        await task


class Tally:
    """A job that notes that it ran."""

    def __init__(self, ran: list[int], number: int) -> None:
        self._ran = ran
        self._number = number

    def run(self) -> None:
        self._ran.append(self._number)

    def deliver(self) -> None:
        """Nobody waits for it."""


@pytest.mark.parametrize("number", [1, 4])
async def test_every_job_runs_once_or_was_taken_back_under_any_schedule(number: int) -> None:
    chance = random.Random(number)
    threads = ComputeThreads("test-compute", Mailbox(asyncio.get_running_loop(), deliver), number)
    threads.start()
    ran: list[int] = []
    taken_back: list[int] = []
    jobs: dict[int, tuple[Tally, int, str]] = {}
    for index in range(20_000):
        # Long stretches in which nothing is special, and others with priorities, so that the two ways alternate.
        special = index // 500 % 2 == 1
        priority = chance.choice((0, 0, 5, -5)) if special else 0
        share = chance.choice(("", "a", "b")) if special else ""
        jobs[index] = (Tally(ran, index), priority, share)
        threads.put(*jobs[index])
        if chance.random() < 0.2:
            gone = chance.randint(max(0, index - 20), index)
            if threads.remove(*jobs[gone]):
                taken_back.append(gone)
        if chance.random() < 0.05:
            await asyncio.sleep(0)
    await threads.stop()
    assert not threads.alive
    assert sorted(ran + taken_back) == list(range(20_000))


async def test_one_thread_runs_by_priority_what_several_calls_put(compute: ComputeThreads) -> None:
    begun, go = threading.Event(), threading.Event()
    ran: list[int] = []

    def wait() -> None:
        begun.set()
        go.wait()

    held = asyncio.ensure_future(compute.do(wait))
    await asyncio.to_thread(begun.wait)
    for number, priority in enumerate((0, -1, 0, 1, 0)):
        compute.put(Tally(ran, number), priority)
    go.set()
    await held
    await compute.settle()
    assert ran == [3, 0, 2, 4, 1]


async def test_how_many_go_before_a_newcomer_is_known_in_both_queues(compute: ComputeThreads) -> None:
    started, gate = threading.Event(), threading.Event()

    class Wait:
        def run(self) -> None:
            started.set()
            gate.wait()

        def deliver(self) -> None: ...

    jobs = [Wait() for _ in range(5)]
    try:
        compute.put(jobs[0])
        await asyncio.to_thread(started.wait)
        for job in jobs[1:4]:
            compute.put(job)
        assert [compute.ahead(priority, "") for priority in (1, 0, -1)] == [0, 3, 3]
        assert compute.ahead(0, "key") == 1
        compute.put(jobs[4], 1)
        assert [compute.ahead(priority, "") for priority in (2, 1, 0, -1)] == [0, 1, 4, 4]
        assert compute.ahead(0, "key") == 2
    finally:
        gate.set()


class Returning(Tally):
    """A job that is put back a few times, and notes where it ran."""

    def __init__(self, threads: ComputeThreads, times: int) -> None:
        self.ran_on: list[int] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._threads = threads
        self._times = times

    def run(self) -> None:
        self.ran_on.append(threading.get_ident())

    def deliver(self) -> None:
        if len(self.ran_on) == self._times:
            self.ended.set_result(None)
        else:
            self._threads.put_back(self, self.ran_on[0])


async def test_what_is_put_back_stays_on_its_thread_and_holds_nothing_up() -> None:
    threads = ComputeThreads("test-compute", Mailbox(asyncio.get_running_loop(), deliver), 3)
    threads.start()
    returning = [Returning(threads, 200) for _ in range(9)]
    ran: list[int] = []
    for job in returning:
        threads.put(job)
    for number in range(1000):
        threads.put(Tally(ran, number), number % 3)
    async with asyncio.timeout(30):
        await asyncio.gather(*(job.ended for job in returning))
    assert all(len(set(job.ran_on)) == 1 for job in returning)
    await threads.stop()
    assert sorted(ran) == list(range(1000))


async def test_what_was_put_back_can_be_taken_back() -> None:
    threads = ComputeThreads("test-compute", Mailbox(asyncio.get_running_loop(), deliver), 2)
    threads.start()
    begun, go = threading.Event(), threading.Event()

    def wait() -> int:
        begun.set()
        go.wait()
        return threading.get_ident()

    held = asyncio.ensure_future(threads.do(wait))
    await asyncio.to_thread(begun.wait)
    job = Returning(threads, 1)
    threads.put_back(job, threads._first.thread.ident or 0)
    assert threads.remove(job)
    assert not threads.remove(job)
    go.set()
    await held
    await threads.stop()
    assert not job.ran_on


async def test_a_coroutine_that_would_end_the_process_does_not_end_the_loop(coroutines: LoopThread) -> None:
    async def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(RuntimeError, match="SystemExit was raised: 3"):
        await coroutines.do(leave())
    await coroutines.do(asyncio.sleep(0))
    assert coroutines.alive
