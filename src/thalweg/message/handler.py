"""Whatever answers a request."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol, runtime_checkable

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
    """

    def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]: ...
