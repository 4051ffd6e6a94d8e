"""The server's end of a multiplexed connection."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from math import isnan
from time import monotonic

import msgspec

from thalweg.config import Limits
from thalweg.errors import MalformedRequest, PayloadTooLarge, ThalwegError, Unavailable
from thalweg.message import Buffer, Context, Inflow, Request, Response, UnaryHandler
from thalweg.message.status import to_failure
from thalweg.transport.admission import Admission
from thalweg.transport.contract import Serving
from thalweg.transport.dispatch import defect, dispatch
from thalweg.transport.multiplex.answers import STOPPED, Outgoing, Submitted
from thalweg.transport.multiplex.frames import (
    HEAD,
    LENGTH,
    VERSION,
    Assembly,
    FrameReader,
    Kind,
    announced,
    failure_frame,
    frame,
    framed,
    read_request,
    response_message,
)
from thalweg.transport.multiplex.inflow import Receiving
from thalweg.transport.multiplex.wire import Wire
from thalweg.transport.precedence import checked_priority, checked_share

HEAD_ALLOWANCE = 1 << 20
"""Bytes that the head of a message may have on top of the largest payload."""
LONGEST_SECONDS = 366 * 24 * 3600.0
"""That a request may take."""


class Sessions:
    """What the connections of one server share: its handler, its limits, and whether it still takes requests."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.admission = Admission(serving.limits)
        self.submit = serving.handler.submit if isinstance(serving.handler, UnaryHandler) else None
        self.draining = False
        self._closed = False
        self._sessions: set[ServerSession] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def open(self, wire: Wire) -> ServerSession:
        """A session for a connection that was just accepted."""
        session = ServerSession(self, wire)
        self._sessions.add(session)
        if self._closed:  # accepted just before the listener was closed, and only told of now
            wire.abort()
        elif self.draining:
            session.go_away()
        return session

    def left(self, session: ServerSession) -> None:
        self._sessions.discard(session)
        self.note_idle()

    def note_busy(self) -> None:
        self._idle.clear()

    def note_idle(self) -> None:
        if not any(session.busy for session in self._sessions):
            self._idle.set()

    def drain(self) -> None:
        """Take no new requests."""
        self.draining = True
        for session in self._sessions:
            session.go_away()

    async def finished(self, seconds: float) -> bool:
        """Wait until no request is under way, at most `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Cancel what is still under way, answer it with `Unavailable`, and close every connection."""
        self._closed = True
        sessions = list(self._sessions)
        for session in sessions:
            session.cancel_all()
        await asyncio.gather(*(session.ended() for session in sessions))
        for session in sessions:
            session.wire.close()


