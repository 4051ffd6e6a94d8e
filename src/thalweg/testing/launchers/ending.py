"""Ending well, ending badly, and what is left."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable

from thalweg.service.control import Described, Go, Loading, Starting, Stop
from thalweg.testing.launchers.subject import PATIENCE_SECONDS, Stage, Started, ask, launcher_check

KILLED = -signal.SIGKILL


@launcher_check
async def an_order_to_stop_lets_requests_under_way_end(stage: Stage) -> None:
    started = await stage.ready()
    assert await _answered_while(started, lambda: started.process.send(Stop(PATIENCE_SECONDS))) == 0
    while (report := await started.report()) is not None:
        raise AssertionError(f"{report!r} after the order to stop")


@launcher_check
async def sigterm_does_the_same(stage: Stage) -> None:
    started = await stage.ready()

    async def terminate() -> None:
        started.process.kill(signal.SIGTERM)

    assert await _answered_while(started, terminate) == 0


@launcher_check
async def an_order_to_stop_before_it_is_ready_ends_it(stage: Stage) -> None:
    started = await stage.start(stage.spec("Speaker"))
    await started.expect(Loading, Described)
    assert await started.stop() == 0


@launcher_check
async def one_that_is_killed_takes_along_what_it_has_started(stage: Stage) -> None:
    started = await stage.ready("Careless")
    await started.prints("left behind")
    started.process.kill()
    assert await started.status() == KILLED
    assert await started.report() is None
    await started.silence()


@launcher_check
async def one_that_keeps_the_interpreter_can_be_killed(stage: Stage) -> None:
    started = await stage.start(stage.spec("Stubborn"))
    await started.expect(Loading, Described)
    await started.process.send(Go())
    await started.expect(Starting)
    await started.prints("keeps the interpreter")
    started.process.kill()
    assert await started.status() == KILLED
    await started.silence()


@launcher_check
async def one_can_be_killed_right_after_the_launch(stage: Stage) -> None:
    started = await stage.start(stage.spec("Speaker"))
    started.process.kill()
    assert await started.status() == KILLED
    while await started.report() is not None:
        """It may have got so far as to say something."""
    await started.silence()


@launcher_check
async def one_whose_channel_is_closed_ends(stage: Stage) -> None:
    started = await stage.ready()
    started.process.close()
    assert await started.status() != 0
    await started.silence()


@launcher_check
async def the_exit_code_of_user_code_is_told(stage: Stage) -> None:
    started = await stage.start(stage.spec("Abrupt"))
    await started.expect(Loading, Described)
    await started.process.send(Go())
    assert await started.status() == 7
    await started.silence()
    assert b"last words" in started.printed


@launcher_check
async def it_can_be_started_again_at_the_same_address(stage: Stage) -> None:
    first = await stage.ready()
    first.process.kill()
    await first.status()
    second = await stage.start(first.spec)
    await second.become_ready()
    assert second.addresses == first.addresses
    assert await second.said("/greet", "again") == "hello again"
    assert await second.process.pid != await first.process.pid


async def _answered_while(started: Started, end: Callable[[], Awaitable[None]]) -> int:
    """The exit code of one that is ended while a request is under way, which is answered."""
    async with started.called() as client:
        asking = asyncio.create_task(ask(client, "/slow", "0.5"))
        await started.prints("slow begins")
        await end()
        assert await asking == "0.5"
    return await started.status()
