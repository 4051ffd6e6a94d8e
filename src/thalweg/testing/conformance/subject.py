"""What is checked, and what a check is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import cast

from thalweg.config import Limits
from thalweg.message import (
    Context,
    EndpointDescription,
    Handler,
    Pending,
    Reply,
    Request,
    Response,
    ServiceDescription,
)
from thalweg.testing.leaks import no_leaks
from thalweg.transport.contract import Channel, Server, Serving
from thalweg.transport.dispatch import dispatch
from thalweg.transport.registry import Transport

ONE = "/one"
"""Endpoint that answers once."""

MANY = "/many"
"""Endpoint that answers with a stream."""

PATIENCE_SECONDS = 30.0
"""How long a check waits for what should come at once. Only a failing check ever waits so long."""

DESCRIPTION = ServiceDescription("conformance", (EndpointDescription(ONE), EndpointDescription(MANY, streaming=True)))


@dataclass(frozen=True)
class Subject:
    """A transport to check.

    Args:
        module: dotted name of a module that offers `server` and `channel` as `thalweg.transport.registry.Transport`
            says. A name and not an object, because some checks start a second process.
        address: where its servers listen. `{folder}` stands for a new temporary folder; let the system choose ports.
        separate: its two ends can be in two processes, and so bytes really travel.
        inflight: requests that one channel can really have under way at once; the others wait in the channel.
        duplex: payloads may go in while answers come out (`Request.inflow`).
        submits: the handlers that it is checked with have the short way (`UnaryHandler`) for what has one answer.
    """

    module: str
    address: str
    separate: bool = True
    inflight: int = 5000
    duplex: bool = True
    submits: bool = False

    @property
    def transport(self) -> Transport:
        return cast(Transport, import_module(self.module))

    @contextmanager
    def fresh_address(self) -> Iterator[str]:
        """An address to listen on, and the folder in it for as long as the block lasts."""
        with TemporaryDirectory(prefix="thalweg-") as folder:
            yield self.address.replace("{folder}", folder)

    @asynccontextmanager
    async def serve(self, handler: Handler, settings: Settings | None = None) -> AsyncIterator[tuple[Server, Channel]]:
        """A started server around `handler` and a connected channel to it; both are closed at the end."""
        settings = settings or Settings()
        handler = Submitting(handler) if self.submits else handler
        with self.fresh_address() as address:
            server = self.transport.server(address, settings.serving(handler))
            await server.start()
            channel = self.transport.channel(server.address, settings.channel_limits)
            try:
                await channel.connect()
                yield server, channel
            finally:
                await channel.close()
                await server.stop()


@dataclass(frozen=True)
class Settings:
    """What a check asks of the server and the channel that it uses."""

    limits: Limits = field(default_factory=Limits)
    channel_limits: Limits = field(default_factory=Limits)
    timeout: float | None = None
    ready: Callable[[], bool] = lambda: True

    def serving(self, handler: Handler) -> Serving:
        return Serving(
            handler, limits=self.limits, timeout=self.timeout, describe=lambda: DESCRIPTION, ready=self.ready
        )


@dataclass(frozen=True)
class Answering:
    """An async generator function as a handler."""

    respond: Callable[[Request, Context], AsyncGenerator[Response, None]]

    def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        return self.respond(request, context)


@dataclass(frozen=True)
class Submitting:
    """Gives another handler the short way for all but streams."""

    handler: Handler

    def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        return self.handler.handle(request, context)

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        return None if request.endpoint == MANY else _Submitted(self.handler, request, context, reply)


class _Submitted:
    def __init__(self, handler: Handler, request: Request, context: Context, reply: Reply) -> None:
        self._reply: Reply | None = reply
        self._task = asyncio.create_task(self._run(handler, request, context))

    async def _run(self, handler: Handler, request: Request, context: Context) -> None:
        given: list[Response] = []
        error = await dispatch(handler, request, context, given.append)
        if self._reply is None:
            return  # called off, and the handler did not care
        if error is not None:
            self._reply.fail(error)
        else:
            self._reply.answer(given[0])

    def cancel(self) -> None:
        self._reply = None
        self._task.cancel()


@dataclass(frozen=True)
class Check:
    """One thing that every transport does. Await it with a subject; `AssertionError` says what was wrong.

    It has a time limit, and leaves no task, socket or file behind: that is part of every check.
    """

    name: str
    function: Callable[[Subject], Awaitable[None]]
    separate: bool
    """Makes sense only where the two ends can be in two processes."""
    duplex: bool
    """Makes sense only where payloads may go in while answers come out."""
    seconds: float

    def applies(self, subject: Subject) -> bool:
        return (subject.separate or not self.separate) and (subject.duplex or not self.duplex)

    async def __call__(self, subject: Subject) -> None:
        await _warm_up(subject)
        async with no_leaks(PATIENCE_SECONDS), asyncio.timeout(self.seconds):
            await self.function(subject)


CHECKS: list[Check] = []
"""Every check there is, in the order in which they make sense to read."""


def check(
    *, separate: bool = False, duplex: bool = False, seconds: float = 120.0
) -> Callable[[Callable[[Subject], Awaitable[None]]], Callable[[Subject], Awaitable[None]]]:
    """Add a function to `CHECKS`."""

    def add(function: Callable[[Subject], Awaitable[None]]) -> Callable[[Subject], Awaitable[None]]:
        name = getattr(function, "__name__", repr(function))
        CHECKS.append(Check(name, function, separate, duplex, seconds))
        return function

    return add


async def check_transport(subject: Subject) -> None:
    """Run every check that applies. Raises an `ExceptionGroup` of what was wrong, each with the name of its check."""
    wrong: list[Exception] = []
    for one in CHECKS:
        if one.applies(subject):
            try:
                await one(subject)
            except Exception as error:
                error.add_note(f"in the check {one.name}")
                wrong.append(error)
    if wrong:
        raise ExceptionGroup(f"{subject.module} does not do what a transport must", wrong)


async def _warm_up(subject: Subject) -> None:
    """Let libraries open what they keep for the life of the process or of the loop, so that it does not look like a leak."""
    async with subject.serve(Answering(echo)) as (_, channel):
        await only(channel, Request(ONE))


async def echo(request: Request, context: Context) -> AsyncGenerator[Response, None]:
    """Give back what came."""
    yield Response(request.body, request.content_type, request.parameters)


async def only(channel: Handler, request: Request, context: Context | None = None) -> Response:
    """The one answer to `request`."""
    answers = [answer async for answer in channel.handle(request, context or Context())]
    assert len(answers) == 1, f"{len(answers)} answers where there should be one"
    return answers[0]


def content(message: Request | Response) -> list[bytes]:
    """The buffers of a payload as plain bytes, to compare."""
    return [bytes(part) for part in message.body]