class ServerSession:
    """One connection: frames in, tasks of the handler, frames out."""

    def __init__(self, sessions: Sessions, wire: Wire) -> None:
        self.wire = wire
        self._sessions = sessions
        self._serving = sessions.serving
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader(self._on_frame)
        self._work: dict[int, asyncio.Task[None] | Submitted] = {}
        self._outgoing: dict[int, Outgoing] = {}
        self._incoming: dict[int, _Incoming] = {}
        self._receiving: dict[int, Receiving] = {}
        self._called_off: set[int] = set()
        """Streams under way of which the peer does not want to hear any more."""
        self._greeted = False
        self.gone = False

    @property
    def busy(self) -> bool:
        return bool(self._work)

    def receive(self, data: Buffer) -> None:
        """Bytes from the peer. A peer that breaks the protocol is told so and disconnected."""
        try:
            self._reader.feed(data)
        except ThalwegError as error:
            self.wire.write([failure_frame(0, to_failure(error))])
            self.wire.close()

    def lost(self, reason: BaseException | None = None) -> None:
        """The connection is gone: nobody waits for any of its requests."""
        self.gone = True
        for stream in list(self._incoming):
            self._forget(stream)
        for work in list(self._work.values()):
            work.cancel()
        self._sessions.left(self)

    def go_away(self) -> None:
        self.wire.write([frame(Kind.GOAWAY, 0)])

    def cancel_all(self) -> None:
        for work in list(self._work.values()):
            work.cancel()

    async def ended(self) -> None:
        """Return when no task of this connection is left."""
        tasks = [work for work in self._work.values() if isinstance(work, asyncio.Task)]
        if tasks:
            await asyncio.wait(tasks)

    # frames in -------------------------------------------------------------------------------------------------------

    def _on_frame(self, kind: int, stream: int, body: bytes) -> None:
        if kind == Kind.REQUEST and self._greeted:
            self._admit(stream, body, None)
        elif kind == Kind.CHUNK:
            self._on_chunk(stream, body)
        elif kind == Kind.CREDIT:
            outgoing = self._outgoing.get(stream)
            if outgoing is not None and len(body) == LENGTH.size:
                outgoing.grant(LENGTH.unpack(body)[0])
        elif kind == Kind.CANCEL:
            self._on_cancel(stream)
        elif kind == Kind.BEGIN and self._greeted:
            self._on_begin(stream, body)
        elif kind == Kind.READY:
            ready = self._serving.ready() and not self._sessions.draining
            self.wire.write([frame(Kind.READY, stream, bytes([ready]))])
        elif kind == Kind.DESCRIBE and self._greeted:
            self._describe(stream)
        elif kind in (Kind.ITEM, Kind.MORE, Kind.END) and self._greeted:
            self._on_inflow(kind, stream, body)
        elif kind == Kind.HELLO:
            self._on_hello(body)
        else:
            raise MalformedRequest(f"A frame of kind {kind} was not expected here.")

    def _describe(self, stream: int) -> None:
        told = Response((msgspec.json.encode(self._serving.describe()),))
        for written in framed(Kind.ITEM, stream, response_message(told)):
            self.wire.write(written)
        self.wire.write([frame(Kind.END, stream)])

    def _on_inflow(self, kind: int, stream: int, body: bytes) -> None:
        receiving = self._receiving.get(stream)
        if receiving is None:
            return  # of a request that ended while this was on its way
        if kind == Kind.ITEM:
            receiving.take(body)
        elif kind == Kind.MORE:
            receiving.begin(body, HEAD_ALLOWANCE)
        else:
            receiving.finish()

    def _on_hello(self, body: bytes) -> None:
        version = LENGTH.unpack(body)[0] if len(body) == LENGTH.size else None
        if version != VERSION:
            raise MalformedRequest(f"The peer speaks version {version} of the protocol, this server version {VERSION}.")
        self._greeted = True

    def _on_begin(self, stream: int, body: bytes) -> None:
        size = announced(body)
        limit = self._serving.limits.max_message_bytes
        try:
            if size > limit + HEAD_ALLOWANCE:
                raise PayloadTooLarge(f"The request has {size} bytes; at most {limit} are taken.")
            self._check_open(stream)
            self._sessions.admission.admit(min(size, limit))
        except ThalwegError as error:
            self.fail(stream, error)
            return
        incoming = self._incoming[stream] = _Incoming(Assembly(body, limit + HEAD_ALLOWANCE), min(size, limit))
        incoming.heard = self._loop.time()
        self._look_after(stream, incoming)

    def _look_after(self, stream: int, incoming: _Incoming) -> None:
        """Give up a request whose chunks do not come: what it announced keeps others out."""
        patience = self._serving.connections.silence_seconds
        remaining = incoming.heard + patience - self._loop.time()
        if remaining > 0:
            incoming.expiry = self._loop.call_later(remaining, self._look_after, stream, incoming)
            return
        self._forget(stream)
        self.fail(stream, MalformedRequest(f"No further chunk of the request came for {patience:g} seconds."))

    def _on_chunk(self, stream: int, body: bytes) -> None:
        receiving = self._receiving.get(stream)
        if receiving is not None:
            receiving.add(body)
            return
        incoming = self._incoming.get(stream)
        if incoming is None:
            return  # of a request that was refused or called off while its chunks were on their way
        incoming.heard = self._loop.time()
        if incoming.assembly.add(body):
            del self._incoming[stream]
            incoming.drop_clock()
            self._admit(stream, incoming.assembly.message, incoming.admitted)

    def _on_cancel(self, stream: int) -> None:
        self._forget(stream)
        work = self._work.get(stream)
        if work is not None:
            self._called_off.add(stream)
            work.cancel()

    def _forget(self, stream: int) -> None:
        incoming = self._incoming.pop(stream, None)
        if incoming is not None:
            incoming.drop_clock()
            self._sessions.admission.release(incoming.admitted)

    # requests --------------------------------------------------------------------------------------------------------

    def _check_open(self, stream: int) -> None:
        if stream in self._work or stream in self._incoming:
            raise MalformedRequest(f"Stream {stream} is in use.")
        if self._sessions.draining:
            raise Unavailable("The server is shutting down.")

    def _admit(self, stream: int, message: bytes | bytearray, admitted: int | None) -> None:
        try:
            if admitted is None:
                self._check_open(stream)
                self._sessions.admission.admit(len(message))
                admitted = len(message)
            try:
                request, head = read_request(message)
                if request.size > self._serving.limits.max_message_bytes:
                    limit = self._serving.limits.max_message_bytes
                    raise PayloadTooLarge(f"The request has {request.size} bytes; at most {limit} are taken.")
                timeout = self._serving.timeout if head.timeout is None else checked_timeout(head.timeout)
                if head.priority or head.share:
                    checked_priority(head.priority)
                    checked_share(head.share)
            except BaseException:
                self._sessions.admission.release(admitted)
                raise
        except ThalwegError as error:
            self.fail(stream, error)
            return
        context = Context(
            deadline=None if timeout is None else monotonic() + timeout,
            metadata=head.metadata,
            trace=head.trace,
            request_id=head.request_id,
            priority=head.priority,
            share=head.share,
        )
        if head.inflow:
            request.inflow = self._receive(stream)
        if head.inflow or self._sessions.submit is None or not self._submit(stream, request, context, admitted):
            outgoing = self._outgoing[stream] = Outgoing(self, stream, head.window)
            self._begin(stream, self._serve(stream, outgoing, request, context), admitted)
        if self._work:  # what is refused at once has ended by now
            self._sessions.note_busy()

    def _receive(self, stream: int) -> Inflow:
        limits = self._serving.limits
        receiving = Receiving(
            self.wire, stream, self._sessions.admission, limits.stream_window, limits.max_message_bytes
        )
        self._receiving[stream] = receiving
        return receiving.arrivals

    def _submit(self, stream: int, request: Request, context: Context, admitted: int) -> bool:
        """Answer by the short way, where the handler has one for this request."""
        submitted = Submitted(self, stream, context, admitted)
        error: ThalwegError | None = None
        try:
            assert self._sessions.submit is not None
            pending = self._sessions.submit(request, context, submitted)
        except ThalwegError as raised:
            error, pending = raised, None
        except Exception as raised:
            error, pending = defect(raised, context), None
        if error is None and pending is None:
            return False
        self._work[stream] = submitted
        if pending is None:
            assert error is not None
            submitted.fail(error)
        else:
            submitted.begin(pending)
        return True

    def answer_slowly(self, stream: int, response: Response, context: Context, admitted: int) -> None:
        """Send an answer that is large, or has to wait for the wire."""

        async def send() -> None:
            error = await self._sent(stream, response)
            if error is not None:
                self.fail(stream, error, context)

        self._begin(stream, send(), admitted)

    async def _sent(self, stream: int, response: Response) -> ThalwegError | None:
        try:
            await Outgoing(self, stream, 2).send_slowly(response, response_message(response))
        except ThalwegError as error:
            return error
        self.wire.write([HEAD.pack(0, Kind.END, stream)])
        return None

    def _begin(self, stream: int, work: Coroutine[None, None, None], admitted: int) -> None:
        """Run `work` as the task of `stream`."""

        def ended(task: asyncio.Task[None]) -> None:
            self._outgoing.pop(stream, None)
            self.settled(stream, admitted)

        task = self._work[stream] = self._loop.create_task(work)
        # Not a `finally` in the coroutine: one that is cancelled before its first step never gets there.
        task.add_done_callback(ended)

    def settled(self, stream: int, admitted: int) -> None:
        """The last word on `stream` is said."""
        del self._work[stream]
        self._sessions.admission.release(admitted)
        if self._called_off:
            self._called_off.discard(stream)
        if self._receiving and (receiving := self._receiving.pop(stream, None)) is not None:
            receiving.close()
        if not self._work:
            self._sessions.note_idle()

    async def _serve(self, stream: int, outgoing: Outgoing, request: Request, context: Context) -> None:
        try:
            error = await dispatch(self._serving.handler, request, context, outgoing.send)
        except asyncio.CancelledError:
            if not self.gone:
                self.fail(stream, Unavailable(STOPPED), context)
            raise
        if error is None:
            self.wire.write([HEAD.pack(0, Kind.END, stream)])
        else:
            self.fail(stream, error, context)

    @property
    def limits(self) -> Limits:
        return self._serving.limits

    def fail(self, stream: int, error: ThalwegError, context: Context | None = None) -> None:
        if stream in self._called_off:
            return
        known = context.request_id if context is not None else ""
        self.wire.write([failure_frame(stream, to_failure(error, known))])


def checked_timeout(seconds: float) -> float:
    """Seconds that a request may take, of which none are left where they are below zero.

    Raises:
        MalformedRequest: it is no number. Among the timers of an event loop such a one would keep others from their turn.
    """
    if isnan(seconds):
        raise MalformedRequest("The timeout of the request is no number of seconds.")
    return min(max(0.0, seconds), LONGEST_SECONDS)


class _Incoming:
    """A request whose chunks are still coming."""

    __slots__ = ("admitted", "assembly", "expiry", "heard")

    def __init__(self, assembly: Assembly, admitted: int) -> None:
        self.assembly = assembly
        self.admitted = admitted
        self.heard = 0.0
        self.expiry: asyncio.TimerHandle | None = None

    def drop_clock(self) -> None:
        if self.expiry is not None:
            self.expiry.cancel()
