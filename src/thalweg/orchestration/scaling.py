"""Has as many replicas of each Executor run as the load asks for, where `autoscale` says so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from itertools import takewhile
from math import inf
from typing import TYPE_CHECKING

from thalweg.config import AutoscaleOptions
from thalweg.errors import ThalwegError
from thalweg.message.vitals import Demand, Vitals
from thalweg.orchestration.autoscaler import Autoscaler, Load
from thalweg.orchestration.change.crew import same_process
from thalweg.orchestration.control.trend import quantile
from thalweg.orchestration.restart import BackOff, RestartPolicy
from thalweg.service.control import Pulse, Unstaffed, Wanted

if TYPE_CHECKING:
    from thalweg.orchestration.change.changeover import Amendment
    from thalweg.orchestration.change.crew import Post
    from thalweg.orchestration.supervisor import Supervisor

log = logging.getLogger("thalweg.scaling")

ASLEEP = "asleep"
"""In place of a phase, for an Executor that has no process since nobody asks it."""
IDLE = "nobody asks it; the next request starts a replica"
LATE = 0.95
"""Of so many requests out of all the time to the answer counts."""
AGAIN = BackOff(first_seconds=1.0, longest_seconds=60.0)
"""When to try again to start replicas that did not become ready."""


PATIENCE_SECONDS = 30.0
"""So long replicas that are too many stay while they have something to do; then they are drained, as in an update."""


class LoadHistory:
    """What is known of one Executor's load since the last look."""

    def __init__(self) -> None:
        self._demand = Demand()
        self._latencies: dict[str, dict[int, int]] = {}

    def load(self, demand: Demand, posts: Iterable[Post]) -> Load:
        """The load between the last call and this one. What has begun to count anew meanwhile counts for nothing."""
        before, self._demand = self._demand, demand
        mine = list(posts)
        ready = sum(post.member.answers for post in mine)
        return Load(
            outstanding=demand.outstanding,
            arrived=max(0, demand.arrived - before.arrived),
            answered=max(0, demand.answered - before.answered),
            latency=self._latency(mine),
            ready=ready,
            starting=len(mine) - ready,
        )

    def _latency(self, posts: list[Post]) -> float | None:
        took: dict[int, int] = {}
        seen = {post.key: post.member.vitals.latencies for post in posts}
        for key, latencies in seen.items():
            before = self._latencies.get(key, {})
            for bucket, count in latencies.items():
                more = count - before.get(bucket, 0)
                if more > 0:
                    took[bucket] = took.get(bucket, 0) + more
        self._latencies = seen
        milliseconds = quantile(dict(sorted(took.items())), LATE)
        return None if milliseconds is None else milliseconds * 1e-3


class _Scaled:
    """One Executor whose replicas the load decides."""

    def __init__(self, options: AutoscaleOptions, replicas: int, now: float) -> None:
        self.options = options
        self.autoscaler = Autoscaler(options, replicas, now)
        self.history = LoadHistory()
        self.policy = RestartPolicy(AGAIN)
        self.reason = ""
        """Why the last replica that was to come did not; empty where it did."""
        self.not_before = -inf
        """When to try that again."""
        self.called = False
        """Whether a request waits and there is no replica."""
        self.spare_since: float | None = None
        """Since when there are more than should be."""
        self.turn = 0
        """When it was last seen to, as against the others."""


