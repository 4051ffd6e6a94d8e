"""The threads in which user code runs, and the way back from them to the loop that waits.

User code never runs on the I/O loop. Synchronous code runs on a thread that does one job after the other, so that what is
bound to a thread (a sqlite connection, a CUDA context) can be made in the constructor and used in every call; where an
Executor may be called from several threads there are several, of which the first one constructs and closes it. Asynchronous
code runs on an event loop of its own, where a coroutine that forgets to await harms only its kind.
"""

from __future__ import annotations

import asyncio
import threading
from asyncio import AbstractEventLoop
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar

from thalweg.executor.forecast import Forecast
from thalweg.executor.queue import FairQueue

T = TypeVar("T")

LAST = -(1 << 30)
"""A priority below all that a request may have."""


class Letter(Protocol):
    """Something on its way to the I/O loop."""

    def deliver(self) -> None:
        """Hand on what came of it. Called on the I/O loop; may not raise."""


class Job(Letter, Protocol):
    """One piece of work for the compute thread, and its result."""

    def run(self) -> None:
        """Do it. Called on the compute thread; may not raise."""


class Mailbox(Generic[T]):
    """Takes letters in any thread, and reads them on one event loop.

    However many are put while the loop is busy elsewhere, it is woken once: a wake-up is a system call, and with the
    switch of threads that follows it costs more than the rest of a small request.
    """

    __slots__ = ("_letters", "_loop", "_read", "_waking")

    def __init__(self, loop: AbstractEventLoop, read: Callable[[T], None]) -> None:
        self._loop = loop
        self._read = read
        self._letters: deque[T] = deque()
        self._waking = False

    def put(self, letter: T) -> None:
        self._letters.append(letter)
        if not self._waking:
            self._waking = True
            with suppress(RuntimeError):  # raised by a loop that was closed: nobody is left to read
                self._loop.call_soon_threadsafe(self._open)

    def _open(self) -> None:
        # The flag falls first: a letter that is put from now on wakes the loop again, one that was put before is in the
        # queue already.
        self._waking = False
        letters = self._letters
        read = self._read
        try:
            while letters:
                read(letters.popleft())
        except BaseException:
            # A reader that raises is a defect; the event loop reports it. The letters behind must be read all the same.
            self._waking = True
            self._loop.call_soon(self._open)
            raise


