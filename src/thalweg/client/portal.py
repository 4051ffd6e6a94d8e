"""One event loop in a thread of its own, for all that blocks in this process."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, ClassVar, TypeVar

T = TypeVar("T")

SETTLING_SECONDS = 1.0
"""How long a call that was interrupted may take to let go of what it held."""


class Portal:
    """Runs coroutines on a loop in a daemon thread and waits for them, from any thread but that one.

    `Portal.shared()` is the one of this process; a forked child gets a new one. The thread lives as long as the process:
    it holds nothing open by itself.
    """

    _shared: ClassVar[tuple[int, Portal] | None] = None
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self.loop = _new_loop()
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self.loop.run_forever, name="thalweg-portal", daemon=True)
        self._thread.start()

    @classmethod
    def shared(cls) -> Portal:
        with cls._lock:
            if cls._shared is None or cls._shared[0] != os.getpid():
                cls._shared = (os.getpid(), cls())
            return cls._shared[1]

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin `work` on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def submit_last(self, finish: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Run `finish`, from wherever a finalizer runs: waits for it, but not for long, unless on the loop's own thread or
        in a process that was forked from the loop's."""
        if os.getpid() != self._pid or not self._thread.is_alive():
            return
        future = self.submit(finish())
        if threading.current_thread() is not self._thread:
            _settle(future)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`. An interrupt (Ctrl-C) while waiting cancels it, and is raised once it has ended.

        Raises:
            RuntimeError: called on the portal's own thread, where waiting would never end.
        """
        if threading.current_thread() is self._thread:
            work.close()
            raise _never_ending()
        return self.wait(self.submit(work))

    def call(self, function: Callable[[], object]) -> None:
        """Have `function` called on the loop, for a thread that is going to wait for it. Raises as `run` does."""
        if threading.current_thread() is self._thread:
            raise _never_ending()
        self.loop.call_soon_threadsafe(function)

    def wait(self, future: Future[T]) -> T:
        """The result of what `submit` began; see `run`."""
        try:
            return future.result()
        except (KeyboardInterrupt, SystemExit):
            future.cancel()
            _settle(future)
            raise


def _never_ending() -> RuntimeError:
    return RuntimeError("A blocking call was made on the event loop's own thread; use the asynchronous client there.")


def _settle(future: Future[Any]) -> None:
    """Wait until a call has ended and let go of what it held, but not for long."""
    try:
        future.exception(timeout=SETTLING_SECONDS)
    except (CancelledError, TimeoutError):
        return


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