class Scaling:
    """Looks at the load at each pulse of the Gateway, and at once where a request finds no replica. Used on one event loop.

    One change is made at a time, and none beside an update: `Supervisor` sees to that. While a canary runs the numbers stay.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._scaled: dict[str, _Scaled] = {}
        self._task: asyncio.Task[None] | None = None
        self._turns = 0
        self._stopped = False
        self._telling: set[asyncio.Future[bool]] = set()

    @property
    def asleep(self) -> list[str]:
        """Executors that have no replica since nobody asks them."""
        nodes = self._supervisor.blueprint.nodes
        return [name for name in self._scaled if name in nodes and not nodes[name].replicas]

    def follow(self) -> None:
        """What runs has changed, or has begun to run."""
        gateway, blueprint = self._supervisor.gateway, self._supervisor.blueprint
        if gateway is None:
            return
        now = asyncio.get_running_loop().time()
        known, self._scaled = self._scaled, {}
        for name, options in blueprint.scaled.items():
            before = known.get(name)
            kept = before is not None and before.options == options
            self._scaled[name] = (
                before if kept and before is not None else _Scaled(options, blueprint.nodes[name].replicas, now)
            )
        gateway.observe = self._observe if self._scaled else None

    def restart(self, executors: Iterable[str]) -> None:
        """Somebody has said how many replicas of these there are to be: what was before says nothing any more."""
        for name in executors:
            self._scaled.pop(name, None)
        self.follow()

    async def staffed(self, change: Amendment) -> Amendment:
        """`change` with as many replicas as there are, where the load decides that; at least one of those that are new, so
        that they are seen to work."""
        old, new = self._supervisor.blueprint.nodes, change.blueprint.nodes
        numbers = {}
        for name, options in change.blueprint.scaled.items():
            before = old.get(name)
            number = new[name].replicas if before is None else before.replicas
            if before is None or name in change.renewed or not same_process(before, new[name]):
                number = max(1, number)
            number = change.replicas.get(name, min(max(number, options.min), options.max))
            if number != new[name].replicas:
                numbers[name] = number
        if not numbers:
            return change
        return replace(change, blueprint=await asyncio.to_thread(change.blueprint.staffed, numbers))

    def stop(self) -> list[asyncio.Task[None]]:
        """Change nothing any more; what is under way is to be cancelled."""
        self._stopped = True
        return [] if self._task is None or self._task.done() else [self._task]

    def act(self) -> None:
        """Begin to make the number of one Executor's replicas what it should be, where that can be done now."""
        if self._stopped or self._task is not None or not self._supervisor.settled:
            return
        now = asyncio.get_running_loop().time()
        due = [name for name in self._scaled if self._wanted(name, now) != self._replicas(name)]
        if not due:
            return
        # those first for whom somebody waits, then each in turn
        name = min(due, key=lambda name: (bool(self._replicas(name)), self._scaled[name].turn))
        self._turns += 1
        self._scaled[name].turn = self._turns
        work = self._scale(name, self._replicas(name), self._wanted(name, now))
        self._task = asyncio.get_running_loop().create_task(work, name=f"scale {name}")
        self._task.add_done_callback(self._done)

    def _observe(self, report: Pulse | Wanted) -> None:
        if isinstance(report, Pulse):
            self._look(report.vitals)
        elif report.name in self._scaled:
            self._call(report.name)
        self.act()

    def _look(self, vitals: Vitals) -> None:
        now = asyncio.get_running_loop().time()
        posts = self._supervisor.coming
        for name, scaled in self._scaled.items():
            demand = vitals.demands.get(name, Demand())
            load = scaled.history.load(demand, (post for post in posts if post.node == name))
            scaled.autoscaler.look(load, now)
            scaled.policy.look(now)
            if demand.outstanding and not self._replicas(name):
                self._call(name)
            if scaled.autoscaler.replicas >= self._replicas(name):
                scaled.spare_since = None
            elif scaled.spare_since is None:
                scaled.spare_since = now

    def _call(self, name: str) -> None:
        """A request waits for a replica of an Executor that has none."""
        scaled, now = self._scaled[name], asyncio.get_running_loop().time()
        scaled.called = True
        scaled.autoscaler.look(Load(outstanding=1.0), now)  # so that it is kept for a while, once it is there
        wait = scaled.not_before - now
        if wait > 0:
            self._refuse(name, wait)

    def _replicas(self, name: str) -> int:
        return self._supervisor.blueprint.nodes[name].replicas

    def _wanted(self, name: str, now: float) -> int:
        """How many there should be, as far as more may be tried just now."""
        scaled, there = self._scaled[name], self._replicas(name)
        wanted = scaled.autoscaler.replicas
        if not there and (scaled.called or scaled.reason):
            wanted = max(1, wanted)
        if wanted <= there:
            return max(wanted, there - self._spare(name, now))
        looping = any(post.member.looping for post in self._supervisor.crew if post.node == name)
        return there if looping or now < scaled.not_before else wanted

    def _spare(self, name: str, now: float) -> int:
        """How many of the last replicas may go: those that have nothing to do, as long as there is patience."""
        since = self._scaled[name].spare_since
        posts = sorted((p for p in self._supervisor.crew if p.node == name), key=lambda post: -post.spec.replica)
        if since is not None and now - since >= PATIENCE_SECONDS:
            return len(posts)
        idle = takewhile(lambda post: not (post.member.vitals.in_flight + post.member.vitals.queued), posts)
        return sum(1 for _ in idle)

    async def _scale(self, name: str, before: int, replicas: int) -> None:
        scaled, loop = self._scaled[name], asyncio.get_running_loop()
        scaled.called = False
        try:
            await self._supervisor.scale(name, replicas)
        except ThalwegError as error:
            scaled.not_before = scaled.policy.ended(loop.time())
            scaled.reason = str(error)
            wait = scaled.not_before - loop.time()
            log.warning(
                "%s stays at %d replicas; %d are tried again in %.1f s: %s", name, before, replicas, wait, error
            )
            if not before:
                self._refuse(name, wait)
            return
        scaled.reason = ""
        scaled.not_before = -inf
        scaled.policy.ready(loop.time())
        log.info("%s has %d replicas now, after %d", name, replicas, before)

    def _refuse(self, name: str, retry_after: float) -> None:
        """Have the Gateway tell those who wait that they wait in vain."""
        gateway = self._supervisor.gateway
        if gateway is None:
            return
        reason = f"No replica of {name!r} could be started; the log says why."
        telling = asyncio.ensure_future(gateway.order(Unstaffed(name, reason, max(retry_after, 0.1))))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._task = None
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("A change of the number of replicas has failed", exc_info=error)
        self.act()