class ComputeThreads:
    """Do the jobs that wait, in the order of `FairQueue`; one after the other where there is one thread. Made and used on
    the I/O loop; jobs may be put and taken back from there only.

    As long as every job that waits has priority 0 and no key of sharing they stand in a plain line, which needs no lock:
    its operations cannot be divided. One that is different takes all that wait over into the fair queue.
    """

    def __init__(self, name: str, home: Mailbox[Letter], number: int = 1) -> None:
        self._home = home
        self._line: OrderedDict[Job, None] = OrderedDict()
        self._fair: FairQueue[Job] = FairQueue()
        self._ordered = False
        """Whether jobs wait in the fair queue. Set on the I/O loop, unset by the thread that takes the last one."""
        self._lock = threading.Lock()
        """Held by whoever touches the fair queue."""
        self._sleeping: deque[_Member] = deque()
        self._ended = False
        self.forecast: Forecast | None = None
        """Is told how long each job takes, where there is one."""
        self._members = [_Member(name if number == 1 else f"{name}-{index}", self._work) for index in range(number)]
        self._first = self._members[0]

    def start(self) -> None:
        for member in self._members:
            member.thread.start()

    @property
    def number(self) -> int:
        return len(self._members)

    @property
    def alive(self) -> bool:
        return all(member.thread.is_alive() for member in self._members)

    @property
    def waiting(self) -> int:
        """Jobs that wait now, to the accuracy of a glance."""
        return len(self._line) + len(self._fair)

    @property
    def busy_for(self) -> float:
        """Seconds that the longest of the jobs which run now has taken so far; 0 where none runs."""
        begun = [since for member in self._members if (since := member.busy_since) is not None]
        return monotonic() - min(begun) if begun else 0.0

    @property
    def running(self) -> list[Job]:
        """The jobs that run now."""
        return [job for member in self._members if (job := member.job) is not None]

    def put(self, job: Job, priority: int = 0, share: str = "") -> None:
        """Let `job` wait for its turn. Its result comes through the mailbox."""
        if priority or share or self._ordered:
            self._put_in_order(job, priority, share)
        else:
            self._line[job] = None
        if self._sleeping:
            self._wake()

    def ahead(self, priority: int, share: str) -> int:
        """How many of the jobs that wait now have their turn before one that would be put so."""
        if self._ordered:
            with self._lock:
                return self._fair.ahead(priority, share)
        waiting = len(self._line)
        if priority > 0:
            return 0
        return min(waiting, 1) if share and not priority else waiting

    def put_back(self, job: Job, thread: int) -> None:
        """Let `job`, which has run on the thread with this identity, go on there: what it holds may belong to that one. On
        each thread such jobs and those that may go to any take turns."""
        member = next(one for one in self._members if one.thread.ident == thread)
        member.kept.append(job)
        self._rouse(member)

    def remove(self, job: Job, priority: int = 0, share: str = "") -> bool:
        """Take back a job that was put so, or put back; False where it is running, or has run."""
        if self._line.pop(job, self) is None:
            return True
        for member in self._members:
            if member.kept:
                with suppress(ValueError):
                    member.kept.remove(job)
                    return True
        with self._lock:
            return self._fair.remove(job, priority, share)

    def displaced(self, priority: int, share: str, may_go: Callable[[Job], bool]) -> Job | None:
        """Take back the job that should give its place to a newcomer; see `FairQueue.displaced`."""
        with self._lock:
            self._take_over()
            return self._fair.displaced(priority, share, may_go)

    async def do(self, function: Callable[[], T]) -> T:
        """The result of `function`, called on the first thread, before all that waits."""
        errand = Errand(function)
        self._first.errands.append(errand)
        self._rouse(self._first)
        return await errand.future

    async def settle(self) -> None:
        """Return when every job has run that was put until now."""
        # A thread that waits at the barrier does nothing else, and none gets there before everything else is taken.
        barrier = threading.Barrier(len(self._members))
        errands = [Errand(barrier.wait) for _ in self._members]
        for errand in errands:
            self.put(errand, LAST)
        await asyncio.gather(*(errand.future for errand in errands))

    async def stop(self) -> None:
        """End the threads after the jobs that were put already; their results have been delivered on return."""
        if not self.alive:
            return
        await self.settle()
        self._ended = True
        while self._sleeping:
            self._wake()
        for member in self._members:
            member.thread.join()

    def _put_in_order(self, job: Job, priority: int, share: str) -> None:
        with self._lock:
            self._take_over()
            self._fair.put(job, priority, share)

    def _take_over(self) -> None:
        """Have all that waits in the fair queue. Called with the lock."""
        self._ordered = True  # first: a thread that finds the line empty meanwhile must not go to sleep
        line = self._line
        with suppress(KeyError):  # the line is empty
            while line:
                self._fair.put(line.popitem(last=False)[0])

    def _wake(self) -> None:
        with suppress(IndexError):  # the last sleeper has just got up by itself
            self._sleeping.pop().wake()

    def _rouse(self, member: _Member) -> None:
        with suppress(ValueError):  # it is awake, and looks for what it has to do before it sleeps
            self._sleeping.remove(member)
            member.wake()

    def _work(self, member: _Member) -> None:
        take = self._take
        finish = self._home.put
        while (job := take(member)) is not None:
            member.job = job
            member.busy_since = monotonic()
            job.run()
            if self.forecast is not None:
                self.forecast.note(monotonic() - member.busy_since)
            member.busy_since = None
            member.job = None
            finish(job)
            # A reference here would keep the last request alive until the next one comes.
            del job

    def _take(self, member: _Member) -> Job | None:
        """The next job, once there is one; None at the end."""
        line, sleeping = self._line, self._sleeping
        while True:
            if member.errands:
                return member.errands.popleft()
            if member.kept and (job := self._take_kept(member)) is not None:
                return job
            if line:
                try:
                    return line.popitem(last=False)[0]
                except KeyError:  # another thread was quicker
                    continue
            if self._ordered:
                job = self._take_in_order()
                if job is not None:
                    return job
            if self._ended:
                return None
            sleeping.append(member)
            # What was put before that woke nobody, so it is looked for once more.
            if line or self._ordered or member.errands or member.kept or self._ended:
                try:
                    sleeping.remove(member)
                except ValueError:
                    pass  # somebody is about to wake it, and has to be waited for
                else:
                    continue
            member.sleep()

    def _take_kept(self, member: _Member) -> Job | None:
        """A job that was put back, unless it is the turn of those that may go to any thread."""
        member.gives_way = not member.gives_way and bool(self._line or self._ordered)
        if member.gives_way:
            return None
        try:
            return member.kept.popleft()
        except IndexError:  # it was taken back just now
            return None

    def _take_in_order(self) -> Job | None:
        with self._lock:
            job = self._fair.take()
            if not self._fair:
                self._ordered = False
        return job


