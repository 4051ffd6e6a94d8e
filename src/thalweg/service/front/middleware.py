"""Handlers of the user's own, in front of a service."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from thalweg.errors import ConfigurationError
from thalweg.message import Context, Handler, Pending, Reply, Request, Response, UnaryHandler


class LongWay:
    """A handler that has no short way, among those that ask for one: every request goes through its `handle`."""

    __slots__ = ("handle",)

    def __init__(self, handler: Handler) -> None:
        self.handle: Callable[[Request, Context], AsyncGenerator[Response, None]] = handler.handle

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        """See `UnaryHandler`."""
        return None


def wrapped(wrap: Callable[..., Any], handler: UnaryHandler) -> UnaryHandler:
    """What `wrap` makes of `handler`.

    Raises:
        ConfigurationError: that is no handler, such as where `wrap` is middleware of ASGI.
    """
    try:
        made = wrap(handler)
    except TypeError as error:
        raise ConfigurationError(f"middleware {_name(wrap)} is called with the handler behind it: {error}.") from None
    if isinstance(made, UnaryHandler):
        return made
    if isinstance(made, Handler):
        return LongWay(made)
    raise ConfigurationError(
        f"middleware {_name(wrap)} gives {type(made).__name__}, which has no method `handle(request, context)`; "
        "middleware of ASGI belongs around one of the apps."
    )


def _name(wrap: Callable[..., Any]) -> str:
    return getattr(wrap, "__qualname__", repr(wrap))
