"""The two threads in which user code runs, and the way back from them to the loop that waits.

User code never runs on the I/O loop. Synchronous code runs on a thread that does one job after the other, so that what is
bound to a thread (a sqlite connection, a CUDA context) can be made in the constructor and used in every call. Asynchronous
code runs on an event loop of its own, where a coroutine that forgets to await harms only its kind.
"""

from __future__ import annotations

import asyncio
import threading
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


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


class ComputeThread:
    """Does one job after the other. Made and used on the I/O loop; jobs may be put from there only."""

    def __init__(self, name: str, home: Mailbox[Letter]) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._home = home
        # A daemon: user code that never returns must not keep the process from ending.
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._busy_since: float | None = None
        self.put = self._jobs.put
        """Append a job. Its result comes through `home`."""

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def busy_for(self) -> float:
        """Seconds that the job which runs now has taken so far; 0 where none does."""
        since = self._busy_since
        return 0.0 if since is None else monotonic() - since

    async def do(self, function: Callable[[], T]) -> T:
        """The result of `function`, called on the thread when its turn comes."""
        errand = Errand(function)
        self.put(errand)
        return await errand.future

    async def stop(self) -> None:
        """End the thread after the jobs that were put already; their results have been delivered on return."""
        if not self._thread.is_alive():
            return
        await self.do(_nothing)
        self.put(None)
        self._thread.join()

    def _work(self) -> None:
        take = self._jobs.get
        finish = self._home.put
        while (job := take()) is not None:
            self._busy_since = monotonic()
            job.run()
            self._busy_since = None
            finish(job)
            # A reference here would keep the last request alive until the next one comes.
            del job


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
            self._error = RuntimeError(f"{type(error).__name__} was raised: {error}")
            self._error.__cause__ = error
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
        """The result of a coroutine that runs on the loop."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

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
