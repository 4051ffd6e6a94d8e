"""Requests by reference, inside one process: no bytes, no copy, and also between the event loops of two threads.

Servers are found by name, `inprocess://name`, in a registry of the process; a server without a name makes one up. Each
half of a request lives on its own loop and touches the other half only through `_post`, which is a plain call where both
loops are the same.
"""

from __future__ import annotations

import asyncio
import errno
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from functools import partial
from itertools import count
from time import monotonic
from typing import Any

from msgspec.structs import replace

from thalweg.config import Limits
from thalweg.errors import DeadlineExceeded, PayloadTooLarge, PeerLost, ThalwegError, Unavailable
from thalweg.message import Context, Inflow, Pending, Reply, Request, Response, UnaryHandler
from thalweg.message.credit import Credit
from thalweg.message.envelope import payload_size
from thalweg.message.status import from_failure, to_failure
from thalweg.transport.admission import Admission
from thalweg.transport.contract import Channel, Server, Serving
from thalweg.transport.dispatch import dispatch
from thalweg.transport.handover import Handover
from thalweg.transport.inflow import Arrivals

SCHEME = "inprocess://"

_servers: dict[str, InProcessServer] = {}
_numbers = count(1)


def server(address: str, serving: Serving) -> InProcessServer:
    """A server named by `address`; `inprocess://` alone gets a name that nobody has."""
    return InProcessServer(address.removeprefix(SCHEME), serving)


def channel(address: str, limits: Limits) -> InProcessChannel:
    """A channel to the server of that name, whether or not it has been started already."""
    return InProcessChannel(address, limits)


def _post(apart: bool, loop: AbstractEventLoop, callback: Callable[..., object], *arguments: Any) -> None:
    """Call `callback` on `loop`: at once unless that loop is another thread's."""
    if not apart:
        callback(*arguments)
        return
    with suppress(RuntimeError):  # raised by a closed loop: nobody is left to tell
        loop.call_soon_threadsafe(callback, *arguments)


def _find(name: str) -> InProcessServer | None:
    found = _servers.get(name)
    if found is not None and found.loop.is_closed():  # its loop ended without stopping it
        del _servers[name]
        return None
    return found


class InProcessServer(Server):
    def __init__(self, name: str, serving: Serving) -> None:
        self._name = name
        self.serving = serving
        self.short = serving.handler if isinstance(serving.handler, UnaryHandler) else None
        self.timeout = serving.timeout
        self.admission = Admission(serving.limits)
        self.works: set[_Work] = set()
        self.submissions: set[Handover] = set()
        self._emptied: asyncio.Future[None] | None = None
        self._channels: set[InProcessChannel] = set()
        self.stopping = False

    @property
    def address(self) -> str:
        return SCHEME + self._name

    @property
    def ready(self) -> bool:
        return self.serving.ready() and not self.stopping

    async def start(self) -> None:
        self.loop = asyncio.get_running_loop()
        if not self._name:
            self._name = f"server-{next(_numbers)}"
        if _find(self._name) is not None or _servers.setdefault(self._name, self) is not self:
            raise OSError(errno.EADDRINUSE, f"{self.address} is served already, in this process")

    async def stop(self, drain_seconds: float = 0.0) -> None:
        if not hasattr(self, "loop"):
            return
        self._depart()
        # Every call of `stop` has a timer of its own, so the shortest patience wins.
        timer = self.loop.call_later(drain_seconds, self._call_off)
        try:
            while self.works:
                await asyncio.wait([work.task for work in self.works])
            while self.submissions:
                self._emptied = self._emptied or self.loop.create_future()
                await asyncio.wait([self._emptied])
        finally:
            timer.cancel()

    def settled(self) -> None:
        if self._emptied is not None and not self.submissions:
            self._emptied.set_result(None)
            self._emptied = None

    def _depart(self) -> None:
        """Take no new requests, and let every channel know."""
        if self.stopping:
            return
        self.stopping = True
        if _servers.get(self._name) is self:
            del _servers[self._name]
        for channel in self._channels:
            _post(channel.loop is not self.loop, channel.loop, channel.lose, self)
        self._channels.clear()

    def _call_off(self) -> None:
        for work in self.works:
            work.task.cancel()
        for submission in list(self.submissions):
            submission.lose(f"{self.address} was stopped before it had answered.")

    def attach(self, channel: InProcessChannel) -> None:
        """Tell `channel` when this server is gone."""
        if self.stopping:
            _post(channel.loop is not self.loop, channel.loop, channel.lose, self)
        else:
            self._channels.add(channel)

    def detach(self, channel: InProcessChannel) -> None:
        self._channels.discard(channel)


