"""Watches the code of what runs, and has it take over what is edited."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from thalweg.config.rollout import Reload
from thalweg.errors import StartupFailed, ThalwegError
from thalweg.orchestration.change.edits import Edits
from thalweg.service.control import Patched

if TYPE_CHECKING:
    from thalweg.orchestration.supervisor import Supervisor

log = logging.getLogger("thalweg.reload")


@dataclass(frozen=True)
class Watched:
    """What is to be watched just now."""

    executors: Mapping[str, Sequence[str]]
    """Executor -> the files with its code and its own YAML."""
    terms: Mapping[str, Reload] = field(default_factory=dict)
    """Executor -> how it takes over what is edited."""
    description: str = ""
    """The file that says what is to run; empty where there is none."""

    @property
    def files(self) -> set[str]:
        code = {file for files in self.executors.values() for file in files}
        return code | {self.description} if self.description else code


class Reloadable(Protocol):
    """What runs, and can be changed."""

    def watched(self) -> Watched: ...

    async def patch(self, executor: str, files: Sequence[str]) -> list[Patched]:
        """What became of a change in functions, in each process."""

    async def renew(self, executors: Sequence[str], read_again: bool) -> str:
        """Replace the processes of these; `read_again` says to make of it first what its description says now. Says what was
        done."""


async def keep_reloaded(target: Reloadable) -> None:
    """For ever: wait for edits, and take them over. What cannot be taken over is logged, and what ran goes on."""
    edits = Edits()
    for name, files in target.watched().executors.items():
        if not any(file.endswith(".py") for file in files):
            log.warning(
                "%s is defined in the script itself, or where no file is: it cannot be loaded again, so it is not watched. "
                "Put it into a module of its own.",
                name,
            )
    while True:
        edits.watch(target.watched().files)
        edited = await edits.next()
        try:
            await _take_over(target, edited)
        except ThalwegError as error:
            traceback = f"\n{error.traceback}" if isinstance(error, StartupFailed) and error.traceback else ""
            log.error("What was edited is not taken over, and what ran before goes on: %s%s", error, traceback)


async def _take_over(target: Reloadable, edited: set[str]) -> None:
    watched = target.watched()
    renewed = []
    for executor, files in watched.executors.items():
        mine = sorted(edited.intersection(files))
        if mine and not (watched.terms.get(executor) == "functions" and await _patched(target, executor, mine)):
            renewed.append(executor)
    again = watched.description in edited
    if renewed or again:
        done = await target.renew(renewed, again)
        log.info("%s was edited: %s", ", ".join(sorted(edited)), done)


async def _patched(target: Reloadable, executor: str, files: Sequence[str]) -> bool:
    """Whether nothing is left to be done for these files."""
    found = await target.patch(executor, files)
    broken = next((one for one in found if one.broken), None)
    if broken is not None:
        log.error("%s runs the code that it had: %s", executor, broken.problem)
        return True
    problem = next((one.problem for one in found if one.problem), "")
    if problem:
        log.info("%s is started anew: %s", executor, problem)
        return False
    changed = sorted({name for one in found for name in one.functions})
    log.info("%s goes on with new code of: %s", executor, ", ".join(changed) or "nothing that it runs")
    return True


class RunningCode:
    """The code of what a `Supervisor` runs. `renew` is called on a thread of its own; `description` is the file that says
    what is to run."""

    def __init__(
        self, supervisor: Supervisor, renew: Callable[[Sequence[str], bool], object], description: str
    ) -> None:
        self._supervisor = supervisor
        self._renew = renew
        self._description = description

    def watched(self) -> Watched:
        """See `Reloadable`."""
        nodes = self._supervisor.blueprint.nodes
        terms = {name: node.reload for name, node in nodes.items() if node.reload}
        files: dict[str, set[str]] = {name: set() for name in terms}
        for post in self._supervisor.crew:
            if post.node in files:
                files[post.node].update(post.member.files)
        return Watched({name: sorted(found) for name, found in files.items()}, terms, self._description)

    async def patch(self, executor: str, files: Sequence[str]) -> list[Patched]:
        """See `Reloadable`."""
        return await self._supervisor.patch(executor, files)

    async def renew(self, executors: Sequence[str], read_again: bool) -> str:
        """See `Reloadable`."""
        return str(await asyncio.to_thread(self._renew, executors, read_again))


class Watcher:
    """`keep_reloaded` in a task, from its start to its end."""

    def __init__(self, target: Reloadable) -> None:
        self._task = asyncio.get_running_loop().create_task(keep_reloaded(target), name="watch the code")
        self._task.add_done_callback(_log_defect)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


def _log_defect(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.error("Code is not watched any more", exc_info=error)