class _Member:
    """One compute thread."""

    __slots__ = ("busy_since", "errands", "gives_way", "job", "kept", "sleep", "thread", "wake")

    def __init__(self, name: str, work: Callable[[_Member], None]) -> None:
        # A daemon: user code that never returns must not keep the process from ending.
        self.thread = threading.Thread(target=work, args=(self,), name=name, daemon=True)
        self.busy_since: float | None = None
        self.job: Job | None = None
        self.errands: deque[Job] = deque()
        """Jobs for this thread and no other, before all that waits."""
        self.kept: deque[Job] = deque()
        """Jobs that were put back."""
        self.gives_way = False
        """Whether what may go to any thread has its turn now."""
        bed = threading.Lock()
        bed.acquire()
        self.sleep = bed.acquire
        self.wake = bed.release


class Errand(Generic[T]):
    """A job that is any function; its exception, whatever it is, comes out of `future` unchanged."""

    __slots__ = ("_error", "_function", "_result", "future")

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self.future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._function()
        except (SystemExit, KeyboardInterrupt, StopIteration) as error:
            # A future does not carry StopIteration, and the other two would end the I/O loop instead of this errand.
            self._error = _told(error)
        except BaseException as error:
            self._error = error

    def deliver(self) -> None:
        if self.future.done():
            return
        if self._error is not None:
            self.future.set_exception(self._error)
        else:
            self.future.set_result(self._result)


class LoopThread:
    """An event loop in a thread of its own. Made and used on the I/O loop; `call` may be used from any thread."""

    def __init__(self, name: str) -> None:
        self._loop = _new_loop()
        self._calls: Mailbox[Callable[[], object]] = Mailbox(self._loop, _call)
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._asked: float | None = None
        self.call = self._calls.put
        """Call a function of no arguments on the loop. It may not raise."""

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def silent_for(self) -> float:
        """Seconds that the loop has owed an answer to the last time this was asked; asks again where it does not."""
        if self._asked is None:
            self._asked = monotonic()
            self.call(self._answer)
            return 0.0
        return monotonic() - self._asked

    def _answer(self) -> None:
        self._asked = None

    async def do(self, coroutine: Any) -> Any:
        """The result of a coroutine that runs on the loop; its exception as an `Errand` gives it."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_contained(coroutine), self._loop))

    async def cancel_all(self) -> None:
        """Cancel every task of the loop and wait for their end."""
        await self.do(_cancel_all())

    async def stop(self) -> None:
        """End the loop and its thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            await asyncio.to_thread(self._thread.join)

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            self._loop.close()


async def _contained(coroutine: Any) -> Any:
    try:
        return await coroutine
    except (SystemExit, KeyboardInterrupt) as error:  # either would end the loop it runs on
        raise _told(error) from error


def _told(error: BaseException) -> RuntimeError:
    """An exception that is not for where it would go, as one that is."""
    told = RuntimeError(f"{type(error).__name__} was raised: {error}")
    told.__cause__ = error
    return told


def _call(function: Callable[[], object]) -> None:
    function()


def _nothing() -> None:
    return None


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _new_loop() -> AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # not made for this platform
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
