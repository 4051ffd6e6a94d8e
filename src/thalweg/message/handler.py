"""Whatever answers a request."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol, runtime_checkable

from thalweg.errors import ThalwegError
from thalweg.message.context import Context
from thalweg.message.envelope import Request, Response


@runtime_checkable
class Handler(Protocol):
    """A worker, a gateway, a middleware and a client stub are all this.

    `handle` returns an async generator; a unary answer is a stream of one. Nothing happens before the first item is asked
    for. It raises a `ThalwegError` for everything that went wrong in a way somebody foresaw; anything else that escapes
    is a defect, and a transport answers it with `InternalError`.

    Cancelling the task that iterates, or closing the iterator (`aclose`), calls the request off: the handler lets go of
    all it holds for it, tells whoever works for it downstream, and raises `CancelledError` through. Iterating is
    otherwise the only demand there is: a handler never runs further ahead of its reader than a fixed number of items.

    A request with an `inflow` gives documents while answers go out. A handler whose endpoint does not read streams
    answers each payload of it as a request of its own, in order. It may end before the inflow has: then nobody reads the
    rest.
    """

    def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]: ...


class Reply(Protocol):
    """Where the answer of a submitted request goes: exactly one of both is called, once, on the event loop."""

    def answer(self, response: Response) -> None: ...

    def fail(self, error: ThalwegError) -> None: ...


class Pending(Protocol):
    """A submitted request that is under way."""

    def cancel(self) -> object:
        """Call it off; the reply is not called any more. Idempotent, and without effect on one that has ended."""


@runtime_checkable
class UnaryHandler(Handler, Protocol):
    """A handler with a short way for requests that have one answer.

    A task, a generator and a future for each request and each handler on its way cost more than all the rest of the work
    on a small request. `submit` does the same as `handle` without them.
    """

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        """Begin `request` and return; its answer goes to `reply`, never before `submit` has returned.

        Returns None, and does nothing, where the request needs `handle` (it may stream, or has to wait first). Raises a
        `ThalwegError` that is known at once. Enforcing the deadline is left to the caller, as is `context.cancel()`.
        """
