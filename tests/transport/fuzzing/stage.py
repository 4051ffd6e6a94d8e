"""A service on an event loop of its own, and connections to it that are not sockets: whatever bytes are said there, what is
promised of every peer is looked after."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable
from time import monotonic
from typing import Any, TypeVar, cast

from thalweg.config import GraphqlOptions, Limits
from thalweg.config.workers import WorkerOptions
from thalweg.docs import BaseDoc, DocList
from thalweg.executor import Executor, requests
from thalweg.executor.source import ExecutorSource
from thalweg.service.worker.worker import Worker
from thalweg.transport.admission import Admission
from thalweg.transport.contract import Serving
from thalweg.transport.graphql import app

T = TypeVar("T")
PATIENCE_SECONDS = 60.0
"""How long a request may stay under way after its caller has left, on a machine that is busy."""
LIMITS = Limits(max_message_bytes=1 << 20, max_inflight=64, max_inflight_bytes=4 << 20, stream_window=4)
TURNS = 12
"""Of the event loop, in which what was said is taken in."""
LINGER_SECONDS = 0.004
"""Within which a request that is whole is answered, most of the time."""


class Word(BaseDoc):
    text: str = ""
    blob: bytes = b""
    number: int = 0


class Words(Executor):
    """Endpoints of every kind, which answer at once."""

    @requests(on="/echo")
    async def echo(self, docs: DocList[Word], **kwargs: Any) -> DocList[Word]:
        return docs

    @requests(on="/bare", envelope=False)
    async def bare(self, doc: Word, **kwargs: Any) -> Word:
        return doc

    @requests(on="/count")
    async def count(self, doc: Word, **kwargs: Any) -> AsyncIterator[Word]:
        for number in range(3):
            yield Word(number=number, text=doc.text[:100])

    @requests(on="/chat")
    async def chat(self, docs: AsyncIterator[Word], **kwargs: Any) -> AsyncIterator[Word]:
        async for doc in docs:
            yield doc


class Noise(logging.Handler):
    """What was written into the log that is worth a look. Bytes of strangers are not."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("hypothesis"):
            self.heard.append(logging.Formatter().format(record))


class Stage:
    """One for the process: made when it is first asked for."""

    _only: Stage | None = None

    @classmethod
    def get(cls) -> Stage:
        if cls._only is None:
            cls._only = cls()
        return cls._only

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.noise = Noise()
        self.loop.set_exception_handler(self._defect)
        self.worker = Worker(ExecutorSource(Words), WorkerOptions(name="words"))
        self.run(self.worker.start())

    def _defect(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.noise.heard.append(f"{context.get('message')}: {context.get('exception')!r}")

    def serving(self, **settings: Any) -> Serving:
        described = self.worker.description
        plain = Serving(self.worker, limits=LIMITS, timeout=60, describe=lambda: described, **settings)
        graph = app(plain, GraphqlOptions())
        return Serving(
            self.worker, limits=LIMITS, timeout=60, describe=lambda: described, apps={"/graphql": graph}, **settings
        )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def watch(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work`, in which nothing may be logged that somebody would have to look at."""
        root = logging.getLogger()
        root.addHandler(self.noise)
        self.noise.heard.clear()
        try:
            done = self.run(work)
        finally:
            root.removeHandler(self.noise)
        assert self.noise.heard == [], "\n".join(self.noise.heard)
        return done


async def turns(count: int = TURNS) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def emptied(*admissions: Admission) -> None:
    """Return when nothing is under way any more."""
    until = monotonic() + PATIENCE_SECONDS
    while any(one.inflight for one in admissions):
        assert monotonic() < until, f"{[one.inflight for one in admissions]} requests are still under way."
        await asyncio.sleep(0.0005)
    assert [one.inflight_bytes for one in admissions] == [0] * len(admissions)


class Socket(asyncio.Transport):
    """The server's end of a connection; what it writes is kept."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        super().__init__({"peername": ("127.0.0.1", 9), "sockname": ("127.0.0.1", 80)})
        self.said = bytearray()
        self.paused = False
        self._protocol = cast(asyncio.Protocol, protocol)
        self._closing = False
        self._lost = False
        self._unheard: list[bytes] = []

    def begin(self) -> None:
        self._protocol.connection_made(self)

    def hear(self, data: bytes) -> None:
        """`data` comes from the peer, or waits until the server reads on."""
        self._unheard.append(data)
        self._deliver()

    def _deliver(self) -> None:
        while self._unheard and not self.paused and not self._closing:
            self._protocol.data_received(self._unheard.pop(0))

    def leave(self, error: Exception | None = None) -> None:
        """The peer is gone."""
        self._closing = True
        if not self._lost:
            self._lost = True
            self._protocol.connection_lost(error)

    def write(self, data: Any) -> None:
        if not self._closing:
            self.said += data

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is always room."""

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self.leave)

    abort = close

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False
        if self._unheard:
            asyncio.get_running_loop().call_soon(self._deliver)

    def is_reading(self) -> bool:
        return not self.paused

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast(asyncio.Protocol, protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol


async def spoken(
    protocol: asyncio.BaseProtocol, pieces: Iterable[bytes], *admissions: Admission, seconds: float = LINGER_SECONDS
) -> bytes:
    """What a server says to a peer that says `pieces`, waits a little for what is under way, and then is gone."""
    socket = Socket(protocol)
    socket.begin()
    for piece in pieces:
        socket.hear(piece)
        await turns(2)
    await turns()
    until = monotonic() + seconds
    while any(one.inflight for one in admissions) and monotonic() < until:
        await turns(1)
    await turns()
    socket.leave()
    return bytes(socket.said)
