"""Every transport passes the same checks: on Python's event loop, and as in our processes, on uvloop and the short way."""

import asyncio
import sys
from dataclasses import replace

import pytest
from _pytest.mark import ParameterSet

from thalweg.testing.conformance import CHECKS, Check, Subject

SUBJECTS = {
    "inprocess": Subject("thalweg.transport.inprocess", "inprocess://", separate=False),
    "grpc": Subject("thalweg.transport.grpc", "grpc://127.0.0.1:0"),
    "unix": Subject("thalweg.transport.local", "unix://{folder}/socket"),
    "websocket": Subject("thalweg.transport.websocket", "ws://127.0.0.1:0"),
    "http": Subject("thalweg.transport.http", "http://127.0.0.1:0", inflight=512, duplex=False),
}
SHORT = {f"{name}-short": replace(subject, submits=True) for name, subject in SUBJECTS.items() if subject.separate}


def cases(subjects: dict[str, Subject]) -> list[ParameterSet]:
    return [
        pytest.param(subject, check, id=f"{name}-{check.name}")
        for name, subject in subjects.items()
        for check in CHECKS
        if check.applies(subject)
    ]


@pytest.mark.parametrize("subject,check", cases(SUBJECTS))
async def test_transport_conforms(subject: Subject, check: Check) -> None:
    await check(subject)


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop is not made for Windows")
@pytest.mark.parametrize("subject,check", cases(SHORT))
def test_transport_conforms_where_handlers_have_the_short_way(subject: Subject, check: Check) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(check(subject))
