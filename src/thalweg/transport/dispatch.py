"""One request on its way through a server, the same for every transport."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic

from thalweg.errors import DeadlineExceeded, InternalError, ThalwegError
from thalweg.message import Context, Handler, Request, Response

log = logging.getLogger("thalweg.server")

Send = Callable[[Response], Awaitable[None] | None]
"""Takes one item. Returns None where there was room, else an awaitable that ends when there is."""


async def dispatch(handler: Handler, request: Request, context: Context, send: Send) -> ThalwegError | None:
    """Hand `request` to `handler` and each answer to `send`; return what went wrong, or None.

    Holds the deadline over the whole of it, a slow reader included. Cancelling the task cancels the handler and the
    context, and raises `CancelledError` as usual.
    """
    limit: asyncio.Timeout | None = None
    try:
        if context.deadline is None:
            await _iterate(handler, request, context, send)
        else:
            limit = asyncio.timeout(context.deadline - monotonic())
            async with limit:
                await _iterate(handler, request, context, send)
    except ThalwegError as error:
        return error
    except TimeoutError as error:
        context.cancel()
        if limit is not None and limit.expired():  # the clock does not tell: timers may be a little early
            return DeadlineExceeded("The deadline of the request has passed.", request_id=context.request_id)
        return defect(error, context)
    except asyncio.CancelledError:
        context.cancel()
        raise
    except Exception as error:
        return defect(error, context)
    return None


async def _iterate(handler: Handler, request: Request, context: Context, send: Send) -> None:
    iterator = handler.handle(request, context)
    try:
        async for response in iterator:
            room = send(response)
            if room is not None:
                await room
    except BaseException:
        # An iterator that came to its end needs no closing, which spares every request a microsecond or two.
        await iterator.aclose()
        raise


def defect(error: BaseException, context: Context) -> InternalError:
    """What the caller is told of an exception that nobody foresaw; the log has the rest."""
    log.error("request %s failed unexpectedly", context.request_id, exc_info=error)
    return InternalError(
        "An unexpected error; the server's log has it under this request id.", request_id=context.request_id
    )