class _Answer:
    """The caller's half of a request, on the caller's loop: what arrived and was not read yet."""

    __slots__ = ("_ended", "_error", "_items", "_reader", "loop")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self._items: deque[Response] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._ended = False
        self._error: Exception | None = None

    def put(self, item: Response) -> None:
        self._items.append(item)
        self._wake()

    def end(self, error: Exception | None) -> None:
        """No more items; the first end is the one that counts."""
        if not self._ended:
            self._ended = True
            self._error = error
            self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def take(self) -> Response | None:
        """The next item, or None at the end. Raises what went wrong, after the items that came before it."""
        while not self._items:
            if self._error is not None:
                raise self._error
            if self._ended:
                return None
            self._reader = self.loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._items.popleft()


class _Work:
    """The server's half of a request, on the server's loop: the task that answers it."""

    __slots__ = (
        "_answer",
        "_apart",
        "_largest",
        "_request",
        "_room",
        "_server",
        "_size",
        "_submission",
        "_unread",
        "context",
        "submissions",
        "task",
    )

    def __init__(
        self, server: InProcessServer, request: Request, context: Context, answer: _Answer, largest: int
    ) -> None:
        self._server = server
        self._request = request
        self.context = context
        self._answer = answer
        self._largest = largest
        self._apart = answer.loop is not server.loop
        self._size = request.size
        self._unread = 0
        self._room: asyncio.Future[None] | None = None
        self._submission: Handover | None = None
        self.submissions: set[Handover] = set()
        self.task: asyncio.Task[ThalwegError | None]

    def feed(self, inflow: Inflow) -> _Feed:
        """What brings `inflow`, which is the caller's, to the handler. Called before `start`."""
        window = self._server.serving.limits.stream_window
        feed = _Feed(inflow, self, self._answer, self._apart, window, self._largest)
        self._request = replace(self._request, inflow=feed.arrivals)
        return feed

    def tell(self, message: Callable[[], None]) -> None:
        """Let the caller's half call a method of this half."""
        _post(self._apart, self._server.loop, message)

    def start(self) -> None:
        """Let the request in, or answer at once why not."""
        server = self._server
        if server.stopping:
            self._end(Unavailable(f"{server.address} is stopping."))
            return
        try:
            if self._submitted(server):
                return
            server.admission.admit(self._size)
        except ThalwegError as error:
            self._end(error)
            return
        server.works.add(self)
        self.task = server.loop.create_task(dispatch(server.serving.handler, self._request, self.context, self._send))
        # Not a `finally` in the task: a task that is cancelled before its first step never runs a line of it.
        self.task.add_done_callback(self._done)

    def _submitted(self, server: InProcessServer) -> bool:
        """Whether the handler has taken it by its short way. Raises what is known at once."""
        if server.short is None or self._request.inflow is not None:
            return False
        submission = Handover(server, self, server.admission, self.context, self, self._largest)
        if not submission.begin(server.short, self._request):
            return False
        self._submission = submission
        return True

    def answer(self, response: Response) -> None:
        _post(self._apart, self._answer.loop, self._answer.put, response)
        self._end(None)

    def fail(self, error: ThalwegError) -> None:
        self._end(error)

    def settled(self) -> None:
        """The submission has ended, and told so."""

    def call_off(self) -> None:
        """The caller does not wait any more."""
        if self._submission is not None:
            self._submission.cancel()
        elif self in self._server.works:
            self.task.cancel()

    def read(self) -> None:
        """The caller took an item."""
        self._unread -= 1
        if self._room is not None:
            if not self._room.done():
                self._room.set_result(None)
            self._room = None

    def _send(self, response: Response) -> asyncio.Future[None] | None:
        if response.size > self._largest:
            raise PayloadTooLarge(f"The answer has {response.size} bytes; at most {self._largest} are taken.")
        self._unread += 1
        _post(self._apart, self._answer.loop, self._answer.put, response)
        if self._unread < self._server.serving.limits.stream_window:
            return None
        self._room = self._server.loop.create_future()
        return self._room

    def _done(self, task: asyncio.Task[ThalwegError | None]) -> None:
        self._server.works.discard(self)
        self._server.admission.release(self._size)
        if task.cancelled():
            self._end(PeerLost(f"{self._server.address} was stopped before it had answered."))
        else:
            self._end(task.result())

    def _end(self, error: ThalwegError | None) -> None:
        # A fresh exception without a traceback, so that a caller never holds on to the frames of the handler.
        fresh = None if error is None else from_failure(to_failure(error, self.context.request_id))
        _post(self._apart, self._answer.loop, self._answer.end, fresh)


