"""The handler that decides what callers may claim for themselves where requests wait."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from thalweg.message import Context, Pending, Reply, Request, Response, UnaryHandler


class Claims:
    """Stands before a handler and takes from each request what its caller may not claim.

    `highest` is the highest priority that counts; None where callers have none to give, so that every request has 0.
    `share` says whether the key of sharing that the caller named counts.
    """

    def __init__(self, handler: UnaryHandler, highest: int | None, share: bool) -> None:
        self._handler = handler
        self._highest = highest
        self._share = share

    def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        """See `Handler`."""
        self._curb(context)
        return self._handler.handle(request, context)

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        """See `UnaryHandler`."""
        self._curb(context)
        return self._handler.submit(request, context, reply)

    def _curb(self, context: Context) -> None:
        if self._highest is None:
            context.priority = 0
        elif context.priority > self._highest:
            context.priority = self._highest
        if not self._share:
            context.share = ""
