"""`@write`, and the lock that keeps the writes of one Executor apart from each other and from its snapshots."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__thalweg_write__"


def write(func: F, /) -> F:
    """Say that an endpoint changes the state of its Executor. Stands above or below `@requests`.

        @write
        @requests(on="/index")
        def index(self, docs: DocList[Text]) -> None: ...

    A worker runs one write at a time, synchronous and asynchronous ones together, and none while a snapshot is taken or
    restored. Endpoints without it may run beside a write. The method stays what it was: where user code calls it itself,
    nothing is waited for, so that one write may call another.

    Raises:
        TypeError: it stands above something that cannot be called; or, when the class is defined, the method streams.
    """
    if not callable(func):
        raise TypeError(f"@write belongs above a method, not {func!r}.")
    setattr(func, _MARK, True)
    return func


def writes(function: object) -> bool:
    """Whether `@write` stands above `function`."""
    return getattr(function, _MARK, False) is True


class WriteLock:
    """One at a time, in the order in which they came: `with` in threads, `async with` on any event loop."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held = False
        self._waiting: deque[Callable[[], object]] = deque()
        """How each of those who wait is woken. The lock is handed over to whoever is, so that it is never free between."""

    def __enter__(self) -> None:
        with self._guard:
            if not self._held:
                self._held = True
                return
            come = threading.Event()
            self._waiting.append(come.set)
        come.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._release()

    async def __aenter__(self) -> None:
        with self._guard:
            if not self._held:
                self._held = True
                return
            loop = asyncio.get_running_loop()
            come = asyncio.Event()

            def wake() -> None:
                loop.call_soon_threadsafe(come.set)

            self._waiting.append(wake)
        try:
            await come.wait()
        except asyncio.CancelledError:
            self._renounce(wake)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._release()

    def _renounce(self, wake: Callable[[], object]) -> None:
        with self._guard:
            if wake in self._waiting:
                self._waiting.remove(wake)
                return
        self._release()  # it was handed over in the same moment

    def _release(self) -> None:
        with self._guard:
            if not self._waiting:
                self._held = False
                return
            wake = self._waiting.popleft()
        wake()


def exclusive(method: Callable[..., Any], lock: WriteLock) -> Callable[..., Any]:
    """`method`, holding `lock` while it runs."""
    if inspect.iscoroutinefunction(inspect.unwrap(method)):

        async def alone_later(**arguments: Any) -> Any:
            async with lock:
                return await method(**arguments)

        return alone_later

    def alone(**arguments: Any) -> Any:
        with lock:
            return method(**arguments)

    return alone