class _Feed:
    """An inflow on its way from the caller's loop to the server's."""

    def __init__(self, inflow: Inflow, work: _Work, answer: _Answer, apart: bool, window: int, largest: int) -> None:
        self._inflow = inflow
        self._work = work
        self._answer = answer
        self._apart = apart
        self._largest = largest
        self._credit = Credit(max(2, window))
        self.arrivals = Arrivals(self._on_read)

    def _on_read(self, size: int) -> None:
        _post(self._apart, self._answer.loop, self._credit.grant, 1)

    async def run(self) -> None:
        try:
            while True:
                await self._credit.take()
                body = await anext(self._inflow, None)
                if body is None:
                    break
                size = payload_size(body)
                if size > self._largest:
                    raise PayloadTooLarge(f"A payload has {size} bytes; at most {self._largest} are taken.")
                self._work.tell(partial(self.arrivals.put, body, size))
        except Exception as error:
            self._answer.end(error)
        else:
            self._work.tell(self.arrivals.end)


class InProcessChannel(Channel):
    def __init__(self, address: str, limits: Limits) -> None:
        self._address = address
        self._limits = limits
        self._server: InProcessServer | None = None
        self._largest = limits.max_message_bytes
        """Bytes of a message that both sides take."""
        self._calls: dict[_Work, _Answer] = {}
        self.submissions: set[Handover] = set()
        self._lost: asyncio.Event | None = None
        self._closed = False

    async def connect(self) -> None:
        self._attach()

    @property
    def connected(self) -> bool:
        return self._server is not None

    async def ready(self) -> bool:
        if self._server is None:
            raise Unavailable(f"There is no connection to {self._address}.")
        return self._server.ready

    async def closed(self) -> None:
        if self._lost is not None:
            await self._lost.wait()

    async def close(self) -> None:
        self._closed = True
        for work, answer in list(self._calls.items()):
            answer.end(PeerLost(f"The channel to {self._address} was closed before the answer was complete."))
            work.tell(work.call_off)
        for submission in list(self.submissions):
            submission.lose(f"The channel to {self._address} was closed before the answer was complete.")
        if self._server is not None:
            _post(self._server.loop is not self.loop, self._server.loop, self._server.detach, self)
            self.lose(self._server)

    async def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        context.check()
        work, answer = self._open(request, context)
        timer = None
        if context.deadline is not None:
            timer = self.loop.call_later(context.deadline - monotonic(), self._expire, work, answer)
        self._calls[work] = answer
        feeding = None
        try:
            if request.inflow is not None:
                feeding = self.loop.create_task(work.feed(request.inflow).run())
            work.tell(work.start)
            while (response := await answer.take()) is not None:
                work.tell(work.read)
                yield response
        finally:
            del self._calls[work]
            if timer is not None:
                timer.cancel()
            work.tell(work.call_off)
            if feeding is not None:
                feeding.cancel()
                await asyncio.wait([feeding])

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        """See `UnaryHandler.submit`; for servers on the same loop, whose handler has a short way."""
        context.check()
        server = self._attach()
        handler = server.short
        if handler is None or server.loop is not self.loop:
            return None
        if server.stopping:
            raise Unavailable(f"{server.address} is stopping.")
        theirs = self._theirs(server, context)
        submission = Handover(server, self, server.admission, theirs, reply, self._largest)
        return submission if submission.begin(handler, request) else None

    def settled(self) -> None:
        """Nobody waits for the last of them here."""

    def _open(self, request: Request, context: Context) -> tuple[_Work, _Answer]:
        server = self._attach()
        answer = _Answer(self.loop)
        return _Work(server, request, self._theirs(server, context), answer, self._largest), answer

    def _theirs(self, server: InProcessServer, context: Context) -> Context:
        """The context as the server knows it."""
        deadline = context.deadline
        if deadline is None and server.timeout is not None:
            deadline = monotonic() + server.timeout
        return Context(
            deadline=deadline,
            metadata=context.metadata,
            trace=context.trace,
            request_id=context.given_request_id,
            priority=context.priority,
            share=context.share,
        )

    def _expire(self, work: _Work, answer: _Answer) -> None:
        error = DeadlineExceeded("The deadline of the request has passed.", request_id=work.context.given_request_id)
        answer.end(error)
        work.tell(work.call_off)

    def _attach(self) -> InProcessServer:
        if self._closed:
            raise Unavailable(f"The channel to {self._address} is closed.")
        if self._server is None or self._server.loop.is_closed():
            found = _find(self._address.removeprefix(SCHEME))
            if found is None:
                raise Unavailable(f"Nobody serves {self._address} in this process.")
            self.loop = asyncio.get_running_loop()
            self._server = found
            self._largest = min(self._limits.max_message_bytes, found.serving.limits.max_message_bytes)
            self._lost = asyncio.Event()
            _post(found.loop is not self.loop, found.loop, found.attach, self)
        return self._server

    def lose(self, server: InProcessServer) -> None:
        """That server is gone."""
        if self._server is server:
            self._server = None
            if self._lost is not None:
                self._lost.set()
