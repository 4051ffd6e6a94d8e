"""Starts the processes of one Flow together, keeps them alive, changes them while they run, and stops them in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TypeVar

from thalweg.errors import ConfigurationError, StartupFailed, ThalwegError
from thalweg.message import ServiceDescription
from thalweg.orchestration.blueprint import Blueprint
from thalweg.orchestration.change.changeover import Amendment, Changed, Changeover
from thalweg.orchestration.change.crew import Crew, Post
from thalweg.orchestration.external import description, elsewhere
from thalweg.orchestration.member import Means, Member
from thalweg.orchestration.scaling import Scaling
from thalweg.service.control import Failed, Go, Patch, Patched, Report

log = logging.getLogger("thalweg.supervisor")

T = TypeVar("T")

ABORT_SECONDS = 0.4
"""How long processes that are ready already have to close, when another one of them fails to start."""


PATCH_SECONDS = 5.0
"""How long a process may take to look at what has changed in its functions."""


class Supervisor:
    """Used on one event loop, once."""

    def __init__(self, blueprint: Blueprint, means: Means) -> None:
        means = replace(means, replace=self._replace)
        self.blueprint = blueprint
        """What runs, or is to run."""
        self.descriptions: dict[str, ServiceDescription] = {}
        self.crew = Crew(means)
        self.crew.first(blueprint.workers)
        self.gateway = None if blueprint.gateway is None else Member(blueprint.gateway, means)
        self._gateway_task: asyncio.Task[None] | None = None
        self._orders = 0
        self._changing: asyncio.Task[Changed] | None = None
        self._changeover: Changeover | None = None
        self._turn = asyncio.Lock()
        self._replacing: set[asyncio.Task[None]] = set()
        self.scaling = Scaling(self)

    @property
    def workers(self) -> list[Member]:
        """Those that come first, while something changes, then those that are there."""
        changeover = self._changeover
        posts = self.crew.posts if changeover is None else {**changeover.posts, **self.crew.posts}
        return [post.member for post in posts.values()]

    @property
    def members(self) -> list[Member]:
        """The Gateway first: its servers take longest to load."""
        return [*([] if self.gateway is None else [self.gateway]), *self.workers]

    @property
    def _tasks(self) -> list[asyncio.Task[None]]:
        """Those that keep processes alive."""
        changeover = self._changeover
        posts = self.crew.posts if changeover is None else {**changeover.posts, **self.crew.posts}
        kept = [post.task for post in posts.values() if post.task is not None]
        return kept if self._gateway_task is None else [self._gateway_task, *kept]

    async def start(self) -> list[str]:
        """Start everything at once; return the addresses of the front: of the Gateway, or of the one worker.

        Nothing is constructed before all descriptions are there and fit. There is no limit of time while the processes
        live. At the first failure, or when cancelled, everything is stopped again.

        Raises:
            StartupFailed: a process did not become ready.
            ConfigurationError: the descriptions do not fit each other.
        """
        try:
            if self.gateway is not None:
                self._gateway_task = self.gateway.start()
            for post in self.crew:
                post.start()
            addresses = await self._phases()
            self.scaling.follow()
            return addresses
        except BaseException:
            await self._abort()
            raise

    async def _phases(self) -> list[str]:
        workers, externals = self.workers, self.blueprint.externals
        described = await self._all(
            [
                *(worker.described for worker in workers),
                *(description(name, node) for name, node in externals.items()),
            ]
        )
        names = [*(worker.name for worker in workers), *externals]
        self.descriptions = dict(zip(names, described, strict=True))
        self.blueprint.check(self.descriptions)
        for worker in workers:
            await worker.release(Go())
        addresses = await self._all([worker.ready for worker in workers])
        if self.gateway is None:
            return addresses[0]
        replicas = {name: elsewhere(node) for name, node in externals.items()}
        for post in self.crew:
            replicas.setdefault(post.name, []).append(post.replica())
        await self.gateway.release(Go(self.descriptions, replicas))
        return (await self._all([self.gateway.ready]))[0]

    # change --------------------------------------------------------------------------------------------------------------

    async def change(self, change: Amendment) -> Changed:
        """Make what runs into what `change` says, without losing a request; see `Changeover.run`. One change waits for
        another, and while a canary runs there can be none. A caller who is cancelled gets back what was."""
        async with self._alone():
            changed = await self._through(await self.scaling.staffed(change))
            self.scaling.restart(change.replicas)
            return changed

    async def scale(self, executor: str, replicas: int) -> Changed:
        """Have so many replicas of an Executor whose number the load decides. Raises as `change` does."""
        async with self._alone():
            blueprint = await asyncio.to_thread(self.blueprint.staffed, {executor: replicas})
            return await self._through(Amendment(blueprint, drain_seconds=self._drain_seconds))

    @property
    def _drain_seconds(self) -> float:
        return max((post.member.drain_seconds for post in self.crew), default=Amendment.drain_seconds)

    async def _through(self, change: Amendment) -> Changed:
        changeover = self._begin(change)
        assert self._changing is not None
        return await self._to_its_end(changeover, self._changing)

    async def test(self, change: Amendment) -> Changed:
        """Begin a change with a canary, and return when that has its share of the requests. What becomes of it is said by
        `promote` or `abort`. Raises as `change` does."""
        async with self._alone():
            if self.scaling.asleep:  # nobody can be woken while a canary runs
                awake = await asyncio.to_thread(self.blueprint.staffed, dict.fromkeys(self.scaling.asleep, 1))
                await self._through(Amendment(awake))
            changeover = self._begin(await self.scaling.staffed(change))
            assert self._changing is not None
            try:
                await asyncio.shield(changeover.tested)
            except asyncio.CancelledError:
                changeover.abort("it was called off")
                await asyncio.wait([self._changing])
                raise
            return await self._changing if self._changing.done() else changeover.changed

    async def promote(self) -> Changed:
        """Give the canary all requests, replace all the others, and return when that is done. Raises as `change` does, and
        `ConfigurationError` where there is no canary."""
        changeover, task = self._tested()
        changeover.promote()
        return await self._to_its_end(changeover, task)

    async def abort(self) -> None:
        """Take the canary away. Raises `ConfigurationError` where there is none."""
        changeover, task = self._tested()
        changeover.called_off = True
        changeover.abort("the canary was called off")
        await asyncio.wait([task])

    def _replace(self, member: Member, reason: str) -> bool:
        """See `Means.replace`: not without a Gateway, which has requests go to another process, and not while a canary
        runs."""
        if self.gateway is None or self.tests:
            return False
        work = self._replace_one(member, reason)
        task = asyncio.get_running_loop().create_task(work, name=f"replace {member.title}")
        self._replacing.add(task)
        task.add_done_callback(self._replacing.discard)
        return True

    async def _replace_one(self, member: Member, reason: str) -> None:
        try:
            async with self._alone():
                if member not in self.workers:  # a change that was under way has seen to it
                    return
                renewed = frozenset({member.title})
                changeover = self._begin(Amendment(self.blueprint, renewed, drain_seconds=member.drain_seconds))
                assert self._changing is not None
                await self._to_its_end(changeover, self._changing)
        except ThalwegError as error:
            log.warning("%s is not replaced by a new process: %s It is started again.", member.title, error)
            await member.retire(reason)

    async def patch(self, executor: str, files: Sequence[str]) -> list[Patched]:
        """Have the processes of an Executor take over what has changed in the functions of `files`; what became of that in
        each. While something else changes there is none: those that come have loaded the new text anyway."""
        loop = asyncio.get_running_loop()
        async with self._alone():
            waiting: list[asyncio.Future[Patched]] = []
            for post in self.crew:
                if post.node != executor:
                    continue
                number, done = self.next_number(), loop.create_future()
                post.member.heed = partial(_note_patched, done)
                if await post.member.order(Patch(number, list(files))):
                    waiting.append(done)
            try:
                async with asyncio.timeout(PATCH_SECONDS):
                    return await asyncio.gather(*waiting)
            except TimeoutError:
                return [Patched(0, problem=f"a replica has not answered within {PATCH_SECONDS:g} seconds")]
            finally:
                for post in self.crew:
                    post.member.heed = None

    @property
    def tests(self) -> bool:
        """Whether a canary runs."""
        return self._changing is not None and not self._changing.done() and not self._turn.locked()

    @property
    def settled(self) -> bool:
        """Whether nothing changes just now."""
        return not self._turn.locked() and (self._changing is None or self._changing.done())

    @property
    def coming(self) -> list[Post]:
        """Those that are to be there once nothing changes any more."""
        changeover = self._changeover
        return list((self.crew.posts if changeover is None else changeover.coming).values())

    def next_number(self) -> int:
        """For the next order to the Gateway."""
        self._orders += 1
        return self._orders

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        try:
            async with self._turn:
                if self._changing is not None and not self._changing.done():
                    raise ConfigurationError("A canary runs: promote() or abort() it first.")
                yield
        finally:
            self.scaling.act()

    def _begin(self, change: Amendment) -> Changeover:
        changeover = self._changeover = Changeover(self, change)
        self._changing = asyncio.get_running_loop().create_task(changeover.run(), name="change")
        self._changing.add_done_callback(self._changed)
        return changeover

    def _changed(self, task: asyncio.Task[Changed]) -> None:
        changeover, self._changeover = self._changeover, None
        error = None if task.cancelled() else task.exception()
        if error is not None and changeover is not None and changeover.alone:
            log.warning("%s%s", error, "".join(f" {note}" for note in getattr(error, "__notes__", ())[-1:]))
        self.scaling.follow()

    async def _to_its_end(self, changeover: Changeover, task: asyncio.Task[Changed]) -> Changed:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                changeover.abort("it was called off")
                await asyncio.wait([task])
            raise

    def _tested(self) -> tuple[Changeover, asyncio.Task[Changed]]:
        if self._changeover is None or self._changing is None or self._turn.locked():
            raise ConfigurationError("There is no canary: it was promoted or aborted, or taken back since it failed.")
        return self._changeover, self._changing

    async def _end_change(self) -> None:
        """Let nothing be changed any more."""
        ending = [*self._replacing, *self.scaling.stop(), *([] if self._changing is None else [self._changing])]
        coming = {} if self._changeover is None else self._changeover.posts
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)
        self.crew.posts = {**coming, **self.crew.posts}

    # the end -------------------------------------------------------------------------------------------------------------

    async def _all(self, futures: Sequence[Awaitable[T]]) -> list[T]:
        """Their results, unless a member fails first."""
        waiting = asyncio.ensure_future(_gathered(futures))
        try:
            await asyncio.wait([waiting, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in self._tasks:
                if task.done():
                    task.result()
            return await waiting
        finally:
            waiting.cancel()

    async def _abort(self) -> None:
        await asyncio.gather(*(member.stop(0.0, ABORT_SECONDS) for member in self.members))
        self._collect()

    async def stop(self, drain_seconds: float) -> None:
        """Drain the Gateway, then the workers, then end. Each has `drain_seconds` for the requests under way."""
        await self._end_change()
        if self.gateway is not None:
            await self.gateway.stop(drain_seconds)
        await asyncio.gather(*(worker.stop(drain_seconds) for worker in self.workers))
        self._collect()

    async def kill(self) -> None:
        """End everything at once. May be called while `stop` is under way, which then returns."""
        await self._end_change()
        for member in self.members:
            member.kill()
        await asyncio.wait(self._tasks)
        self._collect()

    def _collect(self) -> None:
        """Look at how the members' tasks ended: what is no failure to start is a defect of ours."""
        for task in self._tasks:
            error = task.exception() if task.done() and not task.cancelled() else None
            if error is not None and not isinstance(error, StartupFailed):
                log.error("%s failed", task.get_name(), exc_info=error)


async def _gathered(futures: Sequence[Awaitable[T]]) -> list[T]:
    return [await future for future in futures]


def _note_patched(done: asyncio.Future[Patched], report: Report) -> None:
    if isinstance(report, Patched) and not done.done():
        done.set_result(report)
    elif isinstance(report, Failed) and not done.done():  # it has ended; the next one loads the new text
        done.set_result(Patched(0))
