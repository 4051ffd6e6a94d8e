"""Carries out a rollout: launches and drains processes, and has the Gateway shift requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from thalweg.errors import ConfigurationError, StartupFailed, ThalwegError, Unavailable
from thalweg.message import ServiceDescription
from thalweg.orchestration.blueprint import Blueprint
from thalweg.orchestration.change.crew import Post, same_graph
from thalweg.orchestration.change.rollout import (
    Action,
    Drain,
    Finished,
    Launch,
    Replacement,
    Rollout,
    RolloutStage,
    Shift,
    TakenBack,
)
from thalweg.orchestration.external import description, elsewhere
from thalweg.routing.replica import Replica
from thalweg.service import control
from thalweg.service.control import Go, Ready, Replicas, Report, Shifted, Standing, Unshifted, Vacated

if TYPE_CHECKING:
    from thalweg.orchestration.supervisor import Supervisor

Descriptions = Mapping[str, ServiceDescription]
ABORT_SECONDS = 0.4
"""How long a process that was never needed has to close."""


@dataclass(frozen=True)
class Amendment:
    """What is to become of what runs, and how. See `Rollout` for `surge`, `canary` and `settle`."""

    blueprint: Blueprint
    renewed: frozenset[str] = frozenset()
    """Executors whose processes are replaced, and titles of single ones (`enc/1`), although nothing in their description
    differs."""
    surge: int | None = None
    canary: float | None = None
    settle: float = 0.0
    drain_seconds: float = 10.0
    replicas: Mapping[str, int] = field(default_factory=dict)
    """How many there are to be from now on of Executors whose number the load decides; of all others of these there stay
    as many as there are."""


@dataclass(frozen=True)
class Changed:
    """What a change did, by name of Executor."""

    replaced: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    scaled: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = {"replaced": self.replaced, "added": self.added, "removed": self.removed, "scaled": self.scaled}
        return "; ".join(f"{what} {', '.join(names)}" for what, names in parts.items() if names) or "nothing changed"


class Changeover:
    """One change of what a `Supervisor` runs, from `run` to its end. Made and used on one event loop."""

    def __init__(self, supervisor: Supervisor, change: Amendment) -> None:
        self._supervisor = supervisor
        self._change = change
        crew = supervisor.crew
        self._before = dict(crew.posts)
        turns, self._after = crew.turns(supervisor.blueprint, change.blueprint, change.renewed)
        self._turns: Sequence[Replacement] = turns
        self._rollout = Rollout(turns, surge=change.surge, canary=change.canary, settle=change.settle)
        self._events: asyncio.Queue[Callable[[], list[Action]]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watched: list[Callable[[], None]] = []
        self._bringing: asyncio.Task[None] | None = None
        self._descriptions: dict[str, ServiceDescription] = {}
        self._error: BaseException | None = None
        self._number = 0
        self._weights: Mapping[str, float] = {}
        self._vacated = asyncio.Event()
        self._outcome: Finished | TakenBack | None = None
        self.called_off = False
        self.tested = asyncio.get_running_loop().create_future()
        """Done once the canary has its share, or all is over without one."""

    @property
    def alone(self) -> bool:
        """Whether perhaps nobody waits for its end: a canary ends by itself where it fails."""
        return self._change.canary is not None and not self.called_off

    @property
    def posts(self) -> dict[str, Post]:
        """Those from before and those that come."""
        return {**self._after, **self._before}

    @property
    def coming(self) -> dict[str, Post]:
        """Those that are to be there in the end."""
        return self._after

    @property
    def changed(self) -> Changed:
        """What this does, or has done."""
        old, new = self._supervisor_nodes(self._before), self._supervisor_nodes(self._after)
        gone = {self.posts[key].node for turn in self._turns for key in turn.old}
        come = {self.posts[key].node for turn in self._turns for key in turn.new}
        external = set(self._change.blueprint.externals) - set(self._supervisor.blueprint.externals)
        replaced = gone & come & old & new
        return Changed(
            tuple(sorted(replaced)),
            tuple(sorted(come - old) + sorted(external - new)),
            tuple(sorted(gone - new)),
            tuple(sorted(((gone ^ come) | (gone & come)) & old & new - replaced)),
        )

    def _supervisor_nodes(self, posts: Mapping[str, Post]) -> set[str]:
        return {post.node for post in posts.values()}

    async def run(self) -> Changed:
        """Do it all.

        Raises:
            StartupFailed: a new process did not become ready, or not for long. All is as it was.
            ConfigurationError: the new does not fit together, or not with the old. All is as it was.
        """
        changed = self.changed
        gateway = self._supervisor.gateway
        assert gateway is not None
        gateway.heed = self._on_gateway
        try:
            await self._describe_externals()
            self._check_mixing()
            self._act(self._rollout.begin())
            while self._outcome is None:
                self._act(await self._next())
            if isinstance(self._outcome, TakenBack) and self._outcome.mixed:
                await self._let_go()
            return self._concluded(changed)
        finally:
            gateway.heed = None
            for let_go in self._watched:  # else the new processes would hold this, and with it the old ones
                let_go()
            for task in (*self._tasks, *([self._bringing] if self._bringing else [])):
                task.cancel()
            if not self.tested.done():
                self.tested.set_result(None)

    def abort(self, reason: str) -> None:
        """Go back to what was, if that is possible yet. `run` raises then."""
        self._put(lambda: self._rollout.abort(reason))

    def promote(self) -> None:
        """The canary is fine."""
        self._put(self._rollout.promote)

    # the loop ------------------------------------------------------------------------------------------------------------

    async def _next(self) -> list[Action]:
        loop = asyncio.get_running_loop()
        until = self._rollout.settles_at
        try:
            async with asyncio.timeout_at(until):
                event = await self._events.get()
        except TimeoutError:
            return self._rollout.look(max(loop.time(), until or 0.0))
        return event()

    def _put(self, event: Callable[[], list[Action]]) -> None:
        self._events.put_nowait(event)

    def _act(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Launch(processes):
                    self._start(processes)
                case Shift():
                    self._do(self._shift(action))
                case Drain(processes):
                    self._drain(processes)
                case Finished() | TakenBack():
                    self._outcome = action
        if self._rollout.stage is RolloutStage.CANARY and not self.tested.done():
            self.tested.set_result(None)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._did)

    def _did(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._error = self._error or error
            self._put(lambda: self._rollout.refused(str(error)))

    def _concluded(self, changed: Changed) -> Changed:
        outcome, supervisor = self._outcome, self._supervisor
        if isinstance(outcome, Finished):
            supervisor.crew.posts = self._after
            supervisor.blueprint = self._change.blueprint
            supervisor.descriptions = self._known(new=True)
            return changed
        assert isinstance(outcome, TakenBack)
        state = (
            "Some processes run the new version and some the old one."
            if outcome.mixed
            else "All is as it was: what ran before answers."
        )
        error = self._error
        if error is None:
            raise StartupFailed(f"The change was taken back: {outcome.reason}. {state}")
        error.add_note(f"The change was taken back. {state}")
        raise error

    # what is known -------------------------------------------------------------------------------------------------------

    async def _describe_externals(self) -> None:
        before, now = self._supervisor.blueprint.externals, self._change.blueprint.externals
        for name, node in now.items():
            if before.get(name) != node:
                self._descriptions[name] = await description(name, node)

    def _known(self, new: bool) -> dict[str, ServiceDescription]:
        """What all say of themselves: before, or as it is to be."""
        before = self._supervisor.descriptions
        if not new:
            return dict(before)
        names = [*dict.fromkeys(post.name for post in self._after.values()), *self._change.blueprint.externals]
        idle = [name for name in before if name not in names and name.partition("/")[0] in self._change.blueprint.nodes]
        found = {**before, **self._descriptions}
        return {name: found[name] for name in [*names, *idle] if name in found}

    def _check_mixing(self) -> None:
        """That a graph changes at once, not while old and new answer side by side.

        Raises:
            ConfigurationError: it does not.
        """
        if not self._mixes or same_graph(self._supervisor.blueprint.nodes, self._change.blueprint.nodes):
            return
        how = "a canary" if self._change.canary is not None else f"surge={self._change.surge}"
        raise ConfigurationError(
            f"With {how} old and new replicas answer side by side, so the graph must stay as it is: change that first, "
            f"in an update of its own."
        )

    @property
    def _mixes(self) -> bool:
        """Whether old and new answer side by side for a while."""
        surge = self._change.surge
        most = max((max(len(turn.old), len(turn.new)) for turn in self._turns if turn.old and turn.new), default=0)
        return self._change.canary is not None or (surge is not None and most > surge)

    def _fits(self, described: Descriptions) -> None:
        before = self._supervisor.descriptions
        for name, found in described.items():
            if self._mixes and name in before and before[name] != found:
                raise ConfigurationError(
                    f"The new version of {name!r} takes or gives other documents, or answers other endpoints, than the one "
                    f"that runs. They cannot answer side by side: leave out canary and surge."
                )
        self._descriptions.update(described)
        self._change.blueprint.check(self._known(new=True))

    # processes -----------------------------------------------------------------------------------------------------------

    def _start(self, processes: Sequence[str]) -> None:
        posts = [self.posts[key] for key in processes]
        for post in posts:
            if post.task is not None:
                post.renew(self._supervisor.crew.means)
            self._watch(post)
        self._bringing = asyncio.get_running_loop().create_task(self._bring_up(posts))
        self._bringing.add_done_callback(self._brought_up)

    def _watch(self, post: Post) -> None:
        key, member = post.key, post.member

        def heed(report: Report) -> None:
            if isinstance(report, control.Failed) and member.ready.done():
                self._fail(key, report.message, None)

        def ended(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                self._fail(key, str(error), error)

        member.heed = heed
        member.ready.add_done_callback(lambda _: self._put(lambda: self._rollout.ready(key)))
        task = post.start()
        task.add_done_callback(ended)

        def let_go() -> None:
            member.heed = None
            task.remove_done_callback(ended)

        self._watched.append(let_go)

    def _fail(self, key: str, reason: str, error: BaseException | None) -> None:
        def event() -> list[Action]:
            actions = self._rollout.failed(key, reason)
            if actions:
                self._error = self._error or error
            return actions

        self._put(event)

    async def _bring_up(self, posts: Sequence[Post]) -> None:
        described = {post.name: await post.member.described for post in posts}
        self._fits(described)
        for post in posts:
            await post.member.release(Go())

    def _brought_up(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._error = self._error or error
            self._put(lambda: self._rollout.refused(str(error)))

    def _drain(self, processes: Sequence[str]) -> None:
        if self._bringing is not None:
            self._bringing.cancel()
        for key in processes:
            self._do(self._end(key))

    async def _end(self, key: str) -> None:
        post, seconds = self.posts[key], self._change.drain_seconds
        member = post.member
        member.heed = None
        if post.task is not None:
            if member.ready.done():
                await self._leave_it_time(seconds)
                await member.stop(seconds)
            else:
                await member.stop(0.0, ABORT_SECONDS)
        self._put(lambda: self._rollout.drained(key))

    async def _leave_it_time(self, seconds: float) -> None:
        """Until the Gateway knows of no request there any more, but not for ever."""
        try:
            async with asyncio.timeout(seconds):
                await self._vacated.wait()
        except TimeoutError:
            return

    # the Gateway ---------------------------------------------------------------------------------------------------------

    async def _shift(self, shift: Shift) -> None:
        supervisor = self._supervisor
        gateway = supervisor.gateway
        assert gateway is not None
        number = self._number = supervisor.next_number()
        self._vacated.clear()
        self._weights = shift.weights
        descriptions = self._known(shift.new)
        blueprint = self._change.blueprint if shift.new else supervisor.blueprint
        assert blueprint.gateway is not None
        replicas = self._replicas(shift, blueprint)
        gateway.revise(blueprint.gateway.content)
        await gateway.release(Go(descriptions, replicas))
        content = b"" if self._same_graph else blueprint.gateway.content
        await gateway.order(Replicas(number, replicas, descriptions, content, self._held(shift)))

    def _held(self, shift: Shift) -> list[str]:
        """Executors of which somebody has gone, and nobody come yet."""
        alone = [turn for turn in self._turns if turn.old and turn.new]
        empty = [turn for turn in alone if not shift.weights.keys() & {*turn.old, *turn.new}]
        return sorted({self.posts[turn.new[0]].name for turn in empty})

    async def _let_go(self) -> None:
        """Let nobody wait for a replica that does not come."""
        shift, supervisor = Shift(self._weights, new=False), self._supervisor
        if self._held(shift):
            replicas = self._replicas(shift, supervisor.blueprint)
            order = Replicas(supervisor.next_number(), replicas, self._known(new=False))
            assert supervisor.gateway is not None
            await supervisor.gateway.order(order)

    @property
    def _same_graph(self) -> bool:
        return same_graph(self._supervisor.blueprint.nodes, self._change.blueprint.nodes)

    def _replicas(self, shift: Shift, blueprint: Blueprint) -> dict[str, list[Replica]]:
        """Those of the rollout by its weights, and all others as they are."""
        turning = {key for turn in self._turns for key in (*turn.old, *turn.new)}
        names = dict.fromkeys(post.name for post in (self._after if shift.new else self._before).values())
        found: dict[str, list[Replica]] = {name: [] for name in (*names, *self._idle(blueprint))}
        for key, post in self.posts.items():
            weight = shift.weights.get(key, 0.0) if key in turning else 1.0
            if weight > 0 and post.name in found:
                found[post.name].append(post.replica(weight))
        for name, node in blueprint.externals.items():
            found[name] = elsewhere(node)
        return found

    def _idle(self, blueprint: Blueprint) -> list[str]:
        """Executors of which there is no process just now."""
        staffed = {spec.name for spec in blueprint.workers}
        return [
            name
            for name in self._supervisor.descriptions
            if name not in staffed and name not in blueprint.externals and name.partition("/")[0] in blueprint.nodes
        ]

    def _on_gateway(self, report: Report) -> None:
        number, loop = self._number, asyncio.get_running_loop()
        match report:
            case Shifted(this) if this == number:
                self._put(lambda: self._rollout.shifted(loop.time()))
            case Unshifted(this, reason) if this == number:
                error: ThalwegError = Unavailable(reason)
                self._error = self._error or error
                self._put(lambda: self._rollout.refused(reason))
            case Vacated(this) if this == number:
                self._vacated.set()
            case Ready():  # it has died meanwhile, and begins with what was last to be
                self._vacated.set()
                self._put(lambda: self._rollout.shifted(loop.time()))
            case Standing(address, ready=False):
                for key, post in self._after.items():
                    member = post.member
                    if key not in self._before and member.ready.done() and member.ready.result()[0] == address:
                        self._fail(key, f"{member.title} is not ready any more", None)
