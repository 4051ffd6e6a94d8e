"""A request by the short way between two parts of one process that share an event loop."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Protocol

from thalweg.errors import DeadlineExceeded, PayloadTooLarge, PeerLost, ThalwegError
from thalweg.message import Context, Pending, Reply, Request, Response, UnaryHandler
from thalweg.message.status import from_failure, to_failure
from thalweg.transport.admission import Admission


class Holder(Protocol):
    """Who holds submissions that are under way: both ends do."""

    submissions: set[Handover]

    def settled(self) -> None:
        """One of them has ended."""


class Handover:
    """One request. Is the `Reply` of the handler, which works on it, and the `Pending` of the caller, who waits."""

    __slots__ = (
        "_admission",
        "_caller",
        "_context",
        "_ended",
        "_expiry",
        "_largest",
        "_pending",
        "_reply",
        "_server",
        "_size",
    )

    def __init__(
        self, server: Holder, caller: Holder, admission: Admission, context: Context, reply: Reply, largest: int
    ) -> None:
        self._server = server
        self._caller = caller
        self._admission = admission
        self._context = context
        self._reply = reply
        self._largest = largest
        self._size = 0
        self._ended = False
        self._pending: Pending | None = None
        self._expiry: asyncio.TimerHandle | None = None

    def begin(self, handler: UnaryHandler, request: Request) -> bool:
        """Hand it to `handler`; False, and nothing has happened, where it needs `handle`. Raises what is known at once."""
        self._size = request.size
        self._admission.admit(self._size)
        try:
            self._pending = handler.submit(request, self._context, self)
        except BaseException:
            self._admission.release(self._size)
            raise
        if self._pending is None:
            self._admission.release(self._size)
            return False
        self._server.submissions.add(self)
        self._caller.submissions.add(self)
        deadline = self._context.deadline
        if deadline is not None:
            self._expiry = asyncio.get_running_loop().call_later(max(0.0, deadline - monotonic()), self._expire)
        return True

    def answer(self, response: Response) -> None:
        if response.size > self._largest:
            self.fail(PayloadTooLarge(f"The answer has {response.size} bytes; at most {self._largest} are taken."))
        elif self._end():
            self._reply.answer(response)

    def fail(self, error: ThalwegError) -> None:
        if self._end():
            # A fresh exception without a traceback, so that a caller never holds on to the frames of the handler.
            self._reply.fail(from_failure(to_failure(error, self._context.given_request_id)))

    def cancel(self) -> None:
        """The caller does not wait any more."""
        pending = self._pending
        if self._end():
            self._call_off(pending)

    def lose(self, why: str) -> None:
        """One of both ends is gone."""
        pending = self._pending
        if self._end():
            self._call_off(pending)
            self._reply.fail(PeerLost(why))

    def _expire(self) -> None:
        pending = self._pending
        if self._end():
            self._call_off(pending)
            self._reply.fail(
                DeadlineExceeded("The deadline of the request has passed.", request_id=self._context.given_request_id)
            )

    def _call_off(self, pending: Pending | None) -> None:
        self._context.cancel()
        if pending is not None:
            pending.cancel()

    def _end(self) -> bool:
        """Count it out. False where it has ended already."""
        if self._ended:
            return False
        self._ended = True
        # Whoever is called holds whom it calls: cut here, so that both are gone at once and not at a collection.
        self._pending = None
        if self._expiry is not None:
            self._expiry.cancel()
        self._admission.release(self._size)
        self._server.submissions.discard(self)
        self._server.settled()
        self._caller.submissions.discard(self)
        self._caller.settled()
        return True
