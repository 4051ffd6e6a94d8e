"""The connections of one client, and how its requests go over them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

from thalweg.client.attempts import Answers, hedged, retried
from thalweg.client.call import ClientSettings, Posted
from thalweg.client.hedge import HedgeSchedule
from thalweg.client.retry import RetrySchedule
from thalweg.config import ChannelOptions, HedgePolicy, RetryPolicy
from thalweg.errors import ConfigurationError, DeadlineExceeded
from thalweg.message import Context, Pending, Reply, Request, Response
from thalweg.routing.retry import RetryBudget
from thalweg.transport import registry
from thalweg.transport.contract import Channel
from thalweg.transport.inprocess import InProcessChannel

K = TypeVar("K")
V = TypeVar("V")

_grpc_process: int | None = None
"""The process that has used gRPC."""

BUDGETS = 64
"""Different policies that a client remembers what was spent of; more of them are a mistake of the caller's."""


class Connections:
    """One connection as long as nothing else is asked for: second attempts go over one of their own, and so does what is
    packed in another way. All on one event loop."""

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings
        self._main = self._made(settings.channel)
        self._channels: dict[tuple[ChannelOptions, bool], Channel] = {(settings.channel, False): self._main}
        self._connecting = asyncio.Lock()
        self._budgets: dict[RetryPolicy, RetryBudget] = {}
        self._hedges: dict[HedgePolicy, HedgeSchedule] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = os.getpid()
        self._closed = False

    def _made(self, options: ChannelOptions) -> Channel:
        address, tls = self._settings.destination
        if address.startswith("grpc"):
            _check_fork(address)
        return registry.channel(address, self._settings.limits, tls, options)

    async def channel(self, options: ChannelOptions, context: Context, spare: bool = False) -> Channel:
        """The channel for `options`, connected; `spare` is the one for second attempts.

        Raises:
            Unavailable: nobody is there.
            DeadlineExceeded: time ran out meanwhile.
        """
        if asyncio.get_running_loop() is not self._loop:
            self._enter()
        found = self._main if not spare and options is self._settings.channel else self._other(options, spare)
        if not found.connected:
            await self._connect(found, context)
        return found

    def _other(self, options: ChannelOptions, spare: bool) -> Channel:
        found = self._channels.get((options, spare))
        if found is None:
            found = self._channels[options, spare] = self._made(options)
        return found

    async def _connect(self, channel: Channel, context: Context) -> None:
        limit = asyncio.timeout(context.remaining())
        try:
            async with limit, self._connecting:
                await channel.connect()
        except TimeoutError:
            if not limit.expired():
                raise
            raise DeadlineExceeded(
                f"The deadline of the request has passed before {self._settings.destination.address} was reached."
            ) from None

    def _enter(self) -> None:
        """Belong to the running loop. Raises `ConfigurationError` where another one still runs."""
        if self._closed:
            raise ConfigurationError("This client is closed; make a new one.")
        if self._process != os.getpid():
            raise ConfigurationError("This client was made before the process was forked; make a new one here.")
        if self._loop is not None:
            if not self._loop.is_closed():
                raise ConfigurationError("This client is in use on another event loop; make one for each loop.")
            # what was connected on that loop ended with it
            self._main = self._made(self._settings.channel)
            self._channels = {(self._settings.channel, False): self._main}
            self._connecting = asyncio.Lock()
        self._loop = asyncio.get_running_loop()

    async def ready(self) -> bool:
        """Whether the service says that it is. Raises `Unavailable` where nobody is there."""
        if self._closed:
            return False
        channel = await self.channel(self._settings.channel, Context())
        return await channel.ready()

    async def close(self) -> None:
        self._closed, self._loop = True, None
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))

    def submit(self, request: Request, context: Context, call: Posted, reply: Reply) -> Pending | None:
        """Begin `request` by the short way; see `UnaryHandler.submit`. None where it needs `handle`: the service is not of
        this process, there may be several attempts, or nobody has connected yet."""
        main = self._main
        if not isinstance(main, InProcessChannel) or not main.connected or call.retry or call.hedge:
            return None
        if call.channel is not self._settings.channel or asyncio.get_running_loop() is not self._loop:
            return None
        return main.submit(request, context, reply)

    def handle(self, request: Request, context: Context, call: Posted) -> Answers:
        """The answer of `request`, sent as often as the policies of `call` say."""
        policy = call.retry
        if policy is None:
            direct = call.hedge is None and call.channel is self._settings.channel and self._main.connected
            if direct and asyncio.get_running_loop() is self._loop:
                return self._main.handle(request, context)
            return self._once(request, context, call)
        budget = self._budgets.get(policy)
        if budget is None:
            budget = _remembered(self._budgets, policy, RetryBudget(policy.budget, policy.reserve))
        budget.earn()
        return retried(lambda: self._once(request, context, call), RetrySchedule(policy, budget), context)

    def _once(self, request: Request, context: Context, call: Posted) -> Answers:
        if call.hedge is None:
            return self._attempt(request, context, call.channel, False)
        schedule = self._hedges.get(call.hedge)
        if schedule is None:
            schedule = _remembered(self._hedges, call.hedge, HedgeSchedule(call.hedge))
        return hedged(
            self._attempt(request, context, call.channel, False),
            lambda: self._attempt(request, context, call.channel, True),
            schedule,
            call.endpoint,
        )

    async def _attempt(
        self, request: Request, context: Context, options: ChannelOptions, spare: bool
    ) -> AsyncGenerator[Response, None]:
        channel = await self.channel(options, context, spare)
        async with aclosing(channel.handle(request, context)) as answers:
            async for response in answers:
                yield response


def _check_fork(address: str) -> None:
    """Raise `ConfigurationError` where gRPC was in use before this process was forked: its threads are not here, and
    whoever called would wait for them until the time is up."""
    global _grpc_process  # noqa: PLW0603  # gRPC itself is one for each process
    if _grpc_process is None:
        _grpc_process = os.getpid()
    elif _grpc_process != os.getpid():
        raise ConfigurationError(
            f"gRPC does not work in a process that was forked after it was used. Call {address} from a process that was "
            "spawned, or over http:// or unix://."
        )


def _remembered(known: dict[K, V], key: K, value: V) -> V:
    if len(known) >= BUDGETS:
        known.pop(next(iter(known)))
    known[key] = value
    return value
