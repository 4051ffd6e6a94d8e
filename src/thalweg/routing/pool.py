"""The replicas of one Executor behind one handler."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from time import monotonic, time
from typing import Self

from msgspec.structs import replace

from thalweg.config import BalancerOptions
from thalweg.errors import DeadlineExceeded, InternalError, ThalwegError, Unavailable
from thalweg.message import Buffer, Context, Inflow, Pending, Reply, Request, Response, Visit
from thalweg.message.context import MOST_VISITS
from thalweg.message.description import DRY_RUN_ENDPOINT
from thalweg.message.vitals import Demand
from thalweg.routing.lineup import Lineup, Tell
from thalweg.routing.peer import Remote
from thalweg.routing.replica import Replica, spoken
from thalweg.routing.retry import RetryBudget, repeatable
from thalweg.routing.slumber import Slumber
from thalweg.transport import registry

log = logging.getLogger("thalweg.routing")

RETRY_AFTER_SECONDS = 1.0


class ReplicaPool:
    """A `Handler` that hands each request to the replica with the least to do.

    Every replica's connection is kept up by a task that connects again whenever it breaks, so a replica that dies is out
    at once and one that comes back at the same address is in as soon as it answers. A request whose replica was lost
    before it answered goes to another one, at most `options.retries` times; with no replica there it waits up to
    `options.replica_wait` seconds. Each replica is asked again and again whether it is ready; one that says no, or says
    nothing for a while, gets no requests while another one is ready (see `Lineup`).

    Replicas come and go (`join`, `settle`). One that goes gets nothing new, finishes what it has, and then its connection
    is closed. After `let_sleep` there may be none on purpose: it is as good as ready then, and a request waits for one to
    be started, however long that takes.
    """

    def __init__(
        self,
        name: str,
        replicas: Sequence[Replica],
        options: BalancerOptions,
        peer: Remote | None = None,
        tell: Tell | None = None,
    ) -> None:
        self._name = name
        self._options = options
        made = registry.channel if peer is None else peer.channel
        self._lineup = Lineup(name, replicas, lambda address: made(address, options.limits), tell)
        self._balancer = self._lineup.balancer
        self._seats = self._lineup.seats
        self._budget = RetryBudget()
        self._slumber: Slumber | None = None
        self._holds = False
        """Whether that is for a while only."""
        self._waiting = 0
        self._trials = 0

    async def start(self) -> None:
        """Begin to connect. Does not wait for anybody to be there: see `connected`."""
        self._lineup.start()

    async def connected(self) -> None:
        """Return when at least one replica is there; at once where there are to be none."""
        await self._lineup.connected()

    async def close(self) -> None:
        """Close every connection; what is under way fails with `PeerLost`."""
        await self._lineup.close()

    @property
    def replicas(self) -> list[Replica]:
        """Those that it has, without those that are on their way out."""
        return self._lineup.replicas

    async def join(self, replicas: Sequence[Replica]) -> None:
        """Take in those of `replicas` that are new, and return when each of them is ready. Until `settle` they get
        requests only where nobody else is there. Those that are here already stay as they are."""
        await self._lineup.join(replicas)

    def settle(self, replicas: Sequence[Replica]) -> None:
        """From now on these get the requests, by their weights. Those that are not among them leave."""
        self._lineup.settle(replicas)
        if self._slumber is not None:
            self._slumber.settle(bool(replicas))

    def let_sleep(self, wake: Callable[[], None]) -> None:
        """There may be no replica on purpose: `wake` is called where a request waits for one then. It is bounded only by
        its own deadline, and by `refuse`."""
        if self._slumber is None:
            self._slumber = Slumber(self._name, wake, asleep=not self.replicas)

    def hold(self, held: bool) -> None:
        """Whether a request that finds no replica waits, as after `let_sleep`, for one that is about to be started."""
        if held and self._slumber is None:
            self._holds = True
            self._slumber = Slumber(self._name, lambda: None, asleep=not self.replicas)
        elif not held and self._holds and self._slumber is not None:
            slumber, self._slumber, self._holds = self._slumber, None, False
            slumber.refuse(f"No replica of {self._name!r} could be started; the log says why.", RETRY_AFTER_SECONDS)

    def refuse(self, reason: str, retry_after: float) -> None:
        """No replica could be started: what waits for one fails with `Unavailable`."""
        if self._slumber is not None:
            self._slumber.refuse(reason, retry_after)

    @property
    def asleep(self) -> bool:
        """Whether it has no replica on purpose."""
        return self._slumber is not None and self._slumber.asleep

    @property
    def demand(self) -> Demand | None:
        """What is asked of it, dry runs left out; None of one that never sleeps, whose replicas nobody counts."""
        if self._slumber is None or self._holds:
            return None
        under_way, chosen = sum(self._balancer.outstanding), self._balancer.chosen
        return Demand(under_way + self._waiting, chosen + self._waiting - self._trials, chosen - under_way)

    async def vacated(self) -> None:
        """Return when those that leave have finished what they had, and their connections are closed."""
        await self._lineup.vacated()

    @property
    def ready(self) -> bool:
        """Whether at least one replica is ready, or can be had."""
        return self._lineup.ready or (self._slumber is not None and self._slumber.sound)

    @property
    def missing(self) -> list[str]:
        """Its own name, where it is not ready."""
        return [] if self.ready else [self._name]

    @property
    def connections(self) -> int:
        """How many replicas are there now."""
        return sum(self._balancer.available)

    def handle(self, request: Request, context: Context) -> AsyncGenerator[Response, None]:
        self._budget.earn()
        if request.endpoint == DRY_RUN_ENDPOINT:  # whoever looks whether all is well asks for no work
            self._trials += 1
        return self.attempt(request, context, 0, None)

    async def attempt(
        self, request: Request, context: Context, attempts: int, lost: int | None
    ) -> AsyncGenerator[Response, None]:
        """Like `handle`, for a request that was tried `attempts` times, the last time on replica `lost`."""
        while True:
            replica = self._balancer.choose(lost)
            if replica is None:
                replica = await self._wait(context)
            answered = False
            since = time() if context.visits is not None else 0.0
            tap = None if request.inflow is None else _Tap(request.inflow)
            given = request if tap is None else replace(request, inflow=tap)
            answers = self._seats[replica].channel.handle(given, context)
            try:
                async for response in answers:
                    answered = True
                    yield response
                return
            except Unavailable as error:
                attempts += 1
                self.notice(replica)
                error = self.named(error, replica)
                if answered or (tap is not None and tap.read) or not self.again(error, attempts):
                    raise error from None
                lost = replica
                log.info("request %s goes to another replica of %s: %s", context.request_id, self._name, error)
            finally:
                self.release(replica)
                if context.visits is not None and len(context.visits) < MOST_VISITS:
                    context.visits.append(Visit(self._name, since, time()))
                await answers.aclose()

    def submit(self, request: Request, context: Context, reply: Reply) -> Pending | None:
        """See `UnaryHandler.submit`. A request that would have to wait for a replica needs `handle`."""
        replica = self._balancer.choose()
        if replica is None:
            return None
        self._budget.earn()
        attempt = _Attempt(self, request, context, reply)
        return attempt if attempt.begin(replica) else None

    def again(self, error: ThalwegError, attempts: int) -> bool:
        """Whether a request without an answer may be tried on another replica after `attempts` of them."""
        return repeatable(error, False) and attempts <= self._options.retries and self._budget.spend()

    def submit_to(self, replica: int, request: Request, context: Context, reply: Reply) -> Pending | None:
        """Submit to one replica, which the balancer has counted; counted back where that comes to nothing."""
        submit = self._seats[replica].submit
        try:
            pending = None if submit is None else submit(request, context, reply)
        except ThalwegError:
            self.release(replica)
            raise
        if pending is None:
            self.release(replica)
        return pending

    def release(self, replica: int) -> None:
        """A request of this replica has ended."""
        self._balancer.release(replica)
        if self._lineup.leaving:
            self._lineup.let_go()

    def notice(self, replica: int) -> None:
        """Take a replica out that is gone; see `Lineup.notice`."""
        self._lineup.notice(replica)

    def named(self, error: Unavailable, replica: int | None = None) -> Unavailable:
        """`error` with the Executor that it is of; and, where it came from the connection to `replica` and not from what is
        beyond it, with that replica in place of its address."""
        if replica is not None and not error.executor:
            there = self._seats[replica].replica
            address = there.address.rstrip("/")
            if address in error.message:
                error.message = error.message.replace(address, spoken(self._name, there))
                error.args = (error.message,)
                error.replica = there.number
        error.executor = error.executor or self._name
        error.retry_after = error.retry_after or RETRY_AFTER_SECONDS
        return error

    async def _wait(self, context: Context) -> int:
        """A replica, as soon as there is one."""
        self._waiting += 1
        try:
            while (replica := self._balancer.choose()) is None:
                if self._slumber is not None and self._slumber.asleep:
                    async with self._patience(context, None):
                        await self._slumber.awake(self._lineup.some)
                else:
                    return await self._soon(context)
            return replica
        finally:
            self._waiting -= 1

    async def _soon(self, context: Context) -> int:
        """A replica that is there within `replica_wait` seconds."""
        until = monotonic() + self._options.replica_wait
        while (replica := self._balancer.choose()) is None:
            async with self._patience(context, until):
                await self._lineup.some.wait()
        return replica

    @asynccontextmanager
    async def _patience(self, context: Context, until: float | None) -> AsyncGenerator[None, None]:
        """Raises where what is done within it lasts beyond the moment `until`, or beyond the deadline of the request."""
        late = context.deadline is not None and (until is None or context.deadline < until)
        until = context.deadline if late else until
        try:
            async with asyncio.timeout(None if until is None else until - monotonic()):
                yield
        except TimeoutError:
            if late:  # not by the clock: a timer may fire a little early
                raise DeadlineExceeded(
                    f"The deadline of the request has passed while it waited for a replica of {self._name!r}."
                ) from None
            raise self.named(Unavailable(f"No replica of {self._name!r} is there; it may be starting again.")) from None


class _Tap:
    """An inflow of which one knows whether anything was taken: what one replica has read no other one can."""

    __slots__ = ("_inflow", "read")

    def __init__(self, inflow: Inflow) -> None:
        self._inflow = inflow
        self.read = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[Buffer, ...]:
        self.read = True
        return await anext(self._inflow)


class _Attempt:
    """A submitted request at one replica, and at the next one when that is lost. Is the `Reply` of the channel and the
    `Pending` of the caller."""

    __slots__ = ("_attempts", "_context", "_pending", "_pool", "_replica", "_reply", "_request", "_task")

    def __init__(self, pool: ReplicaPool, request: Request, context: Context, reply: Reply) -> None:
        self._pool = pool
        self._request = request
        self._context = context
        self._reply = reply
        self._attempts = 0
        self._replica = 0
        self._pending: Pending | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self, replica: int) -> bool:
        """Submit to `replica`; False where this request needs `handle`. A replica that is lost just now counts as one
        attempt. Raises where nothing is to be tried after that: the reply is not called before `submit` has returned."""
        self._replica = replica
        try:
            self._pending = self._pool.submit_to(replica, self._request, self._context, self)
        except Unavailable as error:
            if not self._goes_on(self._pool.named(error, replica)):
                raise error from None
            return True
        return self._pending is not None

    def answer(self, response: Response) -> None:
        # Whoever is called holds whom it calls: cut here, so that both are gone at once and not at a collection.
        self._pending = None
        self._pool.release(self._replica)
        self._reply.answer(response)

    def fail(self, error: ThalwegError) -> None:
        if isinstance(error, Unavailable):  # before the seat may be another one's
            error = self._pool.named(error, self._replica)
        self._pool.release(self._replica)
        if not self._goes_on(error):
            self._reply.fail(error)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
        elif self._pending is not None:
            pending, self._pending = self._pending, None
            pending.cancel()
            self._pool.release(self._replica)

    def _goes_on(self, error: ThalwegError) -> bool:
        """Try again where that is safe: by the long way, which can wait for a replica to come back."""
        self._pending = None
        self._attempts += 1
        if not isinstance(error, Unavailable):
            return False
        self._pool.notice(self._replica)
        if not self._pool.again(error, self._attempts):
            return False
        self._task = asyncio.get_running_loop().create_task(self._handle())
        return True

    async def _handle(self) -> None:
        try:
            async with aclosing(
                self._pool.attempt(self._request, self._context, self._attempts, self._replica)
            ) as answers:
                async for response in answers:
                    self._reply.answer(response)
                    return
            self._reply.fail(InternalError("The replica ended without an answer."))
        except ThalwegError as error:
            self._reply.fail(error)
