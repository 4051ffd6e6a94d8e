"""`Client`: the asynchronous client for code that blocks."""

from __future__ import annotations

import os
import weakref
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from typing import Any, Literal, Self, Unpack, overload

from thalweg.client.arguments import ClientArguments
from thalweg.client.asynchronous import AsyncClient, result, sending
from thalweg.client.call import Callbacks, ClientSettings, Posted
from thalweg.client.caller import Desk, Feed, runs_code
from thalweg.client.conversing import Monologue
from thalweg.client.direct import BlockingTrip
from thalweg.client.exchange import Batch, Inputs, decode, made, single_batch
from thalweg.client.portal import Portal
from thalweg.client.postable import Postable
from thalweg.client.profile import Profile
from thalweg.docs import DocList
from thalweg.message import Response


class Client(Postable):
    """Calls a Flow or a Deployment and waits. Safe for any number of threads. Arguments as for `AsyncClient`;
    `Client(asyncio=True)` is one of those.

    The calls of all clients of a process share one event loop in one thread. Generators given as `inputs` and callbacks
    run in the thread that called. In a child that was forked it connects anew.
    """

    @overload
    def __new__(  # type: ignore[overload-overlap, misc]
        cls, host: str | None = None, *, asyncio: Literal[True], **arguments: Unpack[ClientArguments]
    ) -> AsyncClient: ...

    @overload
    def __new__(
        cls, host: str | None = None, *, asyncio: bool = False, **arguments: Unpack[ClientArguments]
    ) -> Self: ...

    def __new__(cls, host: str | None = None, *, asyncio: bool = False, **arguments: Any) -> Any:
        return AsyncClient(host, **arguments) if asyncio else super().__new__(cls)

    def __init__(self, host: str | None = None, *, asyncio: bool = False, **arguments: Unpack[ClientArguments]) -> None:
        self._settings = ClientSettings.of(host, arguments, type(self).__name__)
        self._open()

    def _open(self) -> None:
        portal = Portal.shared()
        client = portal.run(_made(self._settings))
        self._process, self._portal, self._client = os.getpid(), portal, client
        # A client that is dropped, or still open when the interpreter ends, closes its connection all the same.
        self._finalizer = weakref.finalize(self, self._portal.submit_last, self._client.close)

    def is_ready(self, timeout: float = 5.0) -> bool:
        """Whether the service answers and says that it is ready."""
        self._check_process()
        return self._portal.run(self._client.is_ready(timeout))

    def profiling(self, show_table: bool = True, rounds: int = 20, timeout: float = 30.0) -> Profile:
        """See `AsyncClient.profiling`."""
        self._check_process()
        return self._portal.run(self._client.profiling(show_table, rounds, timeout))

    def close(self) -> None:
        """Close the connections. Calls under way fail with `PeerLost`. Idempotent."""
        self._finalizer.detach()
        if self._process == os.getpid():
            self._portal.run(self._client.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # How calls are carried out.

    @property
    def settings(self) -> ClientSettings:
        """What it was made with."""
        return self._settings

    def _settled(self) -> ClientSettings:
        return self._settings

    def _check_process(self) -> None:
        """After a fork, the loop that ran the connections is in the other process, and so are they."""
        if self._process != os.getpid():
            self._finalizer.detach()
            self._open()

    def _posting(self, call: Posted, inputs: Inputs) -> Any:
        return self.carry_out(call, inputs)

    def _streaming(self, call: Posted, inputs: Inputs) -> Iterator[Any]:
        return self.carry_out_by_item(call, inputs)

    def _conversing(self, call: Posted, inputs: Inputs) -> Iterator[Any]:
        return self.converse_by_item(call, inputs)

    def carry_out(self, call: Posted, inputs: Inputs) -> Any:
        """All that came of `call`, in the form that it asks for."""
        self._check_process()
        inputs = made(inputs)
        feeds = runs_code(inputs)
        if call.by_reference and call.plain:
            batch = single_batch(inputs, call.size)
            if batch is not None:
                return result(call, inputs, self._crossed(call, batch))
        if call.callbacks is None and not feeds:
            return self._portal.run(self._client.gather(call, inputs))
        desk = Desk()
        if call.callbacks is not None:
            given = call.callbacks
            told = Callbacks(*(desk.callback(one) for one in (given.on_done, given.on_error, given.on_always)))
            call = replace(call, callbacks=told)
        if feeds:
            inputs = Feed(inputs, desk, call.size)  # type: ignore[arg-type]
        return desk.serve(self._portal.submit(self._client.gather(call, inputs)))

    def _crossed(self, call: Posted, batch: Batch) -> DocList[Any]:
        """What comes of one request to a service of this process."""
        client, (request, context) = self._client, sending(call, batch)
        found = BlockingTrip(
            lambda reply: client.submit(call, request, context, reply),
            lambda: client.documents(call, (request, context)),
        ).wait(self._portal)
        return decode(found, call.doc_type) if isinstance(found, Response) else found

    def carry_out_by_item(self, call: Posted, inputs: Inputs) -> Iterator[Any]:
        """The documents that came of `call`, one by one."""
        self._check_process()
        inputs = made(inputs)
        desk = Desk() if runs_code(inputs) else None
        if desk is not None:
            inputs = Feed(inputs, desk, call.size)  # type: ignore[arg-type]
        return self._items(self._client.items(call, inputs), desk)

    def converse_by_item(self, call: Posted, inputs: Inputs) -> Iterator[Any]:
        """The documents that come while `inputs` go, one by one."""
        self._check_process()
        inputs = made(inputs)
        if runs_code(inputs):
            inputs = Monologue(inputs)  # type: ignore[arg-type]
        return self._items(self._client.conversation(call, inputs), None)

    def _items(self, generator: AsyncGenerator[Any, None], desk: Desk | None) -> Iterator[Any]:
        try:
            while True:
                following = self._portal.submit(_next(generator))
                item = self._portal.wait(following) if desk is None else desk.serve(following)
                if item is _END:
                    return
                yield item
        finally:
            self._portal.run(_closed(generator))


_END = object()


async def _made(settings: ClientSettings) -> AsyncClient:
    """Made on the loop that it will run on."""
    return AsyncClient.of(settings)


async def _next(generator: AsyncGenerator[Any, None]) -> Any:
    return await anext(generator, _END)


async def _closed(generator: AsyncGenerator[Any, None]) -> None:
    await generator.aclose()
