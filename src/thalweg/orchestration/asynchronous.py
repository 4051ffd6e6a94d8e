"""`AsyncFlow`: a Flow whose calls are awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any, Self
from weakref import WeakKeyDictionary

from thalweg.client import AsyncClient
from thalweg.client.call import ClientSettings, Posted
from thalweg.client.exchange import Inputs
from thalweg.client.postable import AsyncPostable
from thalweg.client.posting import Posting
from thalweg.client.profile import Profile
from thalweg.config import GatewayOptions
from thalweg.orchestration.change.revision import changes
from thalweg.orchestration.change.update import AsyncUpdate, Update
from thalweg.orchestration.flow import Flow


class AsyncFlow(AsyncPostable, Flow):  # type: ignore[misc]
    """A Flow for code that runs on an event loop already, such as a notebook: `post`, its shortcuts, `stream`, `is_ready`
    and `profiling` are those of `AsyncClient`. Any number of loops may call it.

        async with Flow(asyncio=True).add(uses=Encoder) as flow:
            answer = await flow.post("/encode", Text(text="rivers"))

    Entered with a plain `with` it blocks until all is ready, as any Flow does; with `async with` it does so aside.
    """

    _clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncClient]

    @property
    def client(self) -> AsyncClient:  # type: ignore[override]
        """A client of it for the running loop, over a private socket."""
        session = self._running()
        with self._lock:
            if not hasattr(self, "_clients"):
                self._clients = WeakKeyDictionary()
            loop = asyncio.get_running_loop()
            found = self._clients.get(loop)
            if found is None:
                found = self._clients[loop] = AsyncClient(session.addresses[0], limits=self._server.limits)
            return found

    async def is_ready(self, timeout: float = 5.0) -> bool:  # type: ignore[override]
        """Whether it is running and every Executor has a replica that answers."""
        return self.running and await self.client.is_ready(timeout)

    async def profiling(  # type: ignore[override]
        self, show_table: bool = True, rounds: int = 20, timeout: float = 30.0
    ) -> Profile:
        """Where the time of a request goes: see `thalweg.client.profile`."""
        return await self.client.profiling(show_table, rounds, timeout)

    def update(self, inputs: Any = None, **arguments: Any) -> Any:
        """See `Flow.update`; awaited, as all else."""
        if changes(inputs, arguments, Flow, ("executor", *GatewayOptions.model_fields)):
            return self._aside(self._updated_by, inputs, arguments)
        return AsyncPostable.update(self, inputs, **arguments)

    async def scale(self, executor: str, replicas: int) -> AsyncUpdate:  # type: ignore[override]
        """See `Flow.scale`."""
        return await self._aside(super().scale, executor, replicas)

    async def reload(self, *executors: str, surge: int | None = None) -> AsyncUpdate:  # type: ignore[override]
        """See `Flow.reload`."""
        return await self._aside(partial(super().reload, *executors, surge=surge))

    async def _aside(self, change: Callable[..., Update], *arguments: Any) -> AsyncUpdate:
        return AsyncUpdate(await asyncio.to_thread(change, *arguments))

    def close(self) -> None:
        """See `Flow.close`. What is open on a loop that does not run any more ended with that."""
        with self._lock:
            clients = dict(getattr(self, "_clients", {}))
            self._clients = WeakKeyDictionary()
        for loop, client in clients.items():
            if loop.is_running():
                asyncio.run_coroutine_threadsafe(client.close(), loop)
        super().close()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *exception: object) -> None:
        client = getattr(self, "_clients", {}).pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()
        await asyncio.to_thread(self.close)

    def _settled(self) -> ClientSettings:
        return self.client.settings

    def _posting(self, call: Posted, inputs: Inputs) -> Posting[Any, Any]:
        return self.client.carry_out(call, inputs)

    def _streaming(self, call: Posted, inputs: Inputs) -> AsyncGenerator[Any, None]:  # type: ignore[override]
        return self.client.items(call, inputs)

    def _conversing(self, call: Posted, inputs: Inputs) -> AsyncGenerator[Any, None]:  # type: ignore[override]
        return self.client.conversation(call, inputs)
