"""From the launch to the first answer, or to the reason why there is none."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from thalweg.service.control import Described, Failed, Go, Loading, Pulse, Ready, Starting
from thalweg.testing.launchers.subject import PATIENCE_SECONDS, Stage, launcher_check


@launcher_check
async def it_becomes_ready_step_by_step_and_answers(stage: Stage) -> None:
    started = await stage.start(stage.spec("Speaker", uses_with={"greeting": "good day"}))
    described = await started.expect(Loading, Described)
    assert isinstance(described, Described)
    assert "/greet" in {endpoint.path for endpoint in described.description.endpoints}
    assert started.process.reports.empty(), "It went on before it was told to."
    assert not list(stage.directory.path.rglob("[!c]*.sock")), "It listens before it was told to."
    await started.process.send(Go())
    ready = await started.expect(Starting, Ready)
    assert isinstance(ready, Ready)
    assert len(ready.addresses) == 1
    started.addresses = ready.addresses
    assert await started.said("/greet", "friend") == "good day friend"


@launcher_check
async def it_gets_its_variables_and_its_number_prints_and_pulses(stage: Stage) -> None:
    started = await stage.ready(env={"SAMPLE": "of a variable"}, replicas=2, uses_with={"greeting": "the first"})
    await started.prints("standard output of the first\n")
    await started.prints("standard error of the first\n")
    assert await started.said("/variable", "SAMPLE") == "of a variable"
    assert await started.said("/replica", "") == "1"
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert isinstance(await started.process.reports.get(), Pulse)


@launcher_check
async def two_at_once_do_not_meet(stage: Stage) -> None:
    specs = [stage.spec("Speaker", name=name, uses_with={"greeting": name}) for name in ("one", "two")]
    apart = specs[1].addresses[0].replace(".sock", "-two.sock")
    both = [await stage.start(specs[0]), await stage.start(replace(specs[1], addresses=[apart]))]
    await asyncio.gather(*(one.become_ready() for one in both))
    assert both[0].addresses != both[1].addresses
    assert await both[0].said("/greet", "!") == "one !"
    assert await both[1].said("/greet", "!") == "two !"


@launcher_check
async def a_constructor_that_fails_is_reported(stage: Stage) -> None:
    started = await stage.start(stage.spec("Unfinished"))
    await started.expect(Loading, Described)
    await started.process.send(Go())
    failed = await started.expect(Starting, Failed)
    assert isinstance(failed, Failed)
    assert "ValueError: the model is not finished" in failed.message
    assert await started.report() is None
    assert await started.status() == 1


@launcher_check
async def code_that_is_not_there_is_reported_before_anything_is_constructed(stage: Stage) -> None:
    started = await stage.start(stage.spec("Missing"))
    failed = await started.report()
    if isinstance(failed, Loading):
        failed = await started.report()
    assert isinstance(failed, Failed), f"{failed!r} where Failed should be"
    assert "Missing" in failed.message
    assert await started.report() is None
    assert await started.status() == 1
